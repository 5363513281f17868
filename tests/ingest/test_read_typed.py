"""Files that carry their own types: Parquet, ORC and Avro."""

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

from lakehouse.errors import StepError
from tests.ingest.feed import Feed
from tests.sources.avro_files import as_avro

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


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {"parquet": parquet, "orc": as_orc, "avro": as_avro}


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
        "t": pa.array([at, None], pa.timestamp("us", None if feed.kind == "orc" else "UTC")),
        "m": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
        "n": [{"x": 1, "y": ["a"]}, None],
        "k": [True, None],
    }))  # fmt: skip
    read = feed.read()
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


def test_fail_on_new_columns_fails_for_a_nested_field_with_a_value(feed: Feed) -> None:
    known = {"n": "struct<x:bigint>", "l": "array<struct<x:bigint>>"}
    loader = {"schema_evolution_mode": "fail_on_new_columns"}
    new = pa.struct([("x", pa.int64()), ("y", pa.int64())])
    put(feed, "a", {"n": pa.array([{"x": 1, "y": None}], new), "l": pa.array([[{"x": 1, "y": None}]], pa.list_(new))})
    assert feed.read(known=known, loader=loader).full[0]["l"] == [{"x": 1}], "S6: nothing new without a value"
    put(
        feed, "b", {"n": pa.array([None], new), "l": pa.array([[{"x": 1, "y": None}, {"x": 1, "y": 2}]], pa.list_(new))}
    )
    with pytest.raises(StepError, match=r"a column that the table does not: l\.element\.y"):
        feed.read(known=known, loader=loader)
    put(feed, "c", {"n": pa.array([{"x": None, "y": 2}], new), "l": pa.array([None], pa.list_(new))})
    with pytest.raises(StepError, match=r"columns that the table does not: (n\.y, l\.element\.y|l\.element\.y, n\.y)"):
        feed.read(known=known, loader=loader)


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
    assert "[PARSE_SYNTAX_ERROR] Syntax error at or near 'with'" in read.failed["bad"]


def test_what_does_not_fit_exactly_is_rescued_whole_to_the_last_digit(parquet_feed: Feed) -> None:
    known = {
        "cut": "struct<a:int,at:timestamp>", "money": "struct<m:decimal(10,2)>", "float": "struct<f:float>",
        "double": "double", "day": "int", "kind": "struct<a:int>", "keys": "map<string,int>", "text": "string",
        "when": "timestamp", "places": "decimal(10,2)", "one": "variant",
    }  # fmt: skip
    at = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    rows = {
        "cut": [{"a": 2**40, "at": at}, {"a": 1, "at": at}],
        "money": [{"m": Decimal("1.2345")}, {"m": Decimal("1.2300")}],
        "float": [{"f": 1e300}, {"f": 0.5}],
        "double": [2**53 + 1, 2**53],
        "day": [date(2024, 1, 1), None],
        "kind": pa.array([[("a", 1), ("z", 2)], None], pa.map_(pa.string(), pa.int32())),
        "keys": pa.array([[(1, 2)], None], pa.map_(pa.int32(), pa.int32())),
        "text": [b"\xff\xfe", b"good"],
        "when": [1_700_000_000_123, None],
        "places": [1.239, 1.25],
        "one": pa.array([7, None], pa.int32()),
    }
    put(parquet_feed, "a", pa.table(rows))
    read = parquet_feed.read(known=known)
    assert {name: read.types[name] for name in read.columns} == known
    first, second = read.full
    assert [first[name] for name in known if name != "one"] == [None] * (len(known) - 1)
    assert second["cut"]["at"].astimezone(UTC) == at
    assert (second["money"], second["float"], second["double"]) == ({"m": Decimal("1.23")}, {"f": 0.5}, 2.0**53)
    assert (second["text"], second["places"]) == ("good", Decimal("1.25"))
    lost, nothing = rescued(read)
    assert nothing is None
    assert lost == {
        "cut": f'{{"a":{2**40},"at":"2024-01-02T03:04:05.678901Z"}}', "money": '{"m":1.2345}', "float": '{"f":1.0E300}',
        "double": str(2**53 + 1), "day": "2024-01-01", "kind": '{"a":1,"z":2}', "keys": '{"1":2}', "text": "//4=",
        "when": "1700000000123", "places": "1.239",
    }  # fmt: skip


