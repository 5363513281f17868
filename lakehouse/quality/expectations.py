"""Expectations as checks: those about rows on a frame, those about many rows beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lakehouse.errors import StepError, suggestion
from lakehouse.names import quoted
from lakehouse.quality import binding, unique
from lakehouse.quality.after import Stays, replaced
from lakehouse.quality.checks import Checks
from lakehouse.quality.core.base import RowExpectation, TableExpectation
from lakehouse.quality.core.column_spread import SpreadExpectation
from lakehouse.quality.core.unique import UniqueExpectation
from lakehouse.quality.models import Expectation
from lakehouse.quality.rows import types_of, visible

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def judge(
    frame: DataFrame,
    expectations: Mapping[str, Expectation],
    checks: Checks,
    stays: Stays = replaced,
    *,
    strict: bool = False,
) -> DataFrame:
    """Put a check on the frame for each expectation about rows, in one projection; the others are noted in `checks`.

    A row that failed a cast is judged only by the rules that do not name the column (S28). Rules about values far from
    the others take a job; those about uniqueness a sort of the rows, and a look at what `stays` of the table says is
    there (S50), `strict` for when one of them has to turn rows away. Raises StepError, naming the rule, for a column
    that is not there and for arguments that do not suit a column's type.
    """
    findings: dict[str, Column] = {}
    types = types_of(frame)
    spread: dict[str, Expectation] = {}
    beside: dict[str, Expectation] = {}
    for name, expectation in expectations.items():
        core = expectation.core
        if isinstance(core, SpreadExpectation):
            spread[name] = expectation
        elif isinstance(core, UniqueExpectation):
            beside[name] = expectation
        elif core is None or isinstance(core, RowExpectation):
            with _named(name):
                findings |= _finding(frame, name, expectation, checks, types)
        else:
            if not core.available:
                raise StepError(f"expectation {name}: {expectation.word} is not available yet", code="expectation")
            with _named(name):
                columns = {} if isinstance(core, TableExpectation) else _spelled(expectation.columns(), types)
                checks.whole(name, core, expectation.on_violation or checks.on_violation, columns)
    frame = frame.withColumns(findings) if findings else frame
    frame = _spread(frame, spread, checks, types) if spread else frame
    return _beside(frame, beside, checks, types, stays, strict=strict) if beside else frame


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What is wrong with a rule is told with its name."""
    try:
        yield
    except ValueError as problem:
        raise StepError(f"expectation {name}: {problem}", code="expectation") from None


def _finding(
    frame: DataFrame, name: str, expectation: Expectation, checks: Checks, types: Mapping[str, str]
) -> dict[str, Column]:
    from pyspark.sql import functions as F

    spelled = _spelled(expectation.columns(), types)
    core = expectation.core
    if core is None:
        text = expectation.expect or ""
        violated = ~F.coalesce(binding.column(text, checks.variables, checks.now), F.lit(False))
        column, message = (next(iter(spelled.values())) if len(spelled) == 1 else None), f"is not: {text}"
        failed = checks.failed_cast(spelled.values())
        return checks.register(
            name=name,
            column=column,
            violated=violated,
            value=checks.shown(frame, list(spelled.values())),
            message=expectation.description or message,
            action=expectation.on_violation or checks.on_violation,
            mostly=expectation.share,
            judged=None if failed is None else ~failed,
        )
    assert isinstance(core, RowExpectation)
    columns = {n: F.col(quoted(spelled[n])) for n in core.names()}
    # as Great Expectations on Spark has it, a comparison that gives NULL does not count against the row
    kept = core.expected(columns, {n: types[spelled[n]] for n in core.names()})
    return _registered(frame, name, expectation, checks, spelled, ~F.coalesce(kept, F.lit(True)), core.judged(columns))


