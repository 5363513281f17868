"""Expectations about many rows, and those that need more than a row's own values, by us and by Great Expectations."""

from __future__ import annotations

import datetime as dt
import logging

import pytest

from lakehouse.quality.checks import Checks
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.quality.core.through import Through
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.expectations import judge
from lakehouse.quality.models import Expectation

from .generated import COLUMNS, frames

E = "expect_column_"
T = "expect_table_"


BOUNDS = [
    {"min_value": -1e6, "max_value": 1e6},
    {"max_value": 0.5},
    {"min_value": 1, "max_value": 1, "strict_min": True},
    {"min_value": 3, "max_value": 3},
]
NUMBERS = ["n", "x", "d", "y"]
SETS = {
    "n": [[1, 3], [-5, 0, 1, 2, 3, 7, 2147483647], [9]],
    "t": [["a", "b"], ["", "a", "b", "abc", "50%", " x", "ö"], ["nothing"]],
    "x": [[0.0, 1.5], [-0.0, 1.5, 3.0, 1e300]],
    "flag": [[True], [True, False]],
}
CONDITIONS = [
    {},
    {"row_condition": "n > 0", "condition_parser": "spark"},
    {"row_condition": 'col("n") > 0', "condition_parser": "great_expectations"},
    {"row_condition": 'col("t").notNull()', "condition_parser": "great_expectations"},
]


def cases():  # noqa: C901
    """Name, arguments as in the file, and where Great Expectations wants other types."""
    for figure in ("max", "min", "mean", "median", "stdev", "sum"):
        for column in NUMBERS:
            yield from ((f"{E}{figure}_to_be_between", {"column": column, **args}, {}) for args in BOUNDS)
        yield from ((f"{E}{figure}_to_be_between", {"column": "n", "max_value": 100, **c}, {}) for c in CONDITIONS)
    day, later = dt.date(2013, 1, 1), dt.date(2024, 2, 29)
    for figure in ("max", "min"):
        for low, high in ((day, later), (later, None), (None, day)):
            text = {k: str(v) for k, v in (("min_value", low), ("max_value", high)) if v}
            own = {k: v for k, v in (("min_value", low), ("max_value", high)) if v}
            yield f"{E}{figure}_to_be_between", {"column": "day", **text}, own
    for figure in ("unique_value_count", "proportion_of_unique_values", "proportion_of_non_null_values"):
        for column in ("n", "x", "t", "day"):
            for args in ({"min_value": 2}, {"min_value": 1, "max_value": 1}):
                yield f"{E}{figure}_to_be_between", {"column": column, **args}, {}
        yield from ((f"{E}{figure}_to_be_between", {"column": "t", "min_value": 1, **c}, {}) for c in CONDITIONS)
    quantiles = [0.0, 0.1, 0.25, 0.5, 0.9, 1.0]
    for column in NUMBERS:
        for ranges in ([[-10, 10]], [[None, 3]], [[1, None]]):
            given = {"quantiles": quantiles, "value_ranges": ranges * len(quantiles)}
            yield f"{E}quantile_values_to_be_between", {"column": column, "quantile_ranges": given}, {}
    for column, sets in SETS.items():
        for values in sets:
            for name in ("to_be_in_set", "to_contain_set", "to_equal_set"):
                yield f"{E}distinct_values_{name}", {"column": column, "value_set": values}, {}
            for ties in (True, False):
                yield (
                    f"{E}most_common_value_to_be_in_set",
                    {"column": column, "value_set": values, "ties_okay": ties},
                    {},
                )
    for method in ("iqr", "std"):
        for column in NUMBERS:
            for multiplier in (0, 1.5):
                args = {"column": column, "method": method, "multiplier": multiplier}
                yield f"{E}values_to_not_be_outliers", args, {}
    for column in NUMBERS:
        for threshold in (0.5, -0.2):
            for double in (True, False):
                args = {"column": column, "threshold": threshold, "double_sided": double, "mostly": 0.8}
                yield f"{E}value_z_scores_to_be_less_than", args, {}
    yield from texts()
    yield from table()


def texts():
    yield f"{E}values_to_be_json_parseable", {"column": "j"}, {}
    yield f"{E}values_to_be_json_parseable", {"column": "t", "mostly": 0.1}, {}
    formats = (
        "%Y-%m-%d",
        "%d.%m.%y",
        "%H:%M:%S.%f",
        "%b %d %Y",
        "%A, %d %B %Y %I:%M %p",
        "%Y-%m-%dT%H:%M:%S%z",
        "%d%%",
    )
    for text in formats:
        yield f"{E}values_to_match_strftime_format", {"column": "w", "strftime_format": text}, {}


