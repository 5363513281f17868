"""`row_condition` as Great Expectations writes it, in SQL."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.quality.conditions import in_sql
from lakehouse.quality.models import Expectation

GX = {"condition_parser": "great_expectations"}


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ('col("n") > 5', "`n` > 5"),
        ('col("a b") == "x y"', "`a b` = 'x y'"),
        ("col(\"a`b\")!='it\\'", "`a``b` <> 'it\\\\'"),
        ('col("n") <= -1.5e3', "`n` <= -1.5e3"),
        ('col("day") >= date("2013-01-01")', "`day` >= DATE '2013-01-01'"),
        (' col("n").notNull() ', "`n` IS NOT NULL"),
    ],
)
def test_its_own_words(text, sql):
    assert in_sql({"row_condition": text, **GX}) == {"row_condition": sql, "condition_parser": None}


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ({"type": "comparison", "column": {"name": "n"}, "operator": "==", "parameter": 5}, "`n` = 5"),
        ({"type": "comparison", "column": {"name": "n"}, "operator": "NOT_IN", "parameter": ["a", "b"]}, "`n` NOT IN ('a', 'b')"),
        ({"type": "comparison", "column": {"name": "n"}, "operator": "IN", "parameter": []}, "false"),
        ({"type": "comparison", "column": {"name": "f"}, "operator": "!=", "parameter": True}, "`f` <> true"),
        ({"type": "nullity", "column": {"name": "n"}, "is_null": True}, "`n` IS NULL"),
        ({"type": "pass_through", "pass_through_filter": "n > 5"}, "n > 5"),
        ({"type": "or", "conditions": [{"type": "nullity", "column": {"name": "n"}, "is_null": False}, {"type": "pass_through", "pass_through_filter": "a OR b"}]}, "(`n` IS NOT NULL) OR (a OR b)"),
    ],
)  # fmt: skip
def test_objects_of_suites(condition, sql):
    assert in_sql({"row_condition": condition})["row_condition"] == sql


def test_sql_stays_as_it_is():
    assert in_sql({"row_condition": "n > 5"}) == {"row_condition": "n > 5"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"row_condition": "n > 5", **GX},
        {"row_condition": 'col("n") > 5; drop table t', **GX},
        {"row_condition": 'n > 5 and m == "x"', "condition_parser": "pandas"},
        {"row_condition": {"type": "comparison", "column": {"name": "n"}, "operator": "~", "parameter": 5}},
        {"row_condition": {"type": "and", "conditions": []}},
    ],
)
def test_what_cannot_be_read_is_refused(arguments):
    with pytest.raises(ValidationError):
        Expectation.model_validate({"expect_column_values_to_not_be_null": {"column": "n", **arguments}})
