"""Values that come again are replaced, in one commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from lakehouse.model import unavailable
from lakehouse.quality.checks import Checks
from lakehouse.write import replace_using
from tests.write.conftest import Table, touched

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS = replace_using.Options.model_validate(["region", "Day"])
ROWS = "region string, day int, n int"


def test_it_is_a_list_of_columns() -> None:
    assert not list(unavailable(OPTIONS))
    assert replace_using.Options.model_validate("day").root == ("day",)
    for value in ([], ["day", "DAY"], 5):
        with pytest.raises(ValidationError):
            replace_using.Options.model_validate(value)


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_s87_the_values_that_come_are_replaced_in_one_commit(
    table: Callable[..., Table], spark: SparkSession, vectors: str
) -> None:
    made = table(region="string", day="int", n="int", properties={"delta.enableDeletionVectors": vectors})
    first = [("a", 1, 1), ("a", 1, 2), ("a", 2, 3), ("b", 1, 4), (None, 1, 5)]
    made.write(replace_using, spark.createDataFrame(first, ROWS).coalesce(1), OPTIONS)
    told = _write(made, spark, [("a", 1, 10), ("a", 1, 10), ("c", 9, 90)])
    assert made.rows() == sorted(
        [("a", 1, 10), ("a", 1, 10), ("a", 2, 3), ("b", 1, 4), ("c", 9, 90), (None, 1, 5)], key=repr
    )
    assert made.version == 2
    assert told == 3
    assert sorted(made.read().columns) == ["day", "n", "region"]


def test_s87_an_empty_result_replaces_nothing_and_moves_on(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(region="string", day="int", n="int")
    _write(made, spark, [("a", 1, 1)])
    _write(made, spark, [])
    assert (made.rows(), made.version) == ([("a", 1, 1)], 2)
    assert not touched(made.path)


def test_s87_a_retry_writes_nothing(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(region="string", day="int", n="int")
    _write(made, spark, [("a", 1, 1)])
    _write(made, spark, [("a", 1, 2)])
    made.sequence = 1
    made.write(replace_using, spark.createDataFrame([("a", 1, 3)], ROWS), OPTIONS)
    assert (made.rows(), made.version) == ([("a", 1, 2)], 2)


def test_new_columns_come_with_the_commit(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(region="string", day="int", n="int")
    _write(made, spark, [("a", 1, 1), ("b", 1, 1)])
    columns = {**made.columns, "x": "string"}
    frame = spark.createDataFrame([("a", 1, 2, "new")], f"{ROWS}, x string")
    made.write(replace_using, frame, OPTIONS, columns=columns)
    assert made.rows() == [("a", 1, 2, "new"), ("b", 1, 1, None)]
    assert (made.version, made.read().columns) == (2, ["region", "day", "n", "x"])


def test_s87_null_is_a_violation_where_no_rule_rejects_the_row_already(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    checks = Checks()
    frame = spark.createDataFrame([("a", 1, 1), (None, 1, 2), ("a", None, None)], ROWS)
    frame = checks.add(frame, name="n", column="n", violated=F.col("n").isNull(), value=None, message="", action="drop")
    found = replace_using.controls(frame, OPTIONS, checks)
    check = checks.all[-1]
    assert (check.name, check.action, check.column) == ("replace_using", "quarantine", None)
    assert [r.n for r in found.where(check.broken).collect()] == [2]


def test_what_would_be_there_afterwards(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(region="string", day="int", n="int")
    there = spark.createDataFrame([("a", 1, 1), ("b", 1, 2), (None, 1, 3)], ROWS)
    frame = spark.createDataFrame(
        [("a", 1, 9, False), ("b", 1, 9, True), (None, 1, 9, False)], f"{ROWS}, __out boolean"
    )
    after = replace_using.after(frame, there, made.target(), OPTIONS)
    assert after.rest is not None
    assert sorted(r.n for r in after.rest.collect()) == [2, 3]
    assert replace_using.after(frame, None, made.target(), OPTIONS).rest is None


def _write(made: Table, spark: SparkSession, rows: list[tuple[object, ...]]) -> int:
    made.write(replace_using, spark.createDataFrame(rows, ROWS), OPTIONS)
    return replace_using.told(made.log.commits[0], None).written
