"""What a merge leaves unread: literals of every type, bounds of keys, and the rows that Spark reads."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.write import merge
from lakehouse.write.merge.bounds import MOST_LISTED, look
from lakehouse.write.merge.values import literal, skips, told
from tests.write.conftest import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VALUES = {
    "tinyint": "-3Y", "smallint": "300S", "int": "-70000", "bigint": "9007199254740993L",
    "decimal(20,6)": "-12345678901234.000001BD", "date": "DATE'0001-01-01'", "string": "'a''\\\\b${c}{d}\\n\\u00e4'",
    "timestamp": "TIMESTAMP'2013-10-27 00:30:00.123456 UTC'", "timestamp_ntz": "TIMESTAMP_NTZ'2013-10-27 02:30:00.000001'",
    "double": "0.1D", "float": "'NaN'", "boolean": "true", "binary": "X'00ff'",
    "struct<at:timestamp,nr:int,inner:struct<`a b`:string>>":
        "named_struct('at', TIMESTAMP'2013-10-27 00:30:00 UTC', 'nr', CAST(NULL AS INT), 'i', named_struct('x', 'y'))",
}  # fmt: skip
"""Type -> a value of it that is easily lost on the way."""


def test_every_value_that_orders_or_bounds_comes_back_as_a_literal(spark: SparkSession) -> None:
    zone = spark.conf.get("spark.sql.session.timeZone")
    try:
        for text, value in VALUES.items():
            # in a zone in which the clock time of these instants is there twice
            spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
            frame = spark.range(1).select(F.expr(f"CAST({value} AS {text})").alias("v"))
            kind = frame.schema["v"].dataType
            (row,) = frame.select(told(F.col("v"), kind)).collect()
            found = literal(row[0], kind)
            frame.createOrReplaceTempView("__values")
            assert spark.sql(f"SELECT {found} <=> v FROM __values").collect()[0][0], found
            assert literal(None, kind).startswith("CAST(NULL") or "struct" in text
            spark.conf.set("spark.sql.session.timeZone", "UTC")
            assert text not in ("float", "double", "boolean", "binary") or not skips(kind)
    finally:
        spark.catalog.dropTempView("__values")
        spark.conf.set("spark.sql.session.timeZone", str(zone))


def test_bounds_are_lists_of_partitions_and_ranges_of_others(spark: SparkSession, table: Callable[..., Table]) -> None:
    made = table(p="int", k="string", f="double", _sequence="int")
    options = merge.Merge(keys=["P", "k", "f"], sequence_by="seq")
    rows = [(3, "b", 1.0, 1), (1, None, 2.0, 1), (3, "a{0}", None, 1)]
    frame = spark.createDataFrame(rows, "p int, k string, f double, seq int")
    found = look(frame, made.target(partitioned_by=("p",)), options)
    assert found.rows == 3
    assert (
        found.within()
        == ("t.`P` IN (CAST('1' AS int), CAST('3' AS int)) AND (t.`k` BETWEEN 'a{0}' AND 'b' OR t.`k` IS NULL)")
        or "CAST(X'" in found.within()
    )
    many = spark.range(MOST_LISTED + 1).selectExpr("CAST(id AS int) p", "'x' k", "0.0D f")
    assert look(many, made.target(partitioned_by=("p",)), options).within().startswith("t.`P` BETWEEN")
    assert look(frame.where("false"), made.target(), options).within() == "t.`P` IS NULL AND t.`k` IS NULL"


def records_read(spark: SparkSession, group: str) -> int:
    """Rows that the stages of this job group have read from files."""
    tracker, found = spark.sparkContext.statusTracker(), 0
    store = spark.sparkContext._jsc.sc().statusStore()  # type: ignore[union-attr]
    for job in tracker.getJobIdsForGroup(group):
        info = tracker.getJobInfo(job)
        # a stage that was skipped has run for another job
        ran = [stage for stage in (info.stageIds if info else []) if tracker.getStageInfo(stage) is not None]
        found += sum(store.lastStageAttempt(stage).inputRecords() for stage in ran)
    return found


def test_only_files_that_may_hold_a_key_are_read(spark: SparkSession, table: Callable[..., Table]) -> None:
    options = merge.Merge(keys="k", sequence_by="seq", apply_as_deletes="v = 'D'")
    made = table(**merge.stored_columns({"k": "timestamp", "v": "string"}, options, "int"))
    rows = spark.range(0, 8000, 1, 8).selectExpr("timestamp_seconds(id * 60) k", "'a' v", "5 _sequence")
    rows.write.format("delta").mode("append").save(made.path)  # a file for each thousand of the keys
    batch = [(60 * 2100, "b", 6), (60 * 2200, "late", 4), (60 * 2300, "D", 6), (60 * 2301, "a", 5)]
    frame = spark.createDataFrame(batch, "s int, v string, seq int").selectExpr("timestamp_seconds(s) k", "v", "seq")
    group = uuid.uuid4().hex
    spark.sparkContext.setJobGroup(group, "")
    counts = made.write(merge, frame, options, empty=False)
    spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    assert (counts.updated, counts.late, counts.deleted, counts.equal) == (1, 1, 1, 1)
    read = records_read(spark, group)
    # one file's thousand rows, four times: those that match, those to write and to delete, late rows beside equal ones
    assert 1000 <= read < 5000, read
