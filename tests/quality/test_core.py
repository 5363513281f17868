"""Each expectation that is compiled, both ways: by us and by Great Expectations on the same rows."""

# ruff: noqa: DTZ001 - a time in the session's zone is what Spark takes and gives

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from pydantic import ValidationError

from lakehouse.errors import StepError
from lakehouse.quality.checks import Checks
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.quality.core.through import Through
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.expectations import judge
from lakehouse.quality.models import Expectation

from . import test_core_wholes

DDL = "n int, b bigint, x double, d decimal(10,2), t string, u string, day date, at timestamp, flag boolean"
ROWS = [
    (1, 10, 1.5, Decimal("1.50"), "abc", "abc", dt.date(2013, 1, 1), dt.datetime(2013, 1, 1, 5), True),
    (2, 9, -0.0, Decimal("0.00"), "a_c", "abd", dt.date(2013, 1, 2), dt.datetime(2013, 1, 2), False),
    (3, 3, float("inf"), Decimal("-7.25"), "", "", dt.date(2012, 12, 31), dt.datetime(2013, 1, 1, 4, 59, 59), None),
    (None, None, None, None, None, None, None, None, None),
    (5, None, float("nan"), None, "50%", None, None, None, True),
    (None, 5, None, Decimal("99.99"), None, "äöü\nx", dt.date(9999, 12, 31), None, False),
    (
        2147483647,
        2**63 - 1,
        1e300,
        Decimal("12345678.90"),
        "ABC abc",
        "ABC abc",
        dt.date(2013, 1, 1),
        dt.datetime(2013, 1, 1, 5),
        True,
    ),
    (3, 3, 3.0, Decimal("3.00"), "abc", "x", dt.date(2013, 1, 1), dt.datetime(2013, 1, 1, 5), False),
]

# name, arguments as in the file, and where Great Expectations wants another type for them
C = "expect_column_values_to_"
CASES: list[tuple[str, dict, dict]] = [
    (C + "not_be_null", {"column": "n"}, {}),
    (C + "not_be_null", {"column": "n", "mostly": 0.75}, {}),
    (C + "not_be_null", {"column": "n", "mostly": 0.76}, {}),
    (C + "not_be_null", {"column": "t", "row_condition": "n > 2", "condition_parser": "spark"}, {}),
    (C + "be_null", {"column": "flag"}, {}),
    (C + "be_null", {"column": "flag", "mostly": 0.25}, {}),
    (C + "be_between", {"column": "n", "min_value": 2, "max_value": 5}, {}),
    (C + "be_between", {"column": "n", "min_value": 2, "max_value": 5, "strict_min": True, "strict_max": True}, {}),
    (C + "be_between", {"column": "n", "min_value": 2}, {}),
    (C + "be_between", {"column": "n", "max_value": 3, "strict_max": True}, {}),
    (C + "be_between", {"column": "x", "min_value": 0, "max_value": 10}, {}),
    (C + "be_between", {"column": "x", "max_value": 10, "mostly": 0.5}, {}),
    (C + "be_between", {"column": "d", "min_value": -7.25, "max_value": 99.99}, {}),
    (C + "be_between", {"column": "b", "min_value": 4, "max_value": 1e18}, {}),
    (
        C + "be_between",
        {"column": "day", "min_value": "2013-01-01", "max_value": "2013-01-01"},
        {"min_value": dt.date(2013, 1, 1), "max_value": dt.date(2013, 1, 1)},
    ),
    (
        C + "be_between",
        {"column": "at", "min_value": "2013-01-01 05:00:00", "strict_min": True},
        {"min_value": dt.datetime(2013, 1, 1, 5)},
    ),
    (C + "be_between", {"column": "n", "min_value": 3, "row_condition": "flag", "condition_parser": "spark"}, {}),
    (C + "be_in_set", {"column": "n", "value_set": [1, 3]}, {}),
    (C + "be_in_set", {"column": "t", "value_set": ["abc", ""]}, {}),
    (C + "be_in_set", {"column": "t", "value_set": ["abc", ""], "mostly": 0.5}, {}),
    (C + "be_in_set", {"column": "x", "value_set": [0, 3, 1.5]}, {}),
    (C + "be_in_set", {"column": "d", "value_set": [1.5, 3]}, {}),
    (C + "be_in_set", {"column": "flag", "value_set": [True]}, {}),
    (C + "be_in_set", {"column": "day", "value_set": ["2013-01-01"]}, {"value_set": [dt.date(2013, 1, 1)]}),
    (C + "not_be_in_set", {"column": "n", "value_set": [1, 3]}, {}),
    (C + "not_be_in_set", {"column": "t", "value_set": ["nothing"]}, {}),
    (C + "match_regex", {"column": "t", "regex": "^[a-z_]+$"}, {}),
    (C + "match_regex", {"column": "u", "regex": "ö.x"}, {}),
    (C + "match_regex", {"column": "u"}, {}),
    (C + "not_match_regex", {"column": "t", "regex": "b"}, {}),
    (C + "match_regex_list", {"column": "t", "regex_list": ["^a", "%$"]}, {}),
    (C + "match_regex_list", {"column": "t", "regex_list": ["^a", "c$"], "match_on": "all"}, {}),
    (C + "not_match_regex_list", {"column": "t", "regex_list": ["_", "%"]}, {}),
    ("expect_column_value_lengths_to_be_between", {"column": "t", "min_value": 1, "max_value": 3}, {}),
    ("expect_column_value_lengths_to_be_between", {"column": "u", "min_value": 3, "strict_min": True}, {}),
    ("expect_column_value_lengths_to_equal", {"column": "t", "value": 3}, {}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "t", "column_B": "u"}, {}),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "t", "column_B": "u", "ignore_row_if": "either_value_is_missing"},
        {},
    ),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "t", "column_B": "u", "ignore_row_if": "neither", "mostly": 0.5},
        {},
    ),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "b", "column_B": "n"}, {}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "b", "column_B": "n", "or_equal": True}, {}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "b", "column_B": "n", "or_equal": True, "ignore_row_if": "neither"},
        {},
    ),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "n", "column_B": "t", "value_pairs_set": [(1, "abc"), (3, ""), (5, "50%")]},
        {},
    ),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "n", "column_B": "u", "value_pairs_set": [(1, "abc"), (5, None)], "ignore_row_if": "neither"},
        {},
    ),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["n", "b"], "sum_total": 11}, {}),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["n", "b"], "sum_total": 5, "ignore_row_if": "any_value_is_missing"},
        {},
    ),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["n", "x", "d"], "sum_total": 9.0, "ignore_row_if": "never"},
        {},
    ),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["n", "b"]}, {}),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["n", "b"], "ignore_row_if": "any_value_is_missing"}, {}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["n", "b"]}, {}),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {"column_list": ["t", "u"], "ignore_row_if": "never"},
        {},
    ),
]

