"""Every format of files from the landing folder into its table, with what goes wrong on the way."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from tests.engine.lake import Lake

AT = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def landed(lake: Lake, name: str) -> Path:
    path = lake.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def source(kind: str) -> str:
    return f'source: {{format: {kind}, path: "${{landing}}/{kind}"}}'


def test_typed_files_text_and_bytes_are_loaded_once_and_columns_evolve(lake: Lake) -> None:
    lake.tables(
        bronze={kind: source(kind) for kind in ("parquet", "orc", "text", "binary")},
        silver={
            "parquet": "from: bronze.parquet\nschema: {id: bigint, price: 'decimal(10,2)'}\nmerge: {keys: id, sequence_by: _source_modified}"
        },
    )
    first = pa.table({"id": [1, 2], "price": pa.array(["1.10", "2.20"]).cast(pa.decimal128(10, 2))})
    pq.write_table(first, landed(lake, "parquet/1.parquet"))
    orc.write_table(first, landed(lake, "orc/1.orc"))
    landed(lake, "text/1.log").write_text("one\ntwo\n")
    landed(lake, "binary/1.png").write_bytes(b"\x89PNG\x00")
    lake.run()
    money = [(1, first["price"][0].as_py()), (2, first["price"][1].as_py())]
    assert lake.rows("bronze.parquet") == lake.rows("bronze.orc") == lake.rows("silver.parquet", "id", "price") == money
    assert lake.rows("bronze.text") == [("one",), ("two",)]
    assert [bytes(content) for (content,) in lake.rows("bronze.binary", "content")] == [b"\x89PNG\x00"]

    later = pa.table({
        "local": pa.array([AT.replace(tzinfo=None)], pa.timestamp("us")), "price": pa.array([1234.5]), "id": [3],
        "nested": [{"at": AT, "tags": ["x"]}],
    })  # fmt: skip
    pq.write_table(later, landed(lake, "parquet/2.parquet"))
    good = landed(lake, "parquet/3.parquet")
    pq.write_table(pa.table({"id": list(range(10_000, 20_000))}), good, compression="snappy", use_dictionary=False)
    broken = bytearray(good.read_bytes())
    broken[100:5_000] = os.urandom(4_900)
    landed(lake, "parquet/4.parquet").write_bytes(broken)
    result = lake.run()["bronze.parquet"]
    assert lake.files("bronze.parquet") == {
        "1.parquet": "loaded", "2.parquet": "loaded", "3.parquet": "loaded", "4.parquet": "failed",
    }  # fmt: skip
    assert len(lake.rows("bronze.parquet", "id")) == 3 + 10_000
    assert any("4.parquet" in warning for warning in result.warnings)
    found = lake.spark.read.format("delta").load(lake.path("bronze.parquet")).where("id = 3").collect()[0]
    assert dict(lake.log("bronze.parquet").columns)["local"] == "timestamp_ntz"
    assert found["local"] == AT.replace(tzinfo=None)
    assert found["nested"]["at"].astimezone(UTC) == AT
    assert found["price"] == 1234.5
    versions = lake.versions()
    assert not lake.run().used_spark
    assert lake.versions() == versions
