"""Rows that meet a condition give way to new ones, in one commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from lakehouse.errors import StepError
from lakehouse.model import unavailable
from lakehouse.quality.checks import Checks
from lakehouse.write import replace_where
from tests.write.conftest import Table, commits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS = replace_where.Options.model_validate("d >= 5")
NOW = datetime(2024, 2, 1, 12, tzinfo=UTC)


def test_it_is_a_condition_that_reads_rows() -> None:
    assert not list(unavailable(OPTIONS))
    for text in ("", "d >", "rand() > 0.5", "sum(d) > 1"):
        with pytest.raises(ValidationError):
            replace_where.Options.model_validate(text)


def test_variables_and_the_time_of_the_run_are_put_in_and_the_time_makes_it_move() -> None:
    options = replace_where.Options.model_validate("d >= :low AND day >= current_date()")
    bound = replace_where.with_values(options, {"low": 3}, NOW).root
    assert bound == "d >= 3 AND day >= CAST(TIMESTAMP'2024-02-01 12:00:00.000000 UTC' AS DATE)"
    assert replace_where.moving(options) == ["current_date()"]
    assert not replace_where.moving(OPTIONS)


def test_s86_what_meets_the_condition_is_replaced_in_one_commit_and_the_rest_stays(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    made = table(d="int", n="int")
    made.write(replace_where, spark.createDataFrame([(5, 1), (6, 2)], "d int, n int"), OPTIONS)
    made.write(
        replace_where, spark.createDataFrame([(1, 3), (None, 4)], "d int, n int"), _options("d is null or d < 5")
    )
    made.write(replace_where, spark.createDataFrame([(7, 50)], "d int, n int"), OPTIONS)
    assert made.rows() == [(1, 3), (7, 50), (None, 4)]
    assert made.version == 3
    made.write(replace_where, spark.createDataFrame([], "d int, n int"), OPTIONS)
    assert made.rows() == [(1, 3), (None, 4)], "no rows are as good a result as any"


def test_s86_a_retry_writes_nothing(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(d="int", n="int")
    made.write(replace_where, spark.createDataFrame([(5, 1)], "d int, n int"), OPTIONS)
    made.sequence = 0
    made.write(replace_where, spark.createDataFrame([(5, 2)], "d int, n int"), OPTIONS)
    assert (made.rows(), made.version) == ([(5, 1)], 1)


def test_rows_that_are_copied_are_not_counted(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(d="int", n="int", properties={"delta.enableDeletionVectors": "false"})
    rows = [(index, index) for index in range(10)]
    made.write(replace_where, spark.createDataFrame(rows, "d int, n int").coalesce(1), _options("true"))
    told = replace_where.write(spark.createDataFrame([(5, 0)], "d int, n int"), made.target(), OPTIONS)
    assert len(made.rows()) == 6
    assert told(made.log.commits[0], None).written == 1


def test_new_columns_come_with_the_commit_but_not_one_that_the_condition_asks(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    made = table(d="int")
    columns = {"d": "int", "b": "string"}
    made.write(replace_where, spark.createDataFrame([(5, "x")], "d int, b string"), OPTIONS, columns=columns)
    assert (made.rows(), made.version) == ([(5, "x")], 1)
    with pytest.raises(StepError, match=r"`c`, which the stored rows do not have yet"):
        made.write(
            replace_where, spark.createDataFrame([(5, 1)], "d int, c int"), _options("c > 0"), columns={"c": "int"}
        )
    assert "metaData" not in commits(made.path)[-1] or made.version == 1


def test_s86_a_row_outside_fails_the_step_and_one_that_is_rejected_already_does_not(spark: SparkSession) -> None:
    checks = Checks(now=NOW)
    frame = spark.createDataFrame([(5, 1), (4, 2), (None, 3), (1, None)], "d int, n int")
    from pyspark.sql import functions as F

    frame = checks.add(
        frame, name="n", column="n", violated=F.col("n").isNull(), value=None, message="", action="quarantine"
    )
    found = replace_where.controls(frame, OPTIONS, checks)
    check = checks.all[-1]
    assert (check.name, check.action, check.column) == ("replace_where", "fail", "d")
    rows = found.where(check.broken).select("d", f"{check.found}.value", f"{check.found}.message").collect()
    said = "the row does not meet the condition, d >= 5"
    assert sorted(map(tuple, rows), key=repr) == [(4, "4", said), (None, None, said)]


def test_what_would_be_there_afterwards(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(d="int", n="int")
    there = spark.createDataFrame([(1, 1), (5, 5), (None, 0)], "d int, n int")
    frame = spark.createDataFrame([(6, 6, False), (7, 7, True)], "d int, n int, __out boolean")
    after = replace_where.after(frame, there, made.target(), OPTIONS)
    assert after.rest is not None
    assert sorted(map(tuple, after.rest.collect()), key=repr) == [(1, 1), (None, 0)]
    assert [tuple(r) for r in after.rows.where("__stays").select("d").collect()] == [(6,)]
    assert replace_where.after(frame, None, made.target(), OPTIONS).rest is None


def _options(text: str) -> replace_where.ReplaceWhere:
    return replace_where.Options.model_validate(text)
