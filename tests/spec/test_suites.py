"""Suites of Great Expectations are taken as they are: of 0.18, of 1.x, and what Great Expectations itself writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import lakehouse
from lakehouse.errors import SpecError
from lakehouse.quality.models import Expectation

SUITES = Path(__file__).parent / "suites"
PIPELINE = """
pipeline: test
bronze:
  a: {source: {format: csv, path: landing}}
silver:
  s:
    from: bronze.a
    schema: {tailnum: string, origin: string, day: date, arrival: timestamp, departure: timestamp, delay: double}
    EXPECTED
"""


def rules(root: Path, expected: str) -> dict[str, Expectation]:
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "pipelines" / "p.yaml").write_text(PIPELINE.replace("EXPECTED", expected))
    project = lakehouse.load(root / "pipelines")
    lakehouse.plan(project)
    (table,) = [table for name, table in project.tables.items() if str(name) == "silver.s"]
    assert table.expectation_suites is None, "they are entries like others now"
    return dict(table.expectations)


def short(rule: Expectation) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude_unset=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(SUITES, tmp_path / "suites")
    return tmp_path


def test_a_suite_of_0_18_is_taken_as_it_is(root: Path) -> None:
    found = rules(root, "expectation_suites: [{file: suites/old.json, on_violation: quarantine}]")
    assert {name: short(rule) for name, rule in found.items()} == {
        "expect_column_values_to_not_be_null.tailnum": {
            "expect_column_values_to_not_be_null": {"column": "tailnum", "mostly": 0.9},
            "on_violation": "quarantine",
            "description": "Planes are known.",
        },
        "expect_column_values_to_be_between.day": {
            "expect_column_values_to_be_between": {"column": "day", "min_value": "2013-01-01"},
            "on_violation": "quarantine",
        },
        "expect_column_pair_values_a_to_be_greater_than_b": {
            "expect_column_pair_values_a_to_be_greater_than_b": {
                "column_A": "arrival", "column_B": "departure", "or_equal": True, "ignore_row_if": "either_value_is_missing",
            },
            "on_violation": "quarantine",
        },
        "expect_column_values_to_be_in_set.origin": {
            "expect_column_values_to_be_in_set": {
                "column": "origin", "value_set": ["EWR", "JFK", "LGA"], "row_condition": "`day` IS NOT NULL", "condition_parser": None,
            },
            "on_violation": "quarantine",
        },
        "expect_column_values_to_match_regex.tailnum": {
            "expect_column_values_to_match_regex": {"column": "tailnum", "regex": "^N\\d+[A-Z]*$${0}"},
            "on_violation": "quarantine",
        },
        "expect_table_row_count_to_be_between": {
            "expect_table_row_count_to_be_between": {"min_value": 1},
            "on_violation": "fail",
        },
    }  # fmt: skip


def test_a_suite_of_1_x_stands_beside_own_rules_and_other_suites(root: Path) -> None:
    own = "expectations: {mine: delay < 9}\n    expectation_suites: [{file: suites/new.json}, {file: suites/old.json}]"
    found = rules(root, own)
    assert list(found)[:5] == [
        "mine",
        "expect_column_values_to_not_be_null.tailnum",
        "expect_column_values_to_not_be_null.tailnum.2",
        "expect_column_mean_to_be_between.delay",
        "expect_column_quantile_values_to_be_between.delay",
    ]
    assert "expect_column_values_to_not_be_null.tailnum.3" in found
    assert found["expect_column_values_to_not_be_null.tailnum"].description == "Every flight has a plane."
    second = short(found["expect_column_values_to_not_be_null.tailnum.2"])["expect_column_values_to_not_be_null"]
    assert second["row_condition"] == "(`origin` IN ('JFK', 'O\\'Hare')) AND (`day` IS NOT NULL)"
    assert {rule.on_violation for name, rule in found.items() if name != "mine"} == {"warn"}


def test_what_great_expectations_writes_is_read(root: Path) -> None:
    gx = pytest.importorskip("great_expectations")
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    expectations = [
        gxe.ExpectColumnValuesToBeBetween(
            column="delay", min_value=0, row_condition=Column("origin") == "JFK", severity="warning"
        ),
        gxe.ExpectColumnDistinctValuesToContainSet(column="origin", value_set=["JFK"]),
        gxe.ExpectTableColumnsToMatchSet(column_set=["tailnum"], exact_match=False),
    ]
    suite = gx.ExpectationSuite(name="written", expectations=expectations)
    (root / "suites" / "written.json").write_text(json.dumps(suite.to_json_dict()))
    found = rules(root, "expectation_suites: [{file: suites/written.json, on_violation: fail}]")
    assert [rule.word for rule in found.values()] == [
        "expect_column_values_to_be_between", "expect_column_distinct_values_to_contain_set", "expect_table_columns_to_match_set",
    ]  # fmt: skip
    assert next(iter(found.values())).core.row_condition == "`origin` = 'JFK'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "p.yaml:9:33: unreadable-file: the suite 'suites/x.json' cannot be read: No such file or directory"),
        ("[]", "p.yaml:9:33: wrong-value: 'suites/x.json' is no suite of Great Expectations: it has no list `expectations`"),
        ('{"expectations": [\n 1]}', "x.json:2:2: wrong-type: an expectation of a suite is a map"),
        ('{"expectations": [\n {"type": "expect_colum_to_exist", "kwargs": {}}]}', "x.json:2:11: unknown-key: unknown key `expect_colum_to_exist`; did you mean 'expect_column_to_exist'?"),
        ('{"expectations": [\n {"type": "expect_column_to_exist", "kwargs": {"columm": "a"}}]}', "x.json:2:48: unknown-key: unknown key `columm`; did you mean 'column'?"),
        ('{"expectations": [{"type": "expect_column_values_to_be_unique",\n "kwargs": {"column": "tailnumm"}}]}', "x.json:2:23: unknown-column: there is no column 'tailnumm' here; did you mean 'tailnum'?"),
        ('{"expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "day", "auto": true}}]}', "unknown key `auto`"),
    ],
)  # fmt: skip
def test_mistakes_in_a_suite_are_told_where_they_stand(root: Path, text: str | None, told: str) -> None:
    if text is not None:
        (root / "suites" / "x.json").write_text(text)
    with pytest.raises(SpecError) as caught:
        rules(root, "expectation_suites: [{file: suites/x.json}]")
    assert told in str(caught.value)


def test_a_name_of_ones_own_is_not_taken(root: Path) -> None:
    with pytest.raises(
        SpecError, match=r"duplicate-entry: the suite has a rule 'expect_table_column_count_to_be_between' too"
    ):
        rules(
            root,
            "expectations: {expect_table_column_count_to_be_between: day > now()}\n    expectation_suites: [{file: suites/columns.json}]",
        )


def test_suite_parameters_are_the_variables_of_their_name(root: Path) -> None:
    def suite(argument: object) -> None:
        arguments = {"column": "delay", "min_value": argument, "max_value": {"$PARAMETER": "most"}}
        rule = {"type": "expect_column_values_to_be_between", "kwargs": arguments}
        (root / "suites" / "mine.json").write_text(json.dumps({"expectations": [rule]}))

    expected = "expectation_suites: [{file: suites/mine.json}]\nvariables: {least: -120, most: 2000}"
    suite({"$PARAMETER": "least"})
    (rule,) = rules(root, expected).values()
    core = rule.expect_column_values_to_be_between  # type: ignore[attr-defined]
    assert (core.min_value, core.max_value) == (-120, 2000)
    suite({"$PARAMETER": "none"})
    with pytest.raises(SpecError, match=r"mine\.json:1:\d+: unknown-variable"):
        rules(root, expected)
    suite({"$PARAMETER": "least * 2"})
    with pytest.raises(SpecError, match=r"mine\.json:1:\d+"):
        rules(root, expected)