def _registered(
    frame: DataFrame,
    name: str,
    expectation: Expectation,
    checks: Checks,
    spelled: Mapping[str, str],
    violated: Column,
    judged: Column | None,
) -> dict[str, Column]:
    """The check of a core expectation about rows."""
    core = expectation.core
    assert isinstance(core, RowExpectation | UniqueExpectation)
    names = [spelled[n] for n in sorted(core.names())]
    return checks.register(
        name=name,
        column=names[0] if len(names) == 1 else None,
        violated=violated,
        value=checks.shown(frame, names),
        message=expectation.description or core.message(),
        action=expectation.on_violation or checks.on_violation,
        mostly=expectation.share,
        judged=_both(_asked(expectation, checks, spelled), judged),
    )


def _asked(expectation: Expectation, checks: Checks, spelled: Mapping[str, str]) -> Column | None:
    """The rows that the rule is asked about: those of its `row_condition`, in which no cast of its columns failed."""
    condition = where(expectation, checks)
    failed = checks.failed_cast(spelled.values())
    return condition if failed is None else _both(~failed, condition)


def where(expectation: Expectation, checks: Checks) -> Column | None:
    """Where the rule's `row_condition` is true; None without one."""
    from pyspark.sql import functions as F

    text = expectation.core.row_condition if expectation.core is not None else None
    return None if text is None else F.coalesce(binding.column(text, checks.variables, checks.now), F.lit(False))


def _spread(frame: DataFrame, rules: Mapping[str, Expectation], checks: Checks, types: Mapping[str, str]) -> DataFrame:
    """Checks of values beside all values: one job for the figures, of the rows that the rules before leave."""
    from pyspark.sql import functions as F

    doomed = checks.doomed()
    figures: dict[str, Column] = {}
    values: dict[str, Column] = {}
    for index, (name, expectation) in enumerate(rules.items()):
        core = expectation.core
        assert isinstance(core, SpreadExpectation)
        with _named(name):
            spelled = _spelled(expectation.columns(), types)
            value = F.col(quoted(spelled[core.column]))
            values[name] = value
            asked = _both(None if doomed is None else ~doomed, _asked(expectation, checks, spelled))
            looked = core.look(
                value if asked is None else F.when(asked, value), {core.column: types[spelled[core.column]]}
            )
            figures |= {f"{index}.{key}": column for key, column in looked.items()}
    (row,) = frame.agg(*[column.alias(key) for key, column in figures.items()]).collect()
    found = row.asDict()
    findings: dict[str, Column] = {}
    for index, (name, expectation) in enumerate(rules.items()):
        core = expectation.core
        assert isinstance(core, SpreadExpectation)
        own = {key.partition(".")[2]: value for key, value in found.items() if key.partition(".")[0] == str(index)}
        near = core.near(values[name], own)
        violated = F.lit(False) if near is None else ~F.coalesce(near, F.lit(True))
        spelled = _spelled(expectation.columns(), types)
        findings |= _registered(frame, name, expectation, checks, spelled, violated, values[name].isNotNull())
    return frame.withColumns(findings)


def _beside(
    frame: DataFrame,
    rules: Mapping[str, Expectation],
    checks: Checks,
    types: Mapping[str, str],
    stays: Stays,
    *,
    strict: bool,
) -> DataFrame:
    """Checks of rows beside each other and those of the table, one after the other: each sees what is left."""
    from pyspark.sql import functions as F

    for name, expectation in rules.items():
        core = expectation.core
        assert isinstance(core, UniqueExpectation)
        with _named(name):
            spelled = _spelled(expectation.columns(), types)
            names = [spelled[n] for n in core.columns()]
            condition = where(expectation, checks)
            frame, twice, there = unique.marked(frame, names, checks, stays, condition, strict=strict)
            judged = _both(there, core.judged({n: F.col(quoted(spelled[n])) for n in core.names()}))
            frame = frame.withColumns(_registered(frame, name, expectation, checks, spelled, twice, judged))
            frame = unique.as_it_came(frame)
    return frame


def _both(first: Column | None, second: Column | None) -> Column | None:
    if first is None or second is None:
        return second if first is None else first
    return first & second


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
