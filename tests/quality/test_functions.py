"""Which functions are known: what stands in one that nobody knows is left alone."""

from __future__ import annotations

import pytest
from sqlglot import exp

from lakehouse.quality import expressions
from lakehouse.quality.functions import SPARK, is_unknown

NOT_IN_SQL = frozenset(
    """
    arrow_udf arrow_udtf asc_nulls_first asc_nulls_last bitwise_not bucket call_function call_udf col count_distinct
    create_map desc_nulls_first desc_nulls_last expr listagg_distinct lit pandas_udf product string_agg_distinct sum_distinct
    negate udf udtf unwrap_udt user
    """.split()
)
"""Names of Python's functions for Spark that are no functions of SQL, or that need no brackets there."""


def test_the_parser_or_the_list_knows_every_function_of_spark() -> None:
    functions = pytest.importorskip("pyspark.sql.functions")
    unknown = set()
    for name in functions.__all__:
        for arguments in ("a", "a, b", "a, b, c", ""):
            try:
                tree = expressions.parse(f"{name}({arguments})")
            except expressions.ExpressionError:
                continue
            unknown |= {name} if isinstance(tree, exp.Anonymous) else set()
            break
    assert {name for name in unknown if name.islower()} - SPARK - NOT_IN_SQL == set()


@pytest.mark.parametrize(("call", "unknown"), [("my_own(a)", True), ("MAKE_DATE(a, 1, 1)", False), ("upper(a)", False)])
def test_a_function_of_ones_own(call: str, unknown: bool) -> None:
    assert is_unknown(expressions.parse(call)) is unknown


def test_columns_are_told_with_their_place() -> None:
    text = "a > 1 AND\n  upper(`b c`) = my_own(d) AND x.y IN (1)"
    assert expressions.columns_at(text) == [("a", 0), ("b c", text.index("`b")), ("x", text.index("x.y"))]
    assert expressions.place_of(text, text.index("`b")) == (2, 9)


def test_variables_are_told_with_their_place() -> None:
    text = "a > :limit AND b = ':limit' AND c < :limits"
    assert expressions.variables_at(text, {"limit", "limits"}) == [("limit", 4), ("limits", text.index(":limits"))]


@pytest.mark.parametrize(
    "text",
    [
        "count(*)",
        "round(sum(a) / count(*), 2)",
        "max_by(a, b).c",
        "my_own(a)",
        "any(a)",
        "1",
        ":limit",
        "kll_sketch_agg_bigint(a)",
    ],
)
def test_what_can_be_a_measure(text: str) -> None:
    expressions.check_measure(text)


@pytest.mark.parametrize(
    "text", ["a", "a + 1", "upper(a)", "sum(a) OVER (PARTITION BY b)", "CASE WHEN a > 1 THEN 'x' END"]
)
def test_what_cannot(text: str) -> None:
    with pytest.raises(expressions.ExpressionError, match="is not an aggregate"):
        expressions.check_measure(text)