ONLY_OURS = {  # Great Expectations has no LIKE on Spark, and compares with other tables in databases only
    "expect_table_row_count_to_equal_other_table",
    C + "match_like_pattern",
    C + "not_match_like_pattern",
    C + "match_like_pattern_list",
    C + "not_match_like_pattern_list",
}


@pytest.fixture(scope="module")
def frame(spark):
    return spark.createDataFrame(ROWS, DDL).coalesce(1).localCheckpoint()


def _about(args):
    return {k: v for k, v in args.items() if k.startswith("column")}


def ours(frame, cases):
    checks = Checks()
    rules = {str(i): Expectation.model_validate({name: args}) for i, (name, args, _) in enumerate(cases)}
    return evaluate(judge(frame, rules, checks), checks).results


@pytest.mark.filterwarnings("ignore")
def test_same_answer_and_count_as_great_expectations(frame):
    gx = pytest.importorskip("great_expectations")
    import logging

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batch = (
        context.data_sources.add_spark(name="s", persist=False)
        .add_dataframe_asset(name="a")
        .add_batch_definition_whole_dataframe("b")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    suites = {}  # a suite holds one expectation of a kind for a column, a later one replaces it
    for index, (name, args, other) in enumerate(CASES):
        about = [i for i, (n, a, _) in enumerate(CASES[:index]) if n == name and _about(a) == _about(args)]
        suite = suites.setdefault(len(about), gx.ExpectationSuite(name=f"s{len(about)}"))
        configuration = gx.expectations.expectation_configuration.ExpectationConfiguration
        suite.add_expectation_configuration(configuration(type=name, kwargs={**args, **other}, meta={"case": index}))
    theirs = {}
    for suite in suites.values():
        results = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}).results
        theirs |= {result.expectation_config.meta["case"]: result for result in results}
    for index, (case, mine) in enumerate(zip(CASES, ours(frame, CASES), strict=True)):
        their = theirs[index]
        assert not their.exception_info.get("raised_exception"), (case, their.exception_info)
        answer = their.result
        assert (mine.success, mine.violations) == (their.success, answer["unexpected_count"]), case
        if "missing_count" in answer and "null" not in case[0]:
            assert mine.judged == answer["element_count"] - answer["missing_count"], case


