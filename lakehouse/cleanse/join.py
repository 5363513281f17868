"""Columns of another table, by equal keys or a condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator
from sqlglot import exp

from lakehouse.cleanse.base import Known, Loc, Others, resolved, rule
from lakehouse.cleanse.others import OTHER, ROWS, Beside, beside, chosen, equal, keys, of
from lakehouse.names import TableName, quoted
from lakehouse.quality import binding
from lakehouse.quality import expressions as sql
from lakehouse.quality.fields import Condition

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.quality.checks import Checks

_MATCHES, _ROW, _MATCHED = "__matches", "__row", "__matched"
_WAY_OUT = "have one of them there, or write `many: true` where several are meant"


class Join(Beside):
    """Columns of another table, read whole at its pinned version (S45)."""

    condition: Condition | None = None
    """The condition, instead of `using`: columns of the rows are `input.name`, those of the other table go by its name
    without the layer, as in `input.origin = airports.faa`."""
    how: Literal["left", "inner", "semi", "anti"] = "left"
    """What happens to rows without a match: `left` keeps them, with NULL; `inner` and `semi` do not. `semi` and `anti`
    (only rows without a match) take no column."""
    many: bool = False
    """Several matches are meant, and make several rows; else they fail the step."""

    @model_validator(mode="after")
    def _goes_together(self) -> Join:
        if (self.using is None) == (self.condition is None):
            raise ValueError("a join is by `using` or by `condition`; write one of them")
        if not self.takes and (self.select or self.prefix or self.many):
            given = "select" if self.select else "prefix" if self.prefix else "many"
            raise ValueError(f"`how: {self.how}` takes no column and makes no rows; leave out `{given}`")
        if self.condition is not None:
            if self.table.table.casefold() == ROWS:
                raise ValueError(f"a condition cannot tell {self.table} from the rows, which are `input`; use `using`")
            sides = dict(_columns(self.condition, self.table))
            if self.table.table.casefold() not in sides.values() and "" not in sides.values():
                raise ValueError(f"the condition says nothing about {self.table}, so each row would match all of it")
        return self

    @property
    def takes(self) -> bool:
        return self.how in ("left", "inner")

    def reads(self) -> Iterator[tuple[Loc, str]]:
        yield from super().reads()
        for name, side in _columns(self.condition, self.table) if self.condition else ():
            if side == ROWS:
                yield ("condition", ROWS), name  # not by the place of the text, where `input` is what is read

    def wants(self) -> Iterator[tuple[Loc, TableName, str]]:
        yield from super().wants()
        for name, side in _columns(self.condition, self.table) if self.condition else ():
            if side == self.table.table.casefold():
                yield ("condition",), self.table, name

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        if self.condition is not None:
            yield ("condition",), self.condition

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        if self.takes and not self.many:
            yield f"{word}.{self.table}", "fail"


def _columns(condition: str, table: TableName) -> list[tuple[str, str]]:
    """The columns of the condition, each with its side, `input` or the other table's name; '' where it does not say."""
    found = []
    for node in sql.parse(condition).find_all(exp.Column):
        if not sql.is_column(node):
            continue
        first, *rest = (part.name for part in node.parts)
        side = first.casefold()
        found.append((rest[0], side) if rest and side in (ROWS, table.table.casefold()) else (first, ""))
    return found


def _after(known: dict[str, str | None], args: Join, others: Others) -> Known:
    return beside("join", known, args, others)


@rule(Join, joins=_after, regroups=True)
def join(frame: DataFrame, args: Join, checks: Checks) -> DataFrame:
    """Columns of another table, read whole at its pin; NULL keys match nothing. Later changes of it revisit no row.

    A row with two matches is the violation `join.<table>`, which fails the step. How many there are is counted by a
    window over the other table's keys (of a `condition`, over the rows): where the rows are written nobody asks for
    the count, so Spark leaves the window away. A row that failed a cast of a key stays, to be rejected later.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    other = checks.tables[args.table]
    by = keys("join", frame, args, other)
    new = chosen("join", frame, args, other)
    named = list(by) or resolved(frame, dict.fromkeys(name for _, name in args.reads()), "join")
    failed = checks.failed_cast(named, removing_only=True)
    counted = args.takes and not args.many
    if counted and by:
        window = Window.partitionBy(*[F.col(quoted(name)) for name in by.values()])
        other = other.withColumn(_MATCHES, F.count(F.lit(1)).over(window))
    elif counted:
        frame = frame.withColumn(_ROW, F.monotonically_increasing_id())
    if args.how in ("semi", "anti"):
        return _only(frame, other, _condition(args, by, checks), args, failed)
    kept = [of(ROWS, name).alias(name) for name in frame.columns]
    taken = [of(_name(args), name).alias(as_) for as_, name in new.items()]
    hidden = [of(_name(args), _MATCHES).alias(_MATCHES)] if counted and by else []
    how = "left" if failed is not None else args.how
    sides = frame.alias(ROWS), other.withColumn(_MATCHED, F.lit(True)).alias(_name(args))
    joined = sides[0].join(sides[1], _condition(args, by, checks), how)
    joined = joined.select(*kept, *taken, *hidden, of(_name(args), _MATCHED).alias(_MATCHED))
    if args.how == "inner" and failed is not None:
        joined = joined.filter(F.col(_MATCHED) | failed)
    for name in new:
        checks.derived(name, ())
    if not counted:
        return joined.drop(_MATCHED)
    if not by:
        joined = joined.withColumn(_MATCHES, F.count(F.lit(1)).over(Window.partitionBy(_ROW)))
    told = f"this {', '.join(named)}" if named else f"`{args.condition}`"
    return checks.add(
        joined,
        name=f"join.{args.table}",
        column=None,
        violated=F.col(_MATCHES) > 1,
        value=checks.shown(joined, named) if named else None,
        message=F.concat(F.col(_MATCHES).cast("string"), F.lit(f" rows of {args.table} match {told}; {_WAY_OUT}")),
        action="fail",
    ).drop(_MATCHES, _ROW, _MATCHED)


def _name(args: Join) -> str:
    return OTHER if args.condition is None else args.table.table


def _condition(args: Join, by: Mapping[str, str], checks: Checks) -> Column:
    if args.condition is None:
        return equal(by)
    return binding.column(args.condition, checks.variables, checks.now)


def _only(frame: DataFrame, other: DataFrame, condition: Column, args: Join, failed: Column | None) -> DataFrame:
    """Rows with a match, or those without one."""

    def matching(rows: DataFrame) -> DataFrame:
        return rows.alias(ROWS).join(other.alias(_name(args)), condition, f"left_{args.how}")

    if failed is None:
        return matching(frame)
    return matching(frame.filter(~failed)).unionByName(frame.filter(failed))
