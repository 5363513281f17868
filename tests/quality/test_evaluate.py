from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lakehouse.errors import StepError
from lakehouse.model import unavailable
from lakehouse.names import TableName
from lakehouse.quality.check import Check
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import Result, evaluate
from lakehouse.quality.expectations import judge
from lakehouse.quality.models import ColumnSpec, Expectation, Identity
from lakehouse.quality.routing import accepted, rejected, samples

from .described import undescribed

ROWS = [(1, "a"), (2, "b"), (3, None), (4, "a"), (None, "c")]


def run(spark, rules, rows=ROWS, ddl="n int, t string", **options):
    checks = Checks(**options)
    frame = keep_input(spark.createDataFrame(rows, ddl).coalesce(1))
    return judge(frame, {k: Expectation.model_validate(v) for k, v in rules.items()}, checks), checks


def test_s47_null_in_a_condition_is_a_violation(spark):
    frame, checks = run(spark, {"r": {"expect": "n < 4", "on_violation": "drop"}})
    assert [r["n"] for r in accepted(frame, checks).collect()] == [1, 2, 3]
    assert evaluate(frame, checks).results[0].violations == 2


def test_s48_null_is_not_judged_by_core_expectations(spark):
    frame, checks = run(
        spark, {"r": {"expect_column_values_to_be_in_set": {"column": "t", "value_set": ["a"]}, "mostly": 0.5}}
    )
    (result,) = evaluate(frame, checks).results
    assert (result.judged, result.violations, result.success) == (4, 2, True)


def test_s52_the_gravest_action_counts_and_all_failures_are_kept(spark):
    frame, checks = run(
        spark,
        {
            "w": {"expect": "n <> 1", "on_violation": "warn"},
            "d": {"expect": "n > 2", "on_violation": "drop"},
            "q": {"expect": "t <> 'a'", "on_violation": "quarantine"},
        },
    )
    found = evaluate(frame, checks)
    assert (found.rows, found.quarantined, found.dropped, found.accepted) == (5, 3, 2, 0)
    rows = rejected(frame, checks, TableName("silver", "t"), 1, "a", "r", "input").collect()
    assert sorted((r["n"], [f["name"] for f in r["_failures"]]) for r in rows) == [
        (1, ["w", "d", "q"]),
        (3, ["q"]),
        (4, ["q"]),
    ]


def test_s52_dropped_rows_are_counted_apart(spark):
    frame, checks = run(spark, {"d": {"expect": "n > 2", "on_violation": "drop"}})
    found = evaluate(frame, checks)
    assert (found.quarantined, found.dropped, found.accepted) == (0, 3, 2)
    with pytest.raises(StepError, match="no rule that puts rows in quarantine"):
        rejected(frame, checks, TableName("silver", "t"), 1, "a", "r", "input")


def test_s53_samples_of_a_failing_rule(spark):
    frame, checks = run(spark, {"f": {"expect": "n > 3", "on_violation": "fail"}, "w": "n > 0"})
    found = evaluate(frame, checks)
    assert [r.name for r in found.failing] == ["f"]
    rows = samples(frame, checks, found, limit=100)
    assert {(r["name"], r["value"]) for r in rows} == {("f", "1"), ("f", "2"), ("f", "3"), ("f", None), ("w", None)}
    assert len(samples(frame, checks, found, limit=2)) == 2


@pytest.mark.parametrize(
    ("action", "mostly", "violations", "fails", "warns"),
    [
        ("warn", None, 0, False, False), ("warn", None, 1, False, True), ("warn", 0.9, 10, False, False),
        ("warn", 0.9, 11, False, True), ("fail", None, 0, False, False), ("fail", None, 1, True, False),
        ("fail", 0.9, 10, False, False), ("fail", 0.9, 11, True, False), ("drop", None, 100, False, False),
        ("drop", 0.9, 10, False, False), ("drop", 0.9, 11, True, False), ("quarantine", None, 100, False, False),
        ("quarantine", 0.9, 11, True, False), ("quarantine", 1.0, 0, False, False), ("quarantine", 1.0, 1, True, False),
        ("quarantine", 0.0, 100, False, False),
    ],
)  # fmt: skip
def test_s53a_mostly(action, mostly, violations, fails, warns):
    result = Result(Check(0, "r", None, action, mostly, False), 100, violations)
    assert (result.fails, result.warns) == (fails, warns)


@given(st.integers(1, 10**6), st.data())
def test_s53a_mostly_is_met_exactly_at_its_share(judged, data):
    passing = data.draw(st.integers(0, judged))
    result = Result(Check(0, "r", None, "fail", passing / judged, False), judged, judged - passing)
    assert not result.fails
    if judged > passing > 0:
        assert Result(result.check, judged, judged - passing + 1).fails


