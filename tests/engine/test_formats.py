"""Every format of files from the landing folder into its table, with what goes wrong on the way."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from tests.engine.lake import Lake
from tests.sources.avro_files import as_avro

BOOKS = "<books><book id='{}'><title>{}</title>{}</book></books>"
AT = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def landed(lake: Lake, name: str) -> Path:
    path = lake.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def source(kind: str) -> str:
    return f'source: {{format: {kind}, path: "${{landing}}/{kind}"}}'


def test_typed_files_text_and_bytes_are_loaded_once_and_columns_evolve(lake: Lake) -> None:
    lake.tables(
        bronze={kind: source(kind) for kind in ("parquet", "orc", "avro", "text", "binary")},
        silver={
            "parquet": "from: bronze.parquet\nschema: {id: bigint, price: 'decimal(10,2)'}\nmerge: {keys: id, sequence_by: _source_modified}"
        },
    )
    first = pa.table({"id": [1, 2], "price": pa.array(["1.10", "2.20"]).cast(pa.decimal128(10, 2))})
    pq.write_table(first, landed(lake, "parquet/1.parquet"))
    orc.write_table(first, landed(lake, "orc/1.orc"))
    landed(lake, "avro/1.avro").write_bytes(as_avro(first))
    landed(lake, "text/1.log").write_text("one\ntwo\n")
    landed(lake, "binary/1.png").write_bytes(b"\x89PNG\x00")
    lake.run()
    money = [(1, first["price"][0].as_py()), (2, first["price"][1].as_py())]
    assert lake.rows("bronze.parquet") == lake.rows("bronze.orc") == lake.rows("bronze.avro") == money
    assert lake.rows("silver.parquet", "id", "price") == money
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


def test_s19_a_column_of_the_table_widens_in_the_commit_that_needs_it(lake: Lake) -> None:
    """Type widening: the table's column changes by the data commit, and what reads from it goes on."""
    mode = "auto_loader: {schema_evolution_mode: add_new_columns_with_type_widening}"
    lake.tables(
        bronze={"parquet": f"{source('parquet')}\n{mode}"},
        silver={"parquet": "from: bronze.parquet\nschema: {id: bigint, n: double}\nappend: true"},
    )
    pq.write_table(
        pa.table({"id": pa.array([1], pa.int32()), "n": pa.array([1], pa.int32())}), landed(lake, "parquet/1.parquet")
    )
    lake.run()
    assert dict(lake.log("bronze.parquet").columns)["id"] == "int"
    before = lake.versions()["bronze.parquet"]
    pq.write_table(pa.table({"id": [5_000_000_000], "n": [2.5]}), landed(lake, "parquet/2.parquet"))
    lake.run()
    found = lake.log("bronze.parquet").columns
    assert (found["id"], found["n"]) == ("bigint", "double")
    assert lake.versions()["bronze.parquet"] == before + 1
    assert (
        lake.rows("bronze.parquet", "id", "n")
        == lake.rows("silver.parquet", "id", "n")
        == [(1, 1.0), (5_000_000_000, 2.5)]
    )
    assert not lake.run().used_spark


def test_inferred_types_and_hints_inside_of_columns_reach_the_table(lake: Lake) -> None:
    keys = 'auto_loader: {infer_column_types: true, schema_hints: "a.k int, `B c` int"}'
    lake.tables(bronze={"json": f"{source('json')}\n{keys}"})
    landed(lake, "json/1.json").write_text('{"id": 1, "zip": "01234", "at": "2024-01-02", "a": {"k": "7"}}\n')
    lake.run()
    landed(lake, "json/2.json").write_text('{"id": "x", "B c": 2, "a": {"k": 8, "l": [1.5]}}\n')
    lake.run()
    columns = dict(list(lake.log("bronze.json").columns.items()))
    assert {name: columns[name] for name in ("id", "zip", "at", "a", "B_c")} == {
        "id": "bigint", "zip": "string", "at": "date", "a": "struct<k:int,l:array<double>>", "B_c": "int",
    }  # fmt: skip
    assert lake.rows("bronze.json", "id", "zip", "a.k", "B_c") == [(1, "01234", 7, None), (None, None, 8, 2)]


def test_s17_exact_names_are_those_of_the_files_down_to_silver(lake: Lake) -> None:
    lake.tables(
        bronze={kind: f"{source(kind)}\ncolumn_names: exact" for kind in ("json", "parquet")},
        silver={
            "s": 'from: bronze.json\ncleanse: [{derive: {late: "`dep delay (min)` > `a`.`x.y`"}}]\nschema: {late: boolean}\nappend: true'
        },
    )
    landed(lake, "json/1.json").write_text('{"dep delay (min)": "5", "größe;=": "1", "a": {"x.y": "4"}}\n')
    pq.write_table(pa.table({"a.b": [1], "c d": [{"e,f": 2}]}), landed(lake, "parquet/1.parquet"))
    lake.run()
    landed(lake, "json/2.json").write_text('{"neu {x}": "7", "a": {"z z": "4"}}\n')
    lake.run()
    columns = dict(lake.log("bronze.json").columns)
    assert columns["a"] == "struct<`x.y`:string,`z z`:string>"
    assert lake.rows("bronze.json", "`dep delay (min)`", "`größe;=`", "a.`x.y`", "`neu {x}`") == [
        ("5", "1", "4", None), (None, None, None, "7"),
    ]  # fmt: skip
    assert lake.rows("bronze.parquet", "`a.b`", "`c d`.`e,f`") == [(1, 2)]
    assert sorted(lake.rows("silver.s", "late"), key=str) == [(None,), (True,)]
    assert not lake.run().used_spark
    lake.tables(bronze={"json": source("json")})
    error = lake.run(ok=False)["bronze.json"].error
    assert "cannot take that back" in str(error)


def test_xml_is_loaded_once_its_columns_evolve_and_what_is_broken_is_set_aside(lake: Lake) -> None:
    lake.tables(
        bronze={"books": 'source: {format: xml, path: "${landing}/books", options: {rowTag: book}}'},
        silver={
            "books": "from: bronze.books\nschema: {_id: int, title: string}\nmerge: {keys: _id, sequence_by: _source_modified}"
        },
    )
    landed(lake, "books/1.xml").write_text(BOOKS.format(1, "One", "<tag>a</tag>"))
    lake.run()
    assert lake.rows("silver.books", "_id", "title") == [(1, "One")]
    landed(lake, "books/2.xml").write_text(
        BOOKS.format(2, "Two", "<tag>b</tag><tag>c</tag><new><x>1</x></new>")[:-8] + "<book>cut"
    )
    landed(lake, "books/3.xml").write_text("<?xml version='1.0' encoding='klingon'?><book/>")
    result = lake.run()["bronze.books"]
    assert lake.files("bronze.books") == {"1.xml": "loaded", "2.xml": "loaded", "3.xml": "failed"}
    assert lake.rows("bronze.books", "_id", "tag", "new") == [("1", "a", None), ("2", '["b","c"]', ("1",))]
    assert lake.rows("bronze.books_quarantine", "_raw") == [("<book>cut",)]
    assert result.rows_rejected == 1
    assert not lake.run().used_spark
