"""Records of a quarantine read once more by their texts: as they would have been read from their files."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lakehouse.ingest.read import read_records
from tests.ingest.feed import Feed, Read
from tests.ingest.test_read_typed import WRITERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession


def again(feed: Feed, bad: DataFrame | None, repairs: Mapping[str, str | None], **keys: Any) -> Read:
    """The bad records, with parts of their texts replaced (the whole text by None), each with an address."""
    from dataclasses import replace

    from pyspark.sql import functions as F

    assert bad is not None
    texts = bad.withColumn("__id", F.col("_raw"))
    for old, new in repairs.items():
        put = F.lit(None).cast("string") if new is None else F.replace("_raw", F.lit(old), F.lit(new))
        texts = texts.withColumn("_raw", F.when(F.contains("_raw", F.lit(old)), put).otherwise(F.col("_raw")))
    out = read_records(feed.spark, replace(feed.request(look=True, **keys), texts=texts))
    ids = [row[0] for row in out.frame.select("__id").collect()]
    assert len(ids) == out.rows
    assert out.bad is None or all(row[0] for row in out.bad.select("__id").collect())
    return Read(replace(out, frame=out.frame.drop("__id")), feed.root)


@pytest.fixture
def feed(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", request.param)


@pytest.mark.parametrize("feed", ["csv"], indirect=True)
def test_csv_has_the_names_of_each_files_own_header(feed: Feed) -> None:
    feed.put("1.csv", "a,b\n1,2\n3\n")
    feed.put("2.csv", "b,a\n5,6,7\n")
    out = feed.read()
    assert sorted(row["_raw_fields"] for row in out.bad) == [["a", "b"], ["b", "a"]]
    assert {row["_raw_format"] for row in out.bad} == {"csv"}
    read = again(feed, out.out.bad, {"3": '3,"x, ""y""\nz"', "5,6,7": "5,6"}, known={"a": "string", "b": "string"})
    assert sorted(read.rows) == [("3", 'x, "y"\nz'), ("6", "5")]
    assert sorted(row["_source_file"][-5:] for row in read.full) == ["1.csv", "2.csv"]
    assert {row["_batch"] for row in read.full} == {7}


@pytest.mark.parametrize("feed", ["csv"], indirect=True)
def test_a_broken_record_swallows_no_other(feed: Feed) -> None:
    feed.put("1.csv", "a,b\n1\n2\n3\n")
    out = feed.read()
    read = again(feed, out.out.bad, {"1": '"1', "2": "2,x", "3": None}, known={"a": "string", "b": "string"})
    assert read.rows == [("2", "x")]
    assert sorted(read.raw) == ["", '"1'], "neither one that does not end nor one without any text is lost"


@pytest.mark.parametrize("feed", ["csv"], indirect=True)
def test_options_of_the_reader_count(feed: Feed) -> None:
    options = {"header": "true", "sep": ";", "nullValue": "NA", "quote": "'", "multiLine": "true", "lineSep": "\n"}
    feed.put("1.csv", "a;b\n1;NA;2\n")
    read = again(
        feed, feed.read(options=options).out.bad, {"1;NA;2": "'x;y';NA"}, options=options, known={"b": "string"}
    )
    assert read.dicts() == [{"a": "x;y", "b": None}]


@pytest.mark.parametrize("feed", ["json"], indirect=True)
def test_json_with_new_fields_nested_ones_and_several_rows(feed: Feed) -> None:
    feed.put("1.json", '{"a": 1}\n{"a": 2\n{"a": 3\n')
    out = feed.read()
    repairs = {'{"a": 2': '{"a": 2, "b": {"c": [1]}}', '{"a": 3': '[{"a": 3}, {"a": 4}]'}
    read = again(feed, out.out.bad, repairs, known={"a": "string"})
    assert [(row["a"], row["b"]) for row in sorted(read.full, key=lambda r: r["a"])] == [
        ("2", {"c": ["1"]}), ("3", None), ("4", None),
    ]  # fmt: skip
    assert read.out.new_columns == {"b": "struct<c:array<string>>"}


@pytest.mark.parametrize("feed", ["json"], indirect=True)
def test_a_null_where_none_may_be_is_repaired_in_the_json_of_its_fields(feed: Feed) -> None:
    schema = {"id": {"type": "int", "nullable": False}, "n": "decimal(5,2)"}
    feed.put("1.json", '{"id": null, "n": 1.25}\n{"id": 1, "n": 2}\n')
    out = feed.read(schema=schema)
    assert [(row["_raw_format"], row["_raw_fields"]) for row in out.bad] == [("json", None)]
    still = again(feed, out.out.bad, {}, schema=schema)
    assert (still.rows, len(still.bad)) == ([], 1)
    fixed = again(feed, out.out.bad, {"{": '{"id": 9,'}, schema=schema)
    assert fixed.rows == [(9, Decimal("1.25"))]


@pytest.mark.parametrize("feed", ["xml"], indirect=True)
def test_xml(feed: Feed) -> None:
    feed.put("1.xml", "<r><row><a>1</a></row><row><a>2</b></row><row id='3'><a></row></r>")
    out = feed.read()
    assert {row["_raw_format"] for row in out.bad} == {"xml"}
    repairs = {"<a>2</b>": "<a>2</a><b>x</b>", "<row id='3'><a></row>": "none"}
    read = again(feed, out.out.bad, repairs, known={"a": "string"})
    assert [(row["a"], row["b"]) for row in read.full] == [("2", "x")]
    assert read.raw == ["none"]


@pytest.mark.parametrize("feed", WRITERS, indirect=True)
def test_what_is_kept_of_formats_without_texts_gives_the_same_values(feed: Feed) -> None:
    zone = None if feed.kind == "orc" else "UTC"  # Spark does not read the other kind in ORC
    values = {
        "id": pa.array([None, 1], pa.int64()),
        "at": pa.array([datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)] * 2, pa.timestamp("us", zone)),
        "d": pa.array([Decimal("12345.67")] * 2, pa.decimal128(12, 2)),
        "b": pa.array([b"\x00\xff"] * 2, pa.binary()),
        "f": pa.array([0.1 + 0.2] * 2, pa.float64()),
        "s": pa.array([{"x": 1, "y": ["a"]}] * 2),
        "t": pa.array(["q\"u'o\n"] * 2),
    }
    feed.put("1." + feed.kind, WRITERS[feed.kind](pa.table(values)))
    types = {"id": {"type": "bigint", "nullable": False}, "at": "timestamp", "d": "decimal(12,2)", "b": "binary",
             "f": "double", "s": "struct<x:bigint,y:array<string>>", "t": "string"}  # fmt: skip
    out = feed.read(schema=types)
    assert out.failed == {}
    assert [row["_raw_format"] for row in out.bad] == ["json"]
    read = again(feed, out.out.bad, {'{"at"': '{"id":1,"at"'}, schema=types)
    assert read.dicts() == out.dicts(), "the other row of the file is the same but for what was wrong"