def test_nothing_judged_is_no_violation():
    assert Result(Check(0, "r", None, "fail", 0.9, True), 0, 0).success


def test_no_rule_no_filter_and_one_job(spark):
    frame, checks = run(spark, {})
    found = evaluate(frame, checks)
    assert (found.rows, found.accepted, list(found.results)) == (5, 5, [])
    assert accepted(frame, checks) is frame


def test_further_aggregates_ride_in_the_same_job(spark):
    from pyspark.sql import functions as F

    frame, checks = run(spark, {"r": "n > 0"})
    assert evaluate(frame, checks, {"most": F.max("n")}).extra == {"most": 4}


def test_rules_that_nothing_broke_cost_no_filter(spark):
    frame, checks = run(
        spark,
        {
            "q": {"expect": "n > 0 or n is null", "on_violation": "quarantine"},
            "d": {"expect": "t <> 'b'", "on_violation": "drop"},
        },
    )
    found = evaluate(frame, checks)
    assert [r["n"] for r in accepted(frame, checks, found).collect()] == [1, 4, None]
    clean, checks = run(spark, {"q": {"expect": "n > 0 or n is null", "on_violation": "quarantine"}})
    assert accepted(clean, checks, evaluate(clean, checks)) is clean


def test_s31_a_rule_that_raises_fails_closed(spark):
    frame, checks = run(spark, {"r": "1 / (n - 1) > 0"})
    with pytest.raises(Exception, match="DIVIDE_BY_ZERO"):
        evaluate(frame, checks)


def test_variables_and_row_condition(spark):
    rules = {
        "r": {"expect_column_values_to_not_be_null": {"column": "t", "row_condition": "n > :least"}},
        "s": "n <> :least",
    }
    frame, checks = run(spark, rules, variables={"least": 2})
    assert [(r.judged, r.violations) for r in evaluate(frame, checks).results] == [(2, 1), (5, 2)]


def test_expectations_take_the_tables_default_action(spark):
    frame, checks = run(spark, {"r": "n > 0"}, on_violation="quarantine")
    assert evaluate(frame, checks).quarantined == 1


def test_a_rule_names_the_nearest_column(spark):
    with pytest.raises(StepError, match="expectation clock: there is no column 'nn' here; did you mean 'n'"):
        run(spark, {"clock": "nn > 0"})


def test_expectation_forms():
    assert Expectation.model_validate("a > 1").word == "expect"
    rule = Expectation.model_validate({"expect_column_values_to_not_be_null": {"column": "a", "mostly": 0.5}})
    assert (rule.word, rule.share, rule.columns()) == ("expect_column_values_to_not_be_null", 0.5, {"a"})
    for wrong in (
        {},
        {"on_violation": "fail"},
        {"expect": "a", "expect_column_values_to_be_null": {"column": "a"}},
        {"expect": "sum(a) > 1"},
        {"expect": "uuid() = a"},
        "rank() over (order by a) = 1",
        {"expect": "a", "on_violation": "explode"},
        {"expect_column_values_to_be_null": {"column": "a", "mostly": 0.5}, "mostly": 0.6},
    ):
        with pytest.raises(ValidationError):
            Expectation.model_validate(wrong)


def test_expectations_not_built_yet_are_named():
    word = "expect_query_results_to_match_comparison"
    arguments = {"base_query": "a", "comparison_data_source_name": "b", "comparison_query": "c"}
    assert list(unavailable(Expectation.model_validate({word: arguments}))) == [(word,)]
    assert not list(unavailable(Expectation.model_validate("a > 1")))


def test_column_spec_forms():
    assert ColumnSpec.model_validate("INTEGER") == ColumnSpec(type="int")
    assert ColumnSpec.model_validate({"type": "decimal(5, 2)", "default": 0}).type == "decimal(5,2)"
    for wrong in ("itn", {"nullable": True}, {"type": "int", "default": "unknown"}, {"type": "int", "default": "1 +"}):
        with pytest.raises(ValidationError):
            ColumnSpec.model_validate(wrong)
    assert ColumnSpec.model_validate({"type": "bigint", "identity": True}).identity == Identity(start=1, step=1)
    for wrong in ({"type": "int", "identity": True}, {"type": "bigint", "identity": {"step": 0}}):
        with pytest.raises(ValidationError):
            ColumnSpec.model_validate(wrong)


def test_every_expectation_describes_its_arguments():
    from lakehouse.quality.core import EXPECTATIONS

    for name, arguments in EXPECTATIONS.items():
        assert arguments.__doc__, name
        assert not undescribed(arguments), name
    assert not undescribed(Expectation)
    assert not undescribed(ColumnSpec)
