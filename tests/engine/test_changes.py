"""Rows of a change feed: which of them set their key, which delete it, and which say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.engine import changes
from lakehouse.quality.checks import Checks
from lakehouse.quality.rows import COMMIT_VERSION, WAS
from lakehouse.write.merge import Merge

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = f"id int, n double, m map<string,int>, {COMMIT_VERSION} bigint, {WAS} boolean, {changes.INPUT_NAME} string"


def made(spark: SparkSession, *rows: tuple[object, ...]) -> DataFrame:
    """Rows as (id, n, map, version, was) of one input."""
    return spark.createDataFrame([(*row, "silver.s") if len(row) == 5 else row for row in rows], ROWS)


def ids(frame: DataFrame) -> list[tuple[object, ...]]:
    return sorted((r.id, r.n, r[COMMIT_VERSION], r[WAS]) for r in frame.collect())


def test_s75_what_a_commit_takes_out_and_puts_in_again_is_no_change(spark: SparkSession) -> None:
    nan = float("nan")
    frame = made(
        spark,
        (1, 1.0, None, 5, True), (1, 1.0, None, 5, False),  # as it was
        (2, 1.0, None, 5, True), (2, 2.0, None, 5, False),
        (3, 1.0, None, 5, True), (3, 1.0, None, 6, False),  # by another commit
        (4, nan, None, 5, True), (4, nan, None, 5, False),
        (5, 0.0, None, 5, False), (5, 0.0, None, 5, False), (5, 0.0, None, 5, True),  # once more than before
        (6, 0.0, None, 5, True), (6, 0.0, None, 5, True), (6, 0.0, None, 5, False),
    )  # fmt: skip
    assert ids(changes._without_equal(frame.drop("m"))) == [
        (2, 1.0, 5, True), (2, 2.0, 5, False), (3, 1.0, 5, True), (3, 1.0, 6, False), (5, 0.0, 5, False), (6, 0.0, 5, True),
    ]  # fmt: skip


def test_maps_are_not_compared(spark: SparkSession) -> None:
    frame = made(spark, (1, 1.0, {"a": 1}, 5, True), (1, 1.0, {"a": 1}, 5, False))
    assert changes._without_equal(frame).count() == 2


def test_s63_two_rows_of_a_commit_with_one_key_are_in_no_order(spark: SparkSession) -> None:
    checks = Checks()
    frame = made(
        spark,
        (1, 1.0, None, 5, False), (1, 2.0, None, 5, False), (2, 1.0, None, 5, False), (2, 1.0, None, 5, False),
        (3, 1.0, None, 5, True), (3, 2.0, None, 5, False), (4, 1.0, None, 5, False), (4, 2.0, None, 6, False),
    )  # fmt: skip
    found = changes.settled(frame, Merge(keys=("id",)), checks)
    (check,) = checks.all
    assert (check.name, check.action) == ("merge.order", "fail")
    assert [r.id for r in found.where(check.broken).collect()] == [1, 1]


def test_s63_a_delete_and_a_row_of_one_commit_are_in_no_order(spark: SparkSession) -> None:
    checks = Checks()
    frame = made(spark, (1, 1.0, None, 5, False), (1, 2.0, None, 5, False), (2, 1.0, None, 5, False))
    checks.stored = frozenset({"id"})
    options = Merge(keys=("id",), apply_as_deletes="n > 1", except_column_list=("n",))
    found = changes.settled(frame, options, checks)
    (check,) = checks.all
    assert [r.id for r in found.where(check.broken).collect()] == [1, 1]


def test_s75_a_row_deletes_where_no_row_of_its_commit_sets_its_key(spark: SparkSession) -> None:
    checks = Checks()
    frame = made(
        spark,
        (1, 1.0, None, 5, True), (1, 2.0, None, 5, False),  # an update
        (2, 1.0, None, 5, True), (3, 1.0, None, 5, False),  # another key
        (4, 1.0, None, 5, False), (4, 1.0, None, 6, True),  # set, then deleted
        (5, 1.0, None, 5, True), (5, 1.0, None, 5, False, "silver.other"),  # of another table
        (None, 1.0, None, 5, True), (None, 2.0, None, 6, False),  # no key
    )  # fmt: skip
    found = changes.settled(frame, Merge(keys=("id",), sequence_by=("n",)), checks)
    rows = [(r.id, r[COMMIT_VERSION], r[WAS]) for r in found.collect()]
    assert sorted(rows, key=repr) == [
        (1, 5, False), (2, 5, True), (3, 5, False), (4, 5, False), (4, 6, True), (5, 5, False), (5, 5, True),
        (None, 6, False),
    ]  # fmt: skip
    assert checks.tally.rows_beaten() == 2


def test_a_row_with_a_key_that_does_not_fit_deletes_nothing(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    checks = Checks()
    frame = made(spark, (1, 1.0, None, 5, True), (2, 1.0, None, 5, True), (2, 1.0, None, 6, False))
    broken = F.col("id") == 2
    frame = checks.add(
        frame, name="schema.id", column="ID", violated=broken, value=None, message="", action="quarantine"
    )
    found = changes.settled(frame, Merge(keys=("id",), sequence_by=("n",)), checks)
    assert sorted((r.id, r[WAS]) for r in found.collect()) == [(1, True), (2, False)]
