"""Types of new columns: inferred from texts, hinted for nested fields, and stored ones that widen."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.ingest import new_types
from tests.ingest.feed import Feed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

INFER = {"infer_column_types": True}


def as_csv(columns: dict[str, list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


TEXTS: dict[str, list[tuple[str, str]]] = {
    "bigint": [("0", "7"), ("-1", "9223372036854775807"), ("-9223372036854775808", "10")],
    "double": [("1.5", "5"), ("0.1", "-0.25"), ("12345678.91", "1.0"), ("0.30000000000000004", "2.5")],
    "boolean": [("true", "false")],
    "date": [("2024-02-29", "0001-01-01"), ("9999-12-31", "1582-10-15")],
    "timestamp": [
        ("2024-01-01 10:00:10.50", "2024-01-01T10:00:00"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00.123456+02:00"),
        ("1969-12-31 23:59:59", "2024-12-31 00:00:00"),
    ],
    "string": [
        ("007", "100"), ("+1", "2"), ("1", "9223372036854775808"), ("-0", "1"), ("1.50", "1.5"), ("1.", "2"), (".5", "1"),
        ("1e5", "1"), ("NaN", "1.5"), ("12:30", "12:31"), ("1.10", "1.20"), ("True", "False"), ("true", "1"),
        ("2024-02-30", "2024-01-01"), ("2024-1-1", "2024-01-01"), ("2024-01-01", "2024-01-01 10:00:00"), ("2024", "x"),
        ("24-01-01", "2024-01-01"), ("2024-01-01 25:00:00", "2024-01-01 10:00:00"), (" 1", "2"), ("1,5", "2"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00"), ("2024-01-01 10:00:00.1234567", "2024-01-01 10:00:00"),
        ("0.1234567890123456789", "1.5"), ("12345678901234567890", "1"), ("0x1F", "1"), ("1_000", "1"), ("\u0661", "1"),
        ("123456789012345678.5", "1.5"), ("10000-01-01", "2024-01-01"), ("2024-01-01 10:00", "2024-01-01 10:00:00"),
    ],
}  # fmt: skip


def test_a_type_is_inferred_only_where_it_has_every_value_unchanged(csv_feed: Feed) -> None:
    columns = {f"{kind}_{i}": list(pair) for kind, pairs in TEXTS.items() for i, pair in enumerate(pairs)}
    csv_feed.put("a.csv", as_csv(columns))
    read = csv_feed.read(loader=INFER)
    assert {name: read.types[name] for name in read.columns} == {name: name.split("_")[0] for name in columns}
    assert read.rescued == [None, None]
    for name, texts in columns.items():
        for text, row in zip(texts, read.dicts(), strict=True):
            value = row[name]
            if isinstance(value, float):
                assert Decimal(repr(value)) == Decimal(text)
            elif isinstance(value, datetime):
                meant = datetime.fromisoformat(text)
                assert value.replace(tzinfo=UTC) == (meant if meant.tzinfo else meant.replace(tzinfo=UTC))
            elif isinstance(value, date):
                assert value.isoformat() == text
            else:
                assert str(value) == (text.capitalize() if isinstance(value, bool) else text)


def test_a_time_that_the_zone_skips_stays_text(spark: SparkSession, csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "skipped,there\n2024-03-31 02:30:00,2024-03-31 03:30:00\n")
    spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
    try:
        read = csv_feed.read(loader=INFER)
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert (read.types["skipped"], read.types["there"]) == ("string", "timestamp")


def test_texts_of_json_never_become_numbers(json_feed: Feed) -> None:
    rows = [
        {"id": 1, "zip": "12345", "a": {"n": 1, "s": "1", "l": [1, 2], "x": [{"p": 1.5}, {"p": 2}], "e": []}, "d": "2024-01-01"},
        {"id": 2, "b": True, "a": {"n": 3, "x": [{"p": 3}, {}]}, "mixed": 1},
        {"id": 3, "mixed": "1", "o": {"at": "2024-01-01T00:00:00Z"}},
    ]  # fmt: skip
    json_feed.put(
        "a.json", "".join(json.dumps(row) + "\n" for row in rows) + '{"id":4,"f":1.50,"big":12345678901234567890}\n'
    )
    read = json_feed.read(loader=INFER)
    assert {name: read.types[name] for name in read.columns} == {
        "a": "struct<l:array<bigint>,n:bigint,s:string,x:array<struct<p:double>>>",
        "b": "boolean", "big": "string", "d": "date", "f": "string", "id": "bigint", "mixed": "string",
        "o": "struct<at:timestamp>", "zip": "string",
    }  # fmt: skip
    first, second, third, fourth = read.full
    assert first["a"] == {"l": [1, 2], "n": 1, "s": "1", "x": [{"p": 1.5}, {"p": 2.0}]}
    assert second["a"]["x"] == [{"p": 3.0}, {"p": None}]
    assert (fourth["f"], fourth["big"], third["mixed"], first["zip"]) == ("1.50", "12345678901234567890", "1", "12345")
    assert read.rescued == [None] * 4


def test_what_comes_later_and_does_not_fit_is_rescued(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"id":"x","a":{"n":1.5,"k":7},"new":1}\n{"id":2,"a":{"n":2,"k":8}}\n')
    read = json_feed.read(loader=INFER, known={"id": "bigint", "a": "struct<n:bigint>"})
    assert {name: read.types[name] for name in read.columns} == {
        "id": "bigint",
        "a": "struct<n:bigint,k:bigint>",
        "new": "bigint",
    }
    assert read.full[0]["a"] is None
    assert json.loads(read.rescued[0]) | {"_file_path": ""} == {"id": "x", "a": '{"n":1.5,"k":7}', "_file_path": ""}
    assert (read.full[1]["a"], read.rescued[1]) == ({"n": 2, "k": 8}, None)


def test_types_come_from_the_newest_files_of_the_batch(csv_feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    csv_feed.put("a.csv", "n,only\nx,1\n")
    csv_feed.put("b.csv", "n\n1\n")
    monkeypatch.setattr(new_types, "SAMPLE_FILES", 1)
    read = csv_feed.read(loader=INFER)
    assert {name: read.types[name] for name in read.columns} == {"n": "bigint", "only": "string"}
    assert [row["n"] for row in read.dicts()] == [None, 1]
    assert json.loads(read.rescued[0])["n"] == "x"


def test_the_sample_is_limited_in_files_and_bytes(monkeypatch: pytest.MonkeyPatch, csv_feed: Feed) -> None:
    for name in "abcd":
        csv_feed.put(f"{name}.csv", "n\n1\n")
    files = csv_feed.request().files
    monkeypatch.setattr(new_types, "SAMPLE_BYTES", 9)
    assert [f.path[-5:] for f in new_types.sample(files)] == ["c.csv", "d.csv"]
    monkeypatch.setattr(new_types, "SAMPLE_BYTES", 1)
    assert [f.path[-5:] for f in new_types.sample(files)] == ["d.csv"]


def test_inference_costs_a_job_where_columns_are_new_and_none_otherwise(
    csv_feed: Feed, json_feed: Feed, jobs: Callable[[Callable[[], Any]], int]
) -> None:
    csv_feed.put("a.csv", "a\n1\n")
    assert jobs(lambda: csv_feed.read(loader=INFER)) - jobs(csv_feed.read) == 1
    known = {"a": "bigint"}
    assert jobs(lambda: csv_feed.read(loader=INFER, known=known)) == jobs(lambda: csv_feed.read(known=known))


def test_hints_for_nested_fields(json_feed: Feed) -> None:
    json_feed.put(
        "a.json", '{"a":{"n":1,"s":"1","l":["1","x"]},"m":{"k":"1"},"t":[{"Größe":"7"}]}\n{"a":{"n":"y","s":"2"}}\n'
    )
    hints = "a.n int, A.L.element int, m map<string,int>, `t`.element.`Größe` double, a.never.comes date"
    read = json_feed.read(loader={"schema_hints": hints})
    assert {name: read.types[name] for name in read.columns} == {
        "a": "struct<l:array<int>,n:int,s:string>", "m": "map<string,int>", "t": "array<struct<Grosse:double>>",
    }  # fmt: skip
    assert (read.full[0]["a"], read.full[0]["m"]) == (None, {"k": 1})
    assert read.full[0]["t"] == [{"Grosse": 7.0}]
    assert json.loads(read.rescued[0])["a"] == '{"n":1,"s":"1","l":["1","x"]}'
    stored = {"a": "struct<n:bigint,s:string>"}
    read = json_feed.read(loader={"schema_hints": {"a.n": "int", "a.l.element": "date"}}, known=stored)
    assert read.types["a"] == "struct<n:bigint,s:string,l:array<date>>", "a stored field keeps its type"


def test_hints_for_nested_fields_of_typed_files(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "parquet")
    out = io.BytesIO()
    pq.write_table(pa.table({"s": [{"a": "1", "b": "x"}, {"a": "z", "b": "y"}]}), out)
    feed.put("a.parquet", out.getvalue())
    read = feed.read(loader={"schema_hints": "s.a int"})
    assert read.types["s"] == "struct<a:int,b:string>"
    assert read.full[0]["s"] == {"a": 1, "b": "x"}
    assert json.loads(read.rescued[1])["s"] == '{"a":"z","b":"y"}'


def test_elements_of_xml_get_types_too(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "xml")
    rows = '<b id="1"><n>5</n><z>007</z><t>1</t><t>2</t><s><k>true</k></s></b><b id="2"><n>6</n></b>'
    feed.put("a.xml", f"<r>{rows}</r>")
    read = feed.read(options={"rowTag": "b"}, loader=INFER)
    assert {name: read.types[name] for name in ("_id", "n", "z", "t", "s")} == {
        "_id": "bigint", "n": "bigint", "z": "string", "t": "array<bigint>", "s": "struct<k:boolean>",
    }  # fmt: skip
    assert (read.full[0]["t"], read.full[0]["s"], read.full[0]["z"]) == ([1, 2], {"k": True}, "007")
