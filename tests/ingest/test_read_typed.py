"""Files that carry their own types: Parquet and ORC."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from tests.ingest.feed import Feed

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def as_orc(table: pa.Table) -> bytes:
    out = BytesIO()
    orc.write_table(table, out)
    return out.getvalue()


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {"parquet": parquet, "orc": as_orc}


@pytest.fixture(params=WRITERS)
def feed(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", request.param)


@pytest.fixture
def parquet_feed(spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", "parquet")


def put(feed: Feed, name: str, table: pa.Table | dict[str, Any]) -> None:
    table = table if isinstance(table, pa.Table) else pa.table(table)
    feed.put(name, WRITERS[feed.kind](table))


def rescued(read: Any) -> list[Any]:
    found = [json.loads(text) if text else None for text in read.rescued]
    for row in found:
        if row:
            assert row.pop("_file_path").startswith("/")
    return found


def test_columns_keep_the_types_of_the_files(feed: Feed) -> None:
    at = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    put(feed, "a", pa.table({
        "i": pa.array([1, None], pa.int32()),
        "l": pa.array([2**40, 0], pa.int64()),
        "f": pa.array([1.5, 0.0], pa.float64()),
        "s": ["x", "y"],
        "b": pa.array([b"\x00\xff", None], pa.binary()),
        "d": [date(2024, 1, 1), None],
        "t": pa.array([at, None], pa.timestamp("us", "UTC" if feed.kind == "parquet" else None)),
        "m": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
        "n": [{"x": 1, "y": ["a"]}, None],
        "k": [True, None],
    }))  # fmt: skip
    read = feed.read()
    assert read.types | {} == read.types
    assert {name: read.types[name] for name in read.columns} == {
        "i": "int", "l": "bigint", "f": "double", "s": "string", "b": "binary", "d": "date", "t": "timestamp",
        "m": "decimal(10,2)", "n": "struct<x:bigint,y:array<string>>", "k": "boolean",
    }  # fmt: skip
    assert read.full[0]["t"].astimezone(UTC) == at
    assert read.full[0]["m"] == Decimal("1.10")
    assert read.full[0]["n"] == {"x": 1, "y": ["a"]}
    assert bytes(read.full[0]["b"]) == b"\x00\xff"
    assert read.full[1]["n"] is None
    assert rescued(read) == [None, None]


def test_columns_in_another_order_missing_and_new_go_by_name(feed: Feed) -> None:
    put(feed, "a", {"a": [1], "b": ["x"]})
    put(feed, "b", {"b": ["y"], "c": [0.5], "a": [2]})
    read = feed.read()
    assert sorted(read.dicts(), key=lambda row: row["a"]) == [
        {"a": 1, "b": "x", "c": None},
        {"a": 2, "b": "y", "c": 0.5},
    ]


def test_s19_new_columns_get_a_type_that_all_values_fit(feed: Feed) -> None:
    put(
        feed,
        "a",
        {
            "n": pa.array([1], pa.int32()),
            "m": pa.array([1], pa.int32()),
            "x": [1],
            "s": [{"a": pa.scalar(1, pa.int32())}],
        },
    )
    put(feed, "b", {"n": pa.array([2**40], pa.int64()), "m": [0.5], "x": ["t"], "s": [{"b": "z"}]})
    read = feed.read()
    assert {name: read.types[name] for name in read.columns} == {
        "n": "bigint", "m": "double", "x": "string", "s": "struct<a:int,b:string>",
    }  # fmt: skip
    assert sorted(read.rows, key=str) == sorted([(1, 1.0, "1", (1, None)), (2**40, 0.5, "t", (None, "z"))], key=str)


def test_s19_a_value_that_does_not_fit_the_stored_type_is_rescued_and_the_others_load(feed: Feed) -> None:
    known = {"n": "int", "s": "struct<a:int>", "t": "string", "w": "bigint"}
    put(
        feed,
        "a",
        {"n": [7, 2**40], "s": [{"a": 5}, {"a": 2**40}], "t": [1.5, None], "w": pa.array([3, 4], pa.int32())},
    )
    read = feed.read(known=known)
    assert {name: read.types[name] for name in read.columns} == known
    assert read.full[0] | {"s": None} == read.full[0] | {"n": 7, "t": "1.5", "w": 3, "s": None}
    assert [row["n"] for row in read.full] == [7, None]
    assert [row["s"] for row in read.full] == [{"a": 5}, None]
    assert rescued(read) == [None, {"n": str(2**40), "s": f'{{"a":{2**40}}}'}]


def test_nested_fields_come_by_name_new_ones_at_the_end(feed: Feed) -> None:
    known = {"s": "array<struct<a:bigint,b:string>>"}
    put(feed, "a", {"s": [[{"c": 1.5, "b": "x", "a": 1}], None, []]})
    read = feed.read(known=known)
    assert read.types["s"] == "array<struct<a:bigint,b:string,c:double>>"
    assert read.out.changed_columns == {"s": "array<struct<a:bigint,b:string,c:double>>"}
    assert [row["s"] for row in read.full] == [[{"a": 1, "b": "x", "c": 1.5}], None, []]


def test_nested_fields_without_a_place_rescue_the_whole_field(feed: Feed) -> None:
    put(feed, "a", {"id": [1, 2], "s": [{"a": 1, "z": 2}, {"a": 3, "z": None}]})
    read = feed.read(known={"id": "bigint", "s": "struct<a:bigint>"}, loader={"schema_evolution_mode": "rescue"})
    assert [row["s"] for row in read.full] == [None, {"a": 3}]
    assert rescued(read) == [{"s": '{"a":1,"z":2}'}, None]


def test_a_new_column_is_rescued_where_columns_do_not_evolve(feed: Feed) -> None:
    put(feed, "a", {"id": [1, 2], "b": pa.array([b"\xff", None], pa.binary())})
    read = feed.read(known={"id": "bigint"}, loader={"schema_evolution_mode": "rescue"})
    assert read.columns == ["id"]
    assert rescued(read) == [{"b": "/w=="}, None]


def test_s6_a_column_without_any_value_is_no_column(feed: Feed) -> None:
    put(feed, "a", pa.table({"id": [1], "n": pa.array([None], pa.int64())}))
    assert feed.read().columns == ["id"]


def test_s15_names_that_become_the_same_fail_the_file(feed: Feed) -> None:
    put(feed, "good", {"a": [1]})
    put(feed, "bad", {"a b": [1], "a-b": [2]})
    read = feed.read()
    assert read.rows == [(1,)]
    assert read.failed == {"bad": "columns of the file become the same name: 'a b' and 'a-b'"}


def test_s17_names_are_made_plain_inside_too(feed: Feed) -> None:
    put(feed, "a", {"Über all": [{"dep delay": 1}]})
    read = feed.read()
    assert read.full[0]["Uber_all"] == {"dep_delay": 1}
    assert read.out.comments == {"Uber_all": "Über all"}


def test_a_declared_schema_is_the_readers(feed: Feed) -> None:
    put(feed, "a", {"id": ["1", "x"], "other": [1, 2]})
    read = feed.read(schema={"id": "int"})
    assert read.rows == [(1,), (None,)]
    assert rescued(read) == [{"other": "1"}, {"id": "x", "other": "2"}]


def test_files_that_are_none_fail_alone_and_the_rest_loads(feed: Feed) -> None:
    put(feed, "good", {"a": [1, 2]})
    put(feed, "empty", pa.table({"a": pa.array([], pa.int64())}))
    feed.put("zero bytes", b"")
    feed.put("garbage", b"PAR1 this is not what it says PAR1" * 10)
    feed.put("text", "a,b\n1,2\n")
    whole = WRITERS[feed.kind](pa.table({"a": list(range(1000))}))
    feed.put("truncated", whole[: len(whole) // 2])
    read = feed.read()
    assert sorted(read.rows) == [(1,), (2,)]
    assert set(read.failed) == {"zero bytes", "garbage", "text", "truncated"}
    assert all(why.startswith("cannot be read: ") for why in read.failed.values())


def test_what_delta_has_no_type_for_is_stored_as_text(parquet_feed: Feed) -> None:
    put(parquet_feed, "a", pa.table({"t": pa.array([time(1, 2, 3)], pa.time64("us")), "s": [{"t": time(4, 5, 6)}]}))
    read = parquet_feed.read()
    assert read.types["t"] == "string"
    assert read.rows == [("01:02:03", ("04:05:06",))]


def test_unsigned_numbers_and_old_timestamps_are_read(parquet_feed: Feed) -> None:
    at = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    table = pa.table(
        {
            "u": pa.array([2**32 - 1], pa.uint32()),
            "v": pa.array([2**64 - 1], pa.uint64()),
            "t": pa.array([at], pa.timestamp("us", "UTC")),
        }
    )
    parquet_feed.put("a", parquet(table, use_deprecated_int96_timestamps=True))
    read = parquet_feed.read()
    assert read.full[0]["u"] == 2**32 - 1
    assert read.full[0]["v"] == Decimal(2**64 - 1)
    assert read.types["t"] == "timestamp"


@pytest.mark.parametrize(("zone", "kind"), [(None, "timestamp_ntz"), ("UTC", "timestamp")])
def test_nanoseconds_are_cut_to_microseconds_and_that_is_said(parquet_feed: Feed, zone: str | None, kind: str) -> None:
    values = [1_700_000_000_123_456_789, -1, None]
    put(parquet_feed, "a", pa.table({"t": pa.array(values, pa.timestamp("ns", zone))}))
    read = parquet_feed.read()
    assert read.types["t"] == kind
    seen = [row["t"].replace(tzinfo=UTC) if row["t"] and not zone else row["t"] for row in read.full]
    assert seen[0].astimezone(UTC) == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert seen[1].astimezone(UTC) == datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert seen[2] is None
    assert list(read.out.warnings) == ["nanoseconds are cut to microseconds, which is what Delta stores: t"]


def test_reading_costs_a_job_for_each_schema(parquet_feed: Feed, jobs: Callable[[Callable[[], Any]], int]) -> None:
    from lakehouse.ingest.read import read_batch

    for i in range(5):
        put(parquet_feed, f"{i}", {"a": [i], "b": [str(i)]})
    request = parquet_feed.request()
    assert jobs(lambda: read_batch(parquet_feed.spark, request)) == 1


def test_an_orc_file_with_a_type_that_spark_does_not_know_fails_alone(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "orc")
    put(feed, "good", {"a": [1]})
    put(feed, "bad", pa.table({"t": pa.array([0], pa.timestamp("us", "UTC"))}))
    read = feed.read()
    assert read.rows == [(1,)]
    assert "it has a type that Spark does not know" in read.failed["bad"]
