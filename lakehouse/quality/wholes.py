"""Rules about many rows and about the table: their figures for job 0, and what those mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lakehouse.errors import StepError
from lakehouse.names import quoted
from lakehouse.quality import binding
from lakehouse.quality.after import OUT
from lakehouse.quality.check import Whole
from lakehouse.quality.checks import Checks
from lakehouse.quality.core.base import (
    BatchExpectation,
    FrameExpectation,
    TableColumnsExpectation,
    TableRowsExpectation,
    Verdict,
)
from lakehouse.quality.rows import DELETE, TRUNCATE, is_hidden, types_of, visible

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True)
class NewTable:
    """What the rules about the table ask: what it would be after the commit."""

    columns: Mapping[str, str]
    """Its columns -> their types, in order."""
    rows: Callable[[DataFrame, int, Column | None], int]
    """Its number of rows, those that meet a condition: from the frame with the hidden `OUT`, and how many are not."""
    others: Callable[[str], int | None]
    """The number of rows of another table; None when there is no such table."""


def figures(frame: DataFrame, checks: Checks, removed: Column | None) -> dict[str, Column]:
    """The aggregates of rules about many rows, over the rows that will be stored, for the job that counts."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    wanted: dict[str, Column] = {}
    for whole in checks.wholes:
        rule = whole.rule
        if isinstance(rule, BatchExpectation):
            rows = _judged(frame, whole, checks, removed)
            values = {name: F.when(rows, F.col(quoted(own))) for name, own in whole.columns.items()}
            own_types = {name: types[own] for name, own in whole.columns.items()}
            with _told_of(whole):
                found = rule.figures(values, own_types, rows)
            wanted |= {f"w{whole.index}_{name}": column for name, column in found.items()}
    return wanted


def _judged(frame: DataFrame, whole: Whole, checks: Checks, removed: Column | None) -> Column:
    from pyspark.sql import functions as F

    kept = F.lit(True) if removed is None else ~removed
    for name in (DELETE, TRUNCATE):  # such a row is none of the table to come
        kept = kept & ~F.col(name) if name in frame.columns else kept
    condition = _condition(whole, checks)
    return kept if condition is None else kept & condition


def _condition(whole: Whole, checks: Checks) -> Column | None:
    from pyspark.sql import functions as F

    text = whole.rule.row_condition
    return None if text is None else F.coalesce(binding.column(text, checks.variables, checks.now), F.lit(False))


def verdicts(
    frame: DataFrame,
    checks: Checks,
    removed: Column | None,
    counts: Mapping[str, Any],
    accepted: int,
    table: NewTable | None,
) -> Iterator[tuple[Whole, Verdict]]:
    """What each rule about many rows or the table came to, in their order.

    Where no row is left to judge, rules about rows hold.
    """
    for whole in checks.wholes:
        with _told_of(whole):
            verdict = _verdict(whole, frame, checks, removed, counts, accepted, table)
        if whole.secret:
            verdict = replace(verdict, observed=None, text="it does not hold; the column is marked `pii`")
        yield whole, verdict


def _verdict(
    whole: Whole,
    frame: DataFrame,
    checks: Checks,
    removed: Column | None,
    counts: Mapping[str, Any],
    accepted: int,
    table: NewTable | None,
) -> Verdict:
    from pyspark.sql import functions as F

    rule = whole.rule
    if isinstance(rule, TableColumnsExpectation):
        return rule.verdict(table.columns if table is not None else _columns(frame))
    if isinstance(rule, TableRowsExpectation):
        condition = _condition(whole, checks)
        other = None
        if rule.other is not None:
            other = table.others(rule.other) if table is not None else None
            if other is None:
                raise ValueError(f"there is no table {rule.other!r} to compare with")
        if table is not None:
            marked = frame.withColumn(OUT, F.lit(False) if removed is None else removed)
            return rule.verdict(table.rows(marked, accepted, condition), other)
        kept = frame if removed is None else frame.where(~removed)
        return rule.verdict(accepted if condition is None else kept.where(condition).count(), other)
    if not accepted:
        return Verdict(True)
    if isinstance(rule, BatchExpectation):
        return rule.verdict({n.partition("_")[2]: v for n, v in counts.items() if n.startswith(f"w{whole.index}_")})
    assert isinstance(rule, FrameExpectation)
    rows = frame.where(_judged(frame, whole, checks, removed))
    return rule.ask(rows.select(*[quoted(name) for name in frame.columns if not is_hidden(name)]))


def _columns(frame: DataFrame) -> dict[str, str]:
    types = types_of(frame)
    return {name: types[name] for name in visible(frame.columns)}


@contextmanager
def _told_of(whole: Whole) -> Iterator[None]:
    """What is wrong with a rule's arguments is told with its name."""
    try:
        yield
    except ValueError as problem:
        raise StepError(f"expectation {whole.name}: {problem}", code="expectation") from None


def plain(value: Any) -> Any:
    """What was observed, as JSON has it: whole decimals as whole numbers, others as numbers, times as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