def test_nested_names_with_any_signs_are_rescued_too(feed: Feed) -> None:
    put(feed, "a", {"s": [{"a": 1, 'z"q': 2}, {"a": 3, 'z"q': None}], "t": [{"a": 1, "z\\q": [2]}, None]})
    read = feed.read(
        known={"s": "struct<a:bigint>", "t": "struct<a:bigint>"}, loader={"schema_evolution_mode": "rescue"}
    )
    assert [row["s"] for row in read.full] == [None, {"a": 3}]
    assert [sorted(row) if row else None for row in rescued(read)] == [["s", "t"], None]


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_files_of_the_old_calendar_are_read_as_their_option_says(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    feed = Feed(spark, tmp_path, kind)
    put(feed, "a", {"d": [date(1500, 1, 1)]})
    assert feed.read().rows == [(date(1500, 1, 1),)]
    assert feed.read(options={"datetimeRebaseMode": "LEGACY"}).rows == [(date(1499, 12, 23),)]


def test_a_column_with_a_dot_is_not_a_nested_field(parquet_feed: Feed) -> None:
    put(parquet_feed, "a", {"a.b": [10]})
    inside = pa.schema([pa.field("a", pa.struct([pa.field("b", pa.int64(), nullable=True)]), nullable=False)])
    put(parquet_feed, "b", pa.table({"a": [{"b": 20}]}, schema=inside))
    assert sorted(parquet_feed.read().rows, key=str) == [(10, None), (None, (20,))]


def test_one_file_that_spark_cannot_read_does_not_stop_the_others(parquet_feed: Feed) -> None:
    put(parquet_feed, "good", {"a": [1]})
    put(parquet_feed, "nested ns", pa.table({"s": pa.array([{"t": 1}], pa.struct([("t", pa.timestamp("ns"))]))}))
    put(parquet_feed, "float16", pa.table({"h": pa.array([1.5], pa.float16())}))
    put(parquet_feed, "digits", pa.table({"m": pa.array([Decimal(1)], pa.decimal256(50))}))
    put(parquet_feed, "case", {"id": [1], "ID": [2]})
    put(parquet_feed, "nested case", {"s": [{"a": 1, "A": 2}]})
    parquet_feed.put("twice", parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])))
    read = parquet_feed.read()
    assert read.rows == [(1,)]
    assert set(read.failed) == {"nested ns", "float16", "digits", "case", "nested case", "twice"}


def test_a_column_without_a_type_says_nothing_about_its_type(parquet_feed: Feed) -> None:
    put(parquet_feed, "a", pa.table({"id": [1], "d": pa.nulls(1)}))
    put(parquet_feed, "b", {"id": [2], "d": [date(2024, 1, 1)]})
    read = parquet_feed.read()
    assert read.types["d"] == "date"
    assert rescued(read) == [None, None]


@pytest.mark.parametrize("names", ["abc", "cba", "bca"])
def test_the_order_of_files_does_not_decide_the_type_of_a_new_nested_field(parquet_feed: Feed, names: str) -> None:
    values = {"a": 1, "b": "x", "c": 0.5}
    for name in names:
        put(parquet_feed, name, {"s": [{"k": 1, "z": values[name]}]})
    read = parquet_feed.read(known={"s": "struct<k:bigint>"})
    assert read.types["s"] == "struct<k:bigint,z:string>"
    assert sorted(row["s"]["z"] for row in read.full) == ["0.5", "1", "x"]
    assert rescued(read) == [None] * 3


def test_s20_a_field_that_says_otherwise_than_its_folder_is_rescued_with_a_hint_too(feed: Feed) -> None:
    put(feed, "d=5/a", {"id": [1, 2], "d": [7, 5]})
    read = feed.read(loader={"schema_hints": {"d": "int"}})
    assert [row["d"] for row in read.full] == [5, 5]
    assert rescued(read) == [{"d": "7"}, None]


def test_s19_a_stored_type_widens_where_delta_can_and_the_mode_says_so(feed: Feed) -> None:
    known = {
        "i": "int", "to_double": "int", "f": "float", "money": "decimal(5,2)", "whole": "int", "l": "bigint", "text": "string",
        "s": "struct<x:int>", "tags": "array<int>", "hinted": "int",
    }  # fmt: skip
    table = pa.table({
        "i": [5_000_000_000], "to_double": [2.5], "f": [0.1], "whole": pa.array([Decimal("1.25")], pa.decimal128(5, 2)),
        "money": pa.array([Decimal("12345.125")], pa.decimal128(8, 3)), "l": [2.5], "text": [1], "s": [{"x": 5_000_000_000}],
        "tags": [[5_000_000_000]], "hinted": [5_000_000_000],
    })  # fmt: skip
    put(feed, "a", table)
    put(feed, "b", pa.table({"i": pa.array([1], pa.int32()), "to_double": pa.array([1], pa.int32())}))
    mode = {"schema_evolution_mode": "add_new_columns_with_type_widening", "schema_hints": {"hinted": "int"}}
    read = feed.read(known=known, loader=mode)
    wider = {
        "i": "bigint", "to_double": "double", "f": "double", "money": "decimal(8,3)", "whole": "decimal(12,2)",
        "s": "struct<x:bigint>",
    }  # fmt: skip
    assert {name: read.types[name] for name in read.columns} == known | wider
    assert read.out.changed_columns == wider
    first, second = read.dicts()
    assert (first["i"], first["to_double"], first["f"], first["s"]["x"]) == (5_000_000_000, 2.5, 0.1, 5_000_000_000)
    assert (first["money"], first["whole"], first["text"]) == (Decimal("12345.125"), Decimal("1.25"), "1")
    assert (second["i"], second["to_double"]) == (1, 1.0)
    assert rescued(read) == [{"l": "2.5", "tags": "[5000000000]", "hinted": "5000000000"}, None]
    assert feed.read(known=known, loader={"schema_hints": {"hinted": "int"}}).out.changed_columns == {}