def test_every_core_expectation_is_compiled_and_compared_or_marked_as_not_available():
    core = pytest.importorskip("great_expectations.expectations.core")
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    assert core
    assert set(EXPECTATIONS) == set(list_registered_expectation_implementations())
    built = {name for name, arguments in EXPECTATIONS.items() if arguments.available}
    compared = {name for name, *_ in CASES + test_core_wholes.CASES + test_core_wholes.UNIQUE}
    through = {name for name, arguments in EXPECTATIONS.items() if issubclass(arguments, Through)}
    assert built == compared | ONLY_OURS | through
    assert not through & (compared | ONLY_OURS)
    assert set(EXPECTATIONS) - built == {"expect_query_results_to_match_comparison"}  # needs a context of theirs


def test_the_arguments_are_those_of_great_expectations():
    core = pytest.importorskip("great_expectations.expectations.core")
    common = "id meta notes result_format description catch_exceptions rendered_content severity windows batch_id library_metadata"
    for name in dir(core):
        theirs = getattr(core, name)
        kind = getattr(theirs, "expectation_type", None)
        if not name.startswith(("Expect", "Unexpected")) or kind not in EXPECTATIONS:
            continue
        wanted = {f for f in theirs.__fields__ if f not in common.split()}
        got = set(EXPECTATIONS[kind].model_fields)
        assert wanted <= got, (kind, wanted - got)
        assert got - wanted <= {"mostly", "row_condition", "condition_parser"}, (kind, got - wanted)


def test_like(frame):
    cases = [
        (C + "match_like_pattern", {"column": "t", "like_pattern": "a%c"}, {}),
        (C + "match_like_pattern", {"column": "t", "like_pattern": "a|_c", "escape": "|"}, {}),
        (C + "match_like_pattern", {"column": "t", "like_pattern": "%\\%"}, {}),
        (C + "not_match_like_pattern", {"column": "t", "like_pattern": "___"}, {}),
        (C + "match_like_pattern_list", {"column": "t", "like_pattern_list": ["a%", "%bc"], "match_on": "all"}, {}),
        (C + "not_match_like_pattern_list", {"column": "t", "like_pattern_list": ["5%", "A%"]}, {}),
    ]
    assert [(r.judged, r.violations) for r in ours(frame, cases)] == [(6, 3), (6, 5), (6, 5), (6, 4), (6, 4), (6, 2)]


def test_bounds_of_texts(frame):
    """Great Expectations takes numbers and times only."""
    cases = [(C + "be_between", {"column": "t", "min_value": "a", "max_value": "b"}, {})]
    assert [(r.judged, r.violations) for r in ours(frame, cases)] == [(6, 3)]


def test_s48_null_in_a_set_has_no_effect(frame):
    """Great Expectations on Spark lets every row pass then; a set that forbids nothing is no rule."""
    cases = [
        (C + "be_in_set", {"column": "n", "value_set": [1, None]}, {}),
        (C + "not_be_in_set", {"column": "n", "value_set": [1, None]}, {}),
    ]
    assert [r.violations for r in ours(frame, cases)] == [5, 1]


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        (
            C + "be_between",
            {"column": "t", "min_value": 1},
            "1 is a number, which cannot be compared with a column of type string",
        ),
        (C + "be_between", {"column": "n", "min_value": "1"}, "'1' is a text"),
        (C + "be_between", {"column": "day", "min_value": "last week"}, "is not a date or time"),
        (C + "be_in_set", {"column": "t", "value_set": [1]}, "column of type string"),
        (C + "match_regex", {"column": "n", "regex": "x"}, "`n` is int, and this rule is about text"),
        (C + "not_be_null", {"column": "nn"}, "there is no column 'nn' here"),
        ("expect_multicolumn_sum_to_equal", {"column_list": ["n", "t"], "sum_total": 1}, "`t` is string"),
    ],
)
def test_arguments_that_do_not_suit_the_column_are_refused_with_the_rule(frame, name, args, words):
    with pytest.raises(StepError) as caught:
        ours(frame, [(name, args, {})])
    assert "expectation 0: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        (C + "be_between", {"column": "n"}),
        (C + "be_between", {"column": "n", "min_value": 3, "max_value": 2}),
        (C + "be_between", {"column": "n", "min_value": 3, "max_value": "4"}),
        (C + "be_in_set", {"column": "n", "value_set": [1, "a"]}),
        (C + "not_be_null", {"colum": "n"}),
        (C + "not_be_null", {"column": "n", "mostly": 1.5}),
        (C + "not_be_null", {"column": "n", "row_condition": "n >"}),
        (C + "not_be_null", {"column": "n", "row_condition": "rand() > 0.5"}),
        (C + "match_like_pattern", {"column": "t", "like_pattern": "a", "escape": "%"}),
        (C + "match_regex_list", {"column": "t", "regex_list": []}),
        ("expect_multicolumn_values_to_be_equal", {"column_list": ["n", "N"]}),
    ],
)
def test_wrong_arguments_are_refused_when_the_file_is_read(name, args):
    with pytest.raises(ValidationError):
        Expectation.model_validate({name: args})
