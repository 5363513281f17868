"""Expectations about single rows, as checks on a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lakehouse.errors import StepError, suggestion
from lakehouse.names import quoted
from lakehouse.quality import binding
from lakehouse.quality.checks import Checks
from lakehouse.quality.core.base import RowExpectation
from lakehouse.quality.models import Expectation
from lakehouse.quality.rows import types_of, visible

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def judge(frame: DataFrame, expectations: Mapping[str, Expectation], checks: Checks) -> DataFrame:
    """Put a check on the frame for each expectation, in one projection.

    A row that failed a cast is judged only by the rules that do not name the column (S28). Raises StepError, naming
    the rule, for a column that is not there and for arguments that do not suit a column's type.
    """
    findings: dict[str, Column] = {}
    types = types_of(frame)
    for name, expectation in expectations.items():
        try:
            findings |= _finding(frame, name, expectation, checks, types)
        except ValueError as problem:
            raise StepError(f"expectation {name}: {problem}", code="expectation") from None
    return frame.withColumns(findings) if findings else frame


def _finding(
    frame: DataFrame, name: str, expectation: Expectation, checks: Checks, types: Mapping[str, str]
) -> dict[str, Column]:
    from pyspark.sql import functions as F

    spelled = _spelled(expectation.columns(), types)
    core = expectation.core
    judged: Column | None = None
    if core is None:
        text = expectation.expect or ""
        violated = ~F.coalesce(binding.column(text, checks.variables, checks.now), F.lit(False))
        column, message = (next(iter(spelled.values())) if len(spelled) == 1 else None), f"is not: {text}"
        names = list(spelled.values())
    elif isinstance(core, RowExpectation):
        columns = {n: F.col(quoted(spelled[n])) for n in core.names()}
        own_types = {n: types[spelled[n]] for n in core.names()}
        # as Great Expectations on Spark has it, a comparison that gives NULL does not count against the row
        violated = ~F.coalesce(core.expected(columns, own_types), F.lit(True))
        judged = core.judged(columns)
        if core.row_condition:
            judged = _both(
                F.coalesce(binding.column(core.row_condition, checks.variables, checks.now), F.lit(False)), judged
            )
        names = [spelled[n] for n in sorted(core.names())]
        column, message = (names[0] if len(names) == 1 else None), core.message()
    else:
        raise StepError(f"expectation {name}: {expectation.word} is not available yet", code="expectation")
    failed = checks.failed_cast(spelled.values())
    if failed is not None:
        judged = _both(~failed, judged)
    return checks.register(
        name=name,
        column=column,
        violated=violated,
        value=checks.shown(frame, names),
        message=expectation.description or message,
        action=expectation.on_violation or checks.on_violation,
        mostly=expectation.share,
        judged=judged,
    )


def _both(first: Column, second: Column | None) -> Column:
    return first if second is None else first & second


def _spelled(names: Iterable[str], types: Mapping[str, str]) -> dict[str, str]:
    """Name as the rule has it -> as the frame has it (S16); raises ValueError with the nearest when it is not there."""
    known = {column.casefold(): column for column in types}
    found = {}
    for name in sorted(names):
        if name.casefold() not in known:
            hint = suggestion(name, visible(types))
            raise ValueError(f"there is no column {name!r} here" + (f"; {hint}" if hint else ""))
        found[name] = known[name.casefold()]
    return found
