"""Types of the fields that hold SQL: what is written in them is parsed when the file is read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from lakehouse.lake.types import canonical
from lakehouse.quality import expressions


def _any(text: str) -> str:
    expressions.parse(text)
    return text


def _row(text: str) -> str:
    expressions.check_row_expression(text)
    return text


def _condition(text: str) -> str:
    expressions.check_condition(text)
    return text


def _measure(text: str) -> str:
    expressions.check_measure(text)
    return text


def _measures(texts: dict[str, str]) -> dict[str, str]:
    for place, (name, text) in enumerate(texts.items()):
        try:
            expressions.check_measure(text, list(texts)[:place])
        except expressions.ExpressionError as error:
            error.keys = (name,)
            raise
    return texts


def _group(text: str) -> str:
    expressions.check_deterministic(text)
    return text


def _projection(text: str) -> str:
    expressions.check_projection(text)
    return text


TypeText = Annotated[str, AfterValidator(canonical)]
"""A type, as Spark writes it."""
AnyExpression = Annotated[str, AfterValidator(_any)]
"""An expression of any kind."""
RowExpression = Annotated[str, AfterValidator(_row)]
"""An expression about one row."""
Condition = Annotated[str, AfterValidator(_condition)]
"""Decides about one row, the same way at each retry (S36, S41)."""
Projection = Annotated[str, AfterValidator(_projection)]
"""An item of a SELECT list about one row: `*`, a column, or `expression AS name`."""
GroupExpression = Annotated[str, AfterValidator(_row), AfterValidator(_group)]
"""An expression about one row that gives the same value at each retry (S36)."""
Measure = Annotated[str, AfterValidator(_measure)]
"""An aggregate over the rows of a group."""
Measures = Annotated[dict[str, AnyExpression], Field(min_length=1), AfterValidator(_measures)]
"""Name -> aggregate over the rows of a group, or an expression over measures above it."""
GroupCondition = Annotated[str, AfterValidator(_any), AfterValidator(_group)]
"""Decides about a group."""
