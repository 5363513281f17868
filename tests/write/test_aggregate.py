"""Grouping and measuring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from pydantic import ValidationError

from lakehouse.write import aggregate
from tests.write.conftest import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def options(**keys: Any) -> aggregate.Aggregate:
    return aggregate.Aggregate.model_validate(keys)


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("a", {"a": "a"}),
        (["a", "b c"], {"a": "a", "b c": "`b c`"}),
        ({"d": "to_date(t)"}, {"d": "to_date(t)"}),
        (["a", {"d": "to_date(t)"}], {"a": "a", "d": "to_date(t)"}),
    ],
)
def test_groups_are_names_or_expressions_or_both(by: Any, groups: dict[str, str]) -> None:
    assert options(by=by, measures={"n": "count(*)"}).by == groups


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"by": ["a", "a"], "measures": {"n": "count(*)"}}, "named twice"),
        ({"by": "a", "measures": {"A": "count(*)"}}, "names two columns"),
        ({"by": [1], "measures": {"n": "count(*)"}}, "neither a column nor"),
        ({"measures": {"n": "count(*)"}}, "`by` or `window` is needed"),
        ({"by": "a", "measures": {}}, "at least 1"),
    ],
)
def test_mistakes_are_found_in_the_model(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**keys)


@pytest.fixture(scope="module")
def flights(spark: SparkSession) -> DataFrame:
    rows = [
        ("UA", 3, "2013-01-01 10:10:00"),
        ("UA", 20, "2013-01-01 10:50:00"),
        ("AA", None, "2013-01-01 11:10:00"),
        (None, 5, None),
    ]
    return spark.createDataFrame(rows, "carrier string, delay int, t string").selectExpr(
        "carrier", "delay", "cast(t as timestamp) t"
    )


def test_s83_null_is_a_group(flights: DataFrame, spark: SparkSession) -> None:
    found = aggregate.result(flights, options(by="carrier", measures={"n": "count(*)", "mean": "avg(delay)"}), {})
    expected = spark.createDataFrame(
        [("UA", 2, 11.5), ("AA", 1, None), (None, 1, 5.0)], "carrier string, n bigint, mean double"
    )
    assert_df_equality(found, expected, ignore_row_order=True, ignore_nullable=True)


def test_where_having_variables_and_expressions(flights: DataFrame, spark: SparkSession) -> None:
    keys = options(
        by=[{"kind": "coalesce(carrier, '{none}')"}, {"one": "1"}],
        where="delay is not null",
        measures={"n": "count(*)", "late": "count_if(delay > :limit)", "share": "late / n", "delay": "max(delay)"},
        having="n >= :least and delay > 10 or kind = '{none}'",
    )
    found = aggregate.result(flights, keys, {"limit": 10, "least": 2, "unused": {"a": 1}})
    expected = spark.createDataFrame(
        [("UA", 1, 2, 1, 0.5, 20), ("{none}", 1, 1, 0, 0.0, 5)],
        "kind string, one int, n bigint, late bigint, share double, delay int",
    )
    assert_df_equality(found, expected, ignore_row_order=True, ignore_nullable=True)


def test_s83a_windows_are_group_keys(flights: DataFrame) -> None:
    keys = options(window={"column": "t", "size": "1 hour"}, measures={"n": "count(*)"})
    found = aggregate.result(flights, keys, {})
    assert found.columns == ["window_start", "window_end", "n"]
    assert sorted((r.window_start.hour, r.window_end.hour, r.n) for r in found.collect()) == [(10, 11, 2), (11, 12, 1)]


def test_the_table_is_replaced_in_one_commit_and_no_view_stays(
    table: Callable[..., Table], spark: SparkSession, flights: DataFrame
) -> None:
    made = table(carrier="string", n="bigint")
    keys = options(by="carrier", measures={"n": "count(*)"})
    before = len(spark.catalog.listTables())
    for _ in range(2):
        made.write(aggregate, aggregate.result(flights, keys, {}), keys)
    assert made.rows() == [("AA", 1), ("UA", 2), (None, 1)]
    assert made.version == 2
    assert len(spark.catalog.listTables()) == before