def table():
    every = list(COLUMNS)
    yield f"{E}to_exist", {"column": "n"}, {}
    yield f"{E}to_exist", {"column": "none"}, {}
    yield f"{E}to_exist", {"column": "b", "column_index": 1}, {}
    yield f"{E}to_exist", {"column": "b", "column_index": 99}, {}
    yield f"{E}to_exist", {"column": "n", "column_index": 1}, {}
    for name in ("type_to_be", "values_to_be_of_type"):
        for column, kind in (
            ("n", "IntegerType"),
            ("n", "LongType"),
            ("d", "DecimalType"),
            ("n", "IntegralType"),
            ("t", "StringType"),
            ("day", "DateType"),
        ):
            yield f"{E}{name}", {"column": column, "type_": kind}, {}
    for kinds in (["IntegerType", "LongType"], ["StringType", "NoSuchType"], None):
        yield f"{E}values_to_be_in_type_list", {"column": "b", "type_list": kinds}, {}
    for low, high in ((1, 5), (len(every), None), (None, len(every) - 1)):
        yield f"{T}column_count_to_be_between", {"min_value": low, "max_value": high}, {}
    for value in (len(every), 3):
        yield f"{T}column_count_to_equal", {"value": value}, {}
    for names in (every, every[::-1], every[:-1], [*every, "more"]):
        yield f"{T}columns_to_match_ordered_list", {"column_list": names}, {}
        for exact in (True, False):
            yield f"{T}columns_to_match_set", {"column_set": names, "exact_match": exact}, {}
    for low, high in ((1, 5), (3, None), (None, 2)):
        for strict in (True, False):
            yield (
                f"{T}row_count_to_be_between",
                {"min_value": low, "max_value": high, "strict_min": strict, "strict_max": strict},
                {},
            )
    for value in (0, 9, 3):
        yield f"{T}row_count_to_equal", {"value": value}, {}
    yield f"{T}row_count_to_equal", {"value": 4, "row_condition": "n > 0", "condition_parser": "spark"}, {}
    for query in ("select * from {batch} where n > 2", "select 1 from {batch} where n is null and t = 'nothing'"):
        yield "unexpected_rows_expectation", {"unexpected_rows_query": query}, {}


CASES = [(name, {k: v for k, v in args.items() if v is not None}, other) for name, args, other in cases()]

UNIQUE = [
    (f"{E}values_to_be_unique", {"column": column, **more})
    for column in ("n", "x", "t", "y")
    for more in ({}, {"row_condition": "n > 0", "condition_parser": "spark"})
] + [
    ("expect_compound_columns_to_be_unique", {"column_list": columns, "ignore_row_if": ignored})
    for columns in (["n", "t"], ["flag", "n"])
    for ignored in ("all_values_are_missing", "any_value_is_missing", "never")
]
THROUGH = [
    (f"{E}values_to_be_increasing", {"column": "n", "mostly": 0.4}),
    (
        f"{E}values_to_be_increasing",
        {"column": "n", "strictly": True, "row_condition": "n > 0", "condition_parser": "spark"},
    ),
    (f"{E}values_to_be_decreasing", {"column": "d"}),
    (
        f"{E}values_to_match_json_schema",
        {
            "column": "j",
            "json_schema": {"type": "array"},
            "row_condition": "j in ('1', '[1, 2]')",
            "condition_parser": "spark",
        },
    ),
    (
        f"{E}kl_divergence_to_be_less_than",
        {
            "column": "flag",
            "partition_object": {"values": [True, False], "weights": [0.5, 0.5]},
            "threshold": 0.1,
            "bucketize_data": False,
        },
    ),
    (
        f"{E}kl_divergence_to_be_less_than",
        {
            "column": "n",
            "partition_object": {"bins": [-10, 0, 10], "weights": [0.5, 0.5]},
            "threshold": 0.1,
            "row_condition": "n < 9",
            "condition_parser": "spark",
        },
    ),
]


def ours(frame, cases, together=60):
    results = []
    for start in range(0, len(cases), together):
        checks = Checks()
        some = cases[start : start + together]
        rules = {str(i): Expectation.model_validate({name: args}) for i, (name, args, *_) in enumerate(some)}
        found = {result.name: result for result in evaluate(judge(frame, rules, checks), checks).results}
        results += [found[str(index)] for index in range(len(some))]
    return results


