"""Columns of the version of another table's row that was valid at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from lakehouse.cleanse.base import Known, Loc, Others, look_up, rule
from lakehouse.cleanse.others import OTHER, ROWS, Beside, beside, chosen, equal, keys, of
from lakehouse.errors import StepError
from lakehouse.model import Names, null_word
from lakehouse.names import TableName, quoted
from lakehouse.quality import binding
from lakehouse.quality import expressions as sql
from lakehouse.quality.fields import Condition

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.quality.checks import Checks

_AT, _MATCHED, _OPEN, _UNTIL = "__at", "__matched", "__open", "__until"
VALIDITY = ("valid_from", "valid_to")
"""Columns of a table that keeps a history; what is NULL in them has no beginning or no end."""


class AsOfJoin(Beside):
    """Columns of the version of another table's row that was valid at a time."""

    using: Names
    """Columns of the same name that must be equal; NULL equals nothing, as in SQL."""
    at: Condition
    """The time, an expression of the type of `valid_from`: the version of which `valid_from <= at`, and `at < valid_to`
    or `valid_to` is NULL."""
    select: Names | None = None
    """Columns of the other table to take; without it all but those that begin with `_`, those of `using`, and
    `valid_from`, `valid_to`, `is_current`."""
    on_missing: Annotated[Literal["null", "quarantine", "fail"], BeforeValidator(null_word)] = "null"
    """What becomes of a row of which no version was valid then: it stays, with NULL in what is taken; or it breaks the
    rule `as_of_join.<table>`."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        yield from super().reads()
        for name in sorted(sql.columns_of(self.at)):
            yield ("at",), name

    def wants(self) -> Iterator[tuple[Loc, TableName, str]]:
        yield from super().wants()
        yield from ((("table",), self.table, name) for name in VALIDITY)

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        yield ("at",), self.at

    def left_out(self) -> Iterable[str]:
        return (*self.using, *VALIDITY, "is_current")

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        yield f"{word}.{self.table}.overlap", "fail"
        if self.on_missing != "null":
            yield f"{word}.{self.table}", self.on_missing


def _after(known: dict[str, str | None], args: AsOfJoin, others: Others) -> Known:
    return beside("as_of_join", known, args, others)


@rule(AsOfJoin, joins=_after)
def as_of_join(frame: DataFrame, args: AsOfJoin, checks: Checks) -> DataFrame:
    """Columns of the version of another table's row that was valid at a time.

    The versions are those of a `merge` with `stored_as_scd_type: 2`, or have its columns. A join by equal keys, whose
    further condition is the time. A row for which two versions were valid is the violation
    `as_of_join.<table>.overlap`, which fails the step: of each version it is known how far those that began before it
    reach. Where the rows are written nobody asks for that, so Spark leaves the window away.
    """
    from pyspark.sql import functions as F

    other = checks.tables[args.table]
    by = keys("as_of_join", frame, args, other)
    new = chosen("as_of_join", frame, args, other)
    since, until = _validity(args, other)
    other = _reach(other, by.values(), since, until).withColumn(_MATCHED, F.lit(True))
    at = of(ROWS, _AT)
    valid = (of(OTHER, since).isNull() | (of(OTHER, since) <= at)) & (
        of(OTHER, until).isNull() | (at < of(OTHER, until))
    )
    rows = frame.withColumn(_AT, binding.column(args.at, checks.variables, checks.now)).alias(ROWS)
    named = [*by, *(look_up(name, frame.columns) for name in sorted(sql.columns_of(args.at)))]
    joined = rows.join(other.alias(OTHER), equal(by) & at.isNotNull() & valid, "left").select(
        *[of(ROWS, name).alias(name) for name in [*frame.columns, _AT]],
        *[of(OTHER, name).alias(as_) for as_, name in new.items()],
        *[of(OTHER, name).alias(name) for name in (_MATCHED, _OPEN, _UNTIL)],
    )
    for name in new:
        checks.derived(name, ())
    joined = checks.add(
        joined,
        name=f"as_of_join.{args.table}.overlap",
        column=None,
        violated=F.col(_OPEN) | (F.col(_AT) < F.col(_UNTIL)),
        value=checks.shown(joined, dict.fromkeys(named)),
        message=f"two versions in {args.table} are valid at that time; let one of them end where the other begins",
        action="fail",
    )
    if args.on_missing != "null":
        joined = checks.add(
            joined,
            name=f"as_of_join.{args.table}",
            column=None,
            violated=F.col(_MATCHED).isNull(),
            value=checks.shown(joined, dict.fromkeys(named)),
            message=f"no version in {args.table} is valid at that time",
            action=args.on_missing,
            judged=_judged(checks, named),
        )
    return joined.drop(_AT, _MATCHED, _OPEN, _UNTIL)


def _judged(checks: Checks, names: Iterable[str]) -> Column | None:
    failed = checks.failed_cast(names)
    return None if failed is None else ~failed


def _validity(args: AsOfJoin, other: DataFrame) -> tuple[str, str]:
    try:
        since, until = (look_up(name, other.columns) for name in VALIDITY)
    except ValueError as problem:
        raise StepError(
            f"as_of_join: {args.table} keeps no history: {problem}",
            code="cleanse.as_of_join",
            fix="write it by `merge: {stored_as_scd_type: 2}`, or use `join`",
        ) from None
    return since, until


def _reach(other: DataFrame, by: Iterable[str], since: str, until: str) -> DataFrame:
    """The versions, each with how far those of the same key reach that began before it."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    begin, end = F.col(quoted(since)), F.col(quoted(until))
    window = Window.partitionBy(*[F.col(quoted(name)) for name in by])
    before = window.orderBy(begin.asc_nulls_first(), end.asc_nulls_last()).rowsBetween(Window.unboundedPreceding, -1)
    return other.withColumns({_OPEN: F.max(end.isNull()).over(before), _UNTIL: F.max(end).over(before)})
