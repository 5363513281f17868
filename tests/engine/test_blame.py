"""An error of Spark is told with the rule of the file whose expression raised (S31)."""

from __future__ import annotations

import pytest

from lakehouse import redaction
from tests.engine.lake import Lake


@pytest.fixture
def one_row(lake: Lake) -> Lake:
    lake.bronze()
    lake.file("1.csv", "1,0,x")
    return lake


def failing(lake: Lake, text: str, **options: object) -> str:
    """The message of the step that reads `bronze.a` so."""
    lake.tables(silver={"s": f"from: bronze.a\n{text}"})
    result = lake.run(ok=False, **options)
    assert lake.kinds("silver.s") == ["create"], "an empty table is all there is"
    return str(result["silver.s"].error)


def test_s31_an_expression_that_raises_names_its_rule_and_the_try_twin_and_nothing_is_written(one_row: Lake) -> None:
    said = failing(one_row, "cleanse: [{trim: [t]}, {derive: {share: 1 / n}}]")
    assert said.startswith("silver.s: [DIVIDE_BY_ZERO] Division by zero.")
    assert "(in `derive: {share: 1 / n}`)" in said
    assert "fix: use the function's `try_` twin" in said
    assert not one_row.exists("silver.s_quarantine")


def test_s31_a_filter_and_an_expectation_are_named_too(one_row: Lake) -> None:
    assert "(in `filter: 1 / n > 0`)" in failing(one_row, "cleanse: [{filter: 1 / n > 0}]")
    said = failing(one_row, "expectations: {share: 1 / n > 0}")
    assert "(in `share: 1 / n > 0`)" in said


def test_s31_the_rule_is_found_where_a_variable_stands_in_it(one_row: Lake) -> None:
    one_row.tables(head="variables: {divisor: 0}")
    assert "(in `derive: {share: n / :divisor}`)" in failing(one_row, "cleanse: [{derive: {share: 'n / :divisor'}}]")


def test_s31_a_long_expression_of_which_spark_shows_a_part_is_found(one_row: Lake) -> None:
    long = "CASE WHEN t = 'a value that is never there, in 64 letters of text' THEN 0 ELSE 1 / n END"
    said = failing(one_row, f'cleanse: [{{derive: {{other: n + 1, share: "{long}"}}}}]')
    assert f"share: {long}" in said


def test_an_error_that_no_rule_is_to_blame_for_names_none(one_row: Lake) -> None:
    """The table's folder is a file: nothing of the pipeline's text is at fault."""
    one_row.run()
    path = one_row.root / "lake" / "silver"
    path.write_text("in the way")
    one_row.tables(silver={"s": "from: bronze.a\ncleanse: [{derive: {twice: n * 2}}]"})
    result = one_row.run(ok=False, select="silver.s")
    assert "(in `" not in str(result["silver.s"].error)


def test_s60_no_value_of_a_table_with_a_marked_column_is_in_errors_audit_or_log(lake: Lake) -> None:
    lake.bronze(hints="id: int")
    lake.file("1.csv", "1,Smith77,x")
    said = failing(lake, "cleanse: [{derive: {d: 'cast(n AS date)'}}]\nschema: {id: int, d: {type: date, pii: true}}")
    assert "The value '***'" in said
    assert "(in `derive: {d: cast(n AS date)}`)" in said
    written = [path for path in (lake.root / "lake" / "_lakehouse").rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in written)
    redaction.forget()
    assert [path.name for path in written if b"Smith77" in path.read_bytes()] == []
