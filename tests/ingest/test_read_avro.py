"""What only Avro has: logical types, unions, containers in blocks."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from lakehouse.errors import MachineError
from lakehouse.sources import avro as leaf
from lakehouse.sources.fields import Wanted
from tests.ingest.feed import Feed
from tests.sources.avro_files import avro, logical, record

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

AT = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PLAIN = record(a="int", b="string")


@pytest.fixture
def feed(spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", "avro")


def rows(count: int) -> list[dict[str, Any]]:
    return [{"a": i, "b": f"{i:050}"} for i in range(count)]


def test_logical_types_keep_their_meaning_or_the_number_that_is_stored(feed: Feed) -> None:
    local, fixed = AT.replace(tzinfo=None), {"type": "fixed", "size": 12}
    values: dict[str, tuple[Any, Any, str, Any]] = {
        "money": (logical("bytes", "decimal", precision=38, scale=9), Decimal("-1.100000000"), "decimal(38,9)", Decimal("-1.1")),
        "fixed": (logical({**fixed, "name": "F1"}, "decimal", precision=20, scale=0), Decimal(7), "decimal(20,0)", Decimal(7)),
        "day": (logical("int", "date"), date(1, 1, 1), "date", date(1, 1, 1)),
        "micros": (logical("long", "timestamp-micros"), AT, "timestamp", AT),
        "millis": (logical("long", "timestamp-millis"), AT, "timestamp", AT.replace(microsecond=678000)),
        "nanos": (logical("long", "timestamp-nanos"), 1_700_000_000_123_456_789, "bigint", 1_700_000_000_123_456_789),
        "local": (logical("long", "local-timestamp-micros"), local, "timestamp_ntz", local),
        "local_ms": (logical("long", "local-timestamp-millis"), local, "timestamp_ntz", local.replace(microsecond=678000)),
        "clock": (logical("int", "time-millis"), time(0, 0, 1), "int", 1_000),
        "clock_us": (logical("long", "time-micros"), time(0, 0, 1, 5), "bigint", 1_000_005),
        "uuid": (logical("string", "uuid"), UUID(int=1), "string", str(UUID(int=1))),
        "duration": (logical({**fixed, "name": "F2"}, "duration"), b"\x01" * 12, "binary", b"\x01" * 12),
        "kind": ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "string", "B"),
        "map": ({"type": "map", "values": ["null", "int"]}, {"x": 1, "y": None}, "map<string,int>", {"x": 1, "y": None}),
    }  # fmt: skip
    schema = record(**{name: value[0] for name, value in values.items()})
    feed.put("a", avro(schema, [{name: value[1] for name, value in values.items()}, {}]))
    read = feed.read()
    assert {name: read.types[name] for name in read.columns} == {name: value[2] for name, value in values.items()}
    first, second = (
        {k: v.astimezone(UTC) if k in ("micros", "millis") and v else v for k, v in r.items()} for r in read.full
    )
    assert {name: first[name] for name in values} == {name: value[3] for name, value in values.items()}
    assert {second[name] for name in values} == {None}
    assert read.rescued == [None, None]


def test_unions(feed: Feed) -> None:
    schema = {
        "type": "record", "name": "R",
        "fields": [
            {"name": "wide", "type": ["null", "int", "long"]},
            {"name": "real", "type": ["float", "double"]},
            {"name": "any", "type": ["string", "int"]},
            {"name": "nothing", "type": "null"},
            {"name": "none", "type": ["null"]},
        ],
    }  # fmt: skip
    feed.put("a", avro(schema, [{"wide": 1, "real": 0.5, "any": "x"}, {"wide": 2**40, "real": 1e300, "any": 7}]))
    read = feed.read()
    assert {name: read.types[name] for name in read.columns} == {
        "wide": "bigint", "real": "double", "any": "struct<member0:string,member1:int>",
    }  # fmt: skip
    assert read.rows == [(1, 0.5, ("x", None)), (2**40, 1e300, (None, 7))]


def test_a_union_in_another_order_is_not_mistaken(feed: Feed) -> None:
    feed.put(
        "a", avro({"type": "record", "name": "R", "fields": [{"name": "u", "type": ["int", "string"]}]}, [{"u": 7}])
    )
    read = feed.read(known={"u": "struct<member0:string,member1:int>"})
    assert [row["u"] for row in read.full] == [{"member0": "7", "member1": None}]
    feed.put(
        "c", avro({"type": "record", "name": "R", "fields": [{"name": "u", "type": ["string", "int"]}]}, [{"u": "x"}])
    )
    read = feed.read(known={"u": "struct<member0:int,member1:string>"})
    assert sorted(row["u"] is not None and row["u"]["member0"] for row in read.full) == [False, 7]
    assert [json.loads(text)["u"] for text in read.rescued if text] == ['{"member0":"x"}']


def test_records_without_fields_are_rows(feed: Feed) -> None:
    feed.put("nothing", avro({"type": "record", "name": "R", "fields": []}, [{}] * 3))
    assert feed.read().rows == [()] * 3
    inside = {"type": "record", "name": "E", "fields": []}
    feed.put("inside", avro(record(e=inside, a="int"), [{"e": {}, "a": 1}, {"e": None, "a": 2}]))
    assert sorted(feed.read().rows, key=str) == [("{}", 1), (None, 2), (None, None), (None, None), (None, None)]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy", "zstandard"])
def test_codecs(feed: Feed, spark: SparkSession, tmp_path: Path, codec: str) -> None:
    if codec in ("snappy", "zstandard"):  # fastavro needs more packages for these
        out = tmp_path / "out"
        spark.range(1000).coalesce(1).write.format("avro").option("compression", codec).save(str(out))
        content = next(out.glob("*.avro")).read_bytes()
        assert f"{codec}".encode() in content[:200]
    else:
        content = avro(
            {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]},
            [{"id": i} for i in range(1000)],
            codec,
        )
    feed.put("a", content)
    assert sorted(feed.read().rows) == [(i,) for i in range(1000)]


def test_files_are_read_whatever_they_are_called(feed: Feed, spark: SparkSession) -> None:
    hadoop: Any = spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[union-attr]
    for name in ("a", "b.avro", "c.json", "d 100%.x"):
        feed.put(name, avro(PLAIN, rows(1)))
    hadoop.set("avro.mapred.ignore.inputs.without.extension", "true")
    try:
        assert len(feed.read().rows) == 4
    finally:
        hadoop.unset("avro.mapred.ignore.inputs.without.extension")


def test_broken_files_fail_alone_and_no_row_is_lost(feed: Feed) -> None:
    whole = avro(PLAIN, rows(2_000))
    marker = whole[-16:]
    second = whole.index(marker, whole.index(marker) + 1)
    packed = bytearray(avro(PLAIN, rows(2_000), "deflate"))
    packed[300:600] = b"\xff" * 300
    counted = bytearray(whole)
    counted[whole.index(marker) + 16] ^= 2  # the first block says another number of records than it has
    feed.put("good", whole)
    feed.put("header only", avro(PLAIN, []))
    feed.put("in a block", whole[:-5_000])
    feed.put("in the first byte of a block", whole[: second + 17])
    feed.put("wrong marker", whole[:second] + b"y" * 16 + whole[second + 16 :])
    feed.put("wrong number", bytes(counted))
    feed.put("wrong bytes", bytes(packed))
    feed.put("unknown codec", whole.replace(b"null", b"zero", 1))
    feed.put("zero bytes", b"")
    feed.put("garbage", b"garbage" * 1000)
    feed.put("two in one", whole + avro(PLAIN, rows(1)))
    read = feed.read()
    assert len(read.rows) == 2_000
    assert set(read.failed) == {
        "in a block", "in the first byte of a block", "wrong marker", "wrong number", "wrong bytes", "unknown codec",
        "zero bytes", "garbage", "two in one",
    }  # fmt: skip
    assert all(why.startswith("cannot be read: ") for why in read.failed.values())


def test_schemas_that_spark_does_not_take_fail_alone(feed: Feed) -> None:
    feed.put("good", avro(PLAIN, rows(2)))
    feed.put("recursive", avro(record(next="Row", a="int"), [{"next": {"next": None, "a": 1}, "a": 2}]))
    feed.put("digits", avro(record(m=logical("bytes", "decimal", precision=50, scale=2)), []))
    feed.put("case", avro(record(id="int", ID="int"), [{"id": 1, "ID": 2}]))
    feed.put("no record", avro("string", ["x"]))
    feed.put("unknown type", avro(PLAIN, []).replace(b'"string"', b'"strong"'))
    read = feed.read()
    assert sorted(read.rows) == [(0, "0".zfill(50)), (1, "1".zfill(50))]
    assert set(read.failed) == {"recursive", "digits", "case", "no record", "unknown type"}
    assert "recursive reference" in read.failed["recursive"]
    assert "strong" in read.failed["unknown type"]


def test_without_sparks_reader_no_file_is_blamed(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.errors import AnalysisException

    class NoReader(AnalysisException):
        def getCondition(self) -> str:  # noqa: N802
            return "_LEGACY_ERROR_TEMP_1139"

    def scan(*_: object) -> None:
        raise NoReader("Failed to find data source: avro.")

    monkeypatch.setattr(leaf, "scan_typed", scan)
    with pytest.raises(
        MachineError, match=r"cannot read Avro[\s\S]*fix: add org.apache.spark:spark-avro_2.13 for Spark 4"
    ):
        leaf.scan(feed.spark, leaf.Options(path="x"), [], Wanted({}))