def theirs(frame, cases):
    """Their results in the order of the cases: not as a suite, which holds one expectation of a kind and column."""
    import great_expectations as gx
    from great_expectations.validator.v1_validator import Validator

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_spark(name="s", persist=False).add_dataframe_asset(name="a")
    configuration = gx.expectations.expectation_configuration.ExpectationConfiguration
    validator = Validator(
        asset.add_batch_definition_whole_dataframe("b"),
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
        batch_parameters={"dataframe": frame},
    )
    asked = [
        configuration(type=name, kwargs={**args, **(other[0] if other else {})}, meta={"case": index})
        for index, (name, args, *other) in enumerate(cases)
    ]
    results = validator._validate_expectation_configs([item.to_domain_obj().configuration for item in asked])
    found = {result.expectation_config.meta["case"]: result for result in results}
    return [found[index] for index in range(len(cases))]


@pytest.fixture(scope="module")
def made(spark):
    return frames(spark)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["many", "few", "nulls", "one"])
def test_same_answer_and_count_as_great_expectations(made, kind):
    pytest.importorskip("great_expectations")
    chosen = CASES if kind == "many" else CASES[{"few": 0, "nulls": 1, "one": 2}[kind] :: 9]
    for case, mine, their in zip(chosen, ours(made[kind], chosen), theirs(made[kind], chosen), strict=True):
        assert not raised(their), (case, their.exception_info)
        assert mine.success == their.success, (case, mine, their.result)
        if their.result.get("unexpected_count") is not None and "equal_set" not in case[0]:
            assert mine.violations == their.result["unexpected_count"], (case, mine, their.result)


def raised(result):
    info = result.exception_info or {}
    return info.get("raised_exception", bool(info))


@pytest.mark.filterwarnings("ignore")
def test_s50_uniqueness_as_great_expectations_has_it_but_the_first_row_keeps_it(made):
    """They count every row of a value that occurs twice, here the later ones break the rule."""
    pytest.importorskip("great_expectations")
    for kind in ("many", "few"):
        rows = made[kind].collect()
        for (name, args), mine, their in zip(UNIQUE, ours(made[kind], UNIQUE), theirs(made[kind], UNIQUE), strict=True):
            assert not raised(their), (name, args, their.exception_info)
            assert mine.success == their.success, (kind, name, args)
            values = judged_values(rows, args)
            assert mine.judged == len(values)
            assert mine.violations == len(values) - len(set(values)), (kind, name, args)
            assert their.result["unexpected_count"] == sum(values.count(value) > 1 for value in values)


def judged_values(rows, args):
    names = args.get("column_list") or [args["column"]]
    ignored = args.get("ignore_row_if", "all_values_are_missing")
    found = [row for row in rows if "row_condition" not in args or (row["n"] or 0) > 0]
    values = [tuple(str(row[n] + 0) if isinstance(row[n], float) else row[n] for n in names) for row in found]
    keep = {
        "all_values_are_missing": lambda v: any(x is not None for x in v),
        "any_value_is_missing": lambda v: None not in v,
    }
    return [value for value in values if keep.get(ignored, lambda v: True)(value)]


@pytest.mark.filterwarnings("ignore")
def test_those_that_are_not_compiled_are_asked_of_great_expectations(made):
    pytest.importorskip("great_expectations")
    for case, mine, their in zip(THROUGH, ours(made["many"], THROUGH), theirs(made["many"], THROUGH), strict=True):
        assert not raised(their), (case, their.exception_info)
        assert mine.success == their.success, (case, mine)
        assert mine.violations == their.result.get("unexpected_count", 0), (case, mine)


def test_dateutil_is_asked_in_pandas_by_pieces(made, monkeypatch):
    """Great Expectations has it for pandas only."""
    pytest.importorskip("great_expectations")
    from dateutil.parser import parse

    from lakehouse.quality import great_expectations

    def parses(text):
        try:
            parse(text)
        except (ValueError, OverflowError):
            return False
        return True

    monkeypatch.setattr(great_expectations, "PIECE", 40)
    values = [row["w"] for row in made["many"].collect() if row["w"] is not None]
    (result,) = ours(made["many"], [(f"{E}values_to_be_dateutil_parseable", {"column": "w", "mostly": 0.5})])
    assert result.judged == len(values)
    assert result.violations == sum(not parses(value) for value in values)


def test_the_documented_list_of_those_asked_of_great_expectations():
    """docs/expectations.md names them."""
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "expectations.md").read_text(encoding="utf-8")
    part = page.partition("<!-- through -->")[2].partition("<!-- /through -->")[0]
    listed = {line.split("`")[1] for line in part.splitlines() if line.startswith("| `")}
    assert listed == {name for name, kind in EXPECTATIONS.items() if issubclass(kind, Through)}
