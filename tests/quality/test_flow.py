"""What an expression says about columns, in OpenLineage's words."""

from __future__ import annotations

from itertools import product

import pytest

from lakehouse.quality.flow import Kind, used, value
from lakehouse.write import aggregate

I, T, A = Kind.IDENTITY, Kind.TRANSFORMATION, Kind.AGGREGATION  # noqa: E741
C, W = Kind.CONDITIONAL, Kind.WINDOW


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {("a", I)}),
        ("(a)", {("a", I)}),
        ("`strange name`", {("strange name", I)}),
        ("a.b", {("a", T)}),
        ("a + b", {("a", T), ("b", T)}),
        ("cast(a AS int)", {("a", T)}),
        ("coalesce(a, b, 0)", {("a", T), ("b", T)}),
        ("1", set()),
        (":limit", set()),
        ("current_date", set()),
        ("localtimestamp", set()),
        ("if(a > 1, b, c)", {("a", C), ("b", T), ("c", T)}),
        ("nvl2(a, b, c)", {("a", C), ("b", T), ("c", T)}),
        ("CASE WHEN a THEN b WHEN c THEN d ELSE e END", {("a", C), ("b", T), ("c", C), ("d", T), ("e", T)}),
        ("CASE a WHEN 1 THEN b END", {("a", C), ("b", T)}),
        ("CASE WHEN a THEN a END", {("a", C), ("a", T)}),
        ("sum(a)", {("a", A)}),
        ("sum(a) + b", {("a", A), ("b", T)}),
        ("count(*)", set()),
        ("count_if(a > :limit)", {("a", A)}),
        ("every(a)", {("a", A)}),
        ("avg(CASE WHEN a THEN b END)", {("a", C), ("b", A)}),
        ("sum(a) FILTER (WHERE b > 1)", {("a", A), ("b", C)}),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY a)", {("a", A)}),
        ("max_by(a, b)", {("a", A), ("b", A)}),
        ("row_number() OVER (PARTITION BY a ORDER BY b DESC)", {("a", W), ("b", W)}),
        ("sum(a) OVER (ORDER BY b)", {("a", A), ("b", W)}),
        ("lag(a) OVER (PARTITION BY b ORDER BY c)", {("a", T), ("b", W), ("c", W)}),
        ("first_value(a) IGNORE NULLS OVER (ORDER BY b)", {("a", T), ("b", W)}),
        ("transform(a, x -> x + b)", {("a", T), ("b", T)}),
        ("to_json(struct(a, b))", {("a", T), ("b", T)}),
    ],
)
def test_how_columns_go_into_an_expression(text: str, expected: set[tuple[str, Kind]]) -> None:
    assert value(text).sources == expected
    assert value(text).text == text


def test_a_condition_about_rows_is_indirect_whatever_it_computes() -> None:
    assert used("a + b > 1 AND CASE WHEN c THEN d END", Kind.FILTER) == {(n, Kind.FILTER) for n in "abcd"}


def test_a_long_expression_is_no_deep_recursion() -> None:
    assert len(value(" + ".join(f"a{n}" for n in range(150))).sources) == 150


def test_a_way_is_as_strong_as_its_strongest_part_and_indirect_from_its_last_indirect_one_on() -> None:
    assert [(I.after(k), T.after(k), A.after(k)) for k in (I, T, A)] == [(I, T, A), (T, T, A), (A, A, A)]
    for outer, inner in product(Kind, Kind):
        if not outer.is_direct:
            assert outer.after(inner) is outer
        elif not inner.is_direct:
            assert outer.after(inner) is inner


def test_a_measure_over_measures_comes_from_what_they_come_from() -> None:
    measures = {"n": "count(k)", "late": "count_if(delay > 3)", "share": "Late / n"}
    made = aggregate.flow(aggregate.Aggregate.model_validate({"by": "c", "measures": measures}))[0].made
    assert made["share"].sources == made["n"].sources | made["late"].sources
