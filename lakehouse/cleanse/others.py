"""Columns of another table put beside the rows: what `join` and `as_of_join` have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pydantic import field_validator

from lakehouse.cleanse.base import Arguments, Known, Loc, Others, look_up
from lakehouse.errors import StepError
from lakehouse.lake.types import widest
from lakehouse.model import Names, TableRef
from lakehouse.names import TableName, quoted
from lakehouse.quality.flow import Flow
from lakehouse.quality.rows import types_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


ROWS, OTHER = "input", "__other"
"""By what names a condition calls the rows so far; by what name the other table goes where no condition names it."""


class Beside(Arguments):
    """Base of rules that put columns of another table beside the rows."""

    table: TableRef
    """The other table."""
    using: Names | None = None
    """Columns of the same name that must be equal; NULL equals nothing, as in SQL."""
    select: Names | None = None
    """Columns of the other table to take; without it all but those that begin with `_` and those of `using`."""
    prefix: str | None = None
    """Put before the names of the columns that are taken."""

    @field_validator("select")
    @classmethod
    def _each_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        folded = [name.casefold() for name in value or ()]
        twice = [name for index, name in enumerate(value or ()) if name.casefold() in folded[:index]]
        if twice:
            raise ValueError(f"the column {twice[0]!r} is named twice")
        return value

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.using or ()):
            yield ("using", index), name

    def tables(self) -> Iterator[tuple[Loc, TableName]]:
        yield ("table",), self.table

    def wants(self) -> Iterator[tuple[Loc, TableName, str]]:
        for key in ("using", "select"):
            for index, name in enumerate(getattr(self, key) or ()):
                yield (key, index), self.table, name

    @property
    def takes(self) -> bool:
        """Whether columns of the other table are taken at all."""
        return True

    def flow(self) -> Sequence[Flow] | None:
        return None  # what is taken has the other table's columns, which a flow knows nothing of

    def left_out(self) -> Iterable[str]:
        """Columns of the other table that are taken only where `select` names them."""
        return self.using or ()

    def taken(self, columns: Iterable[str]) -> dict[str, str]:
        """Name beside the rows -> column of the other table, which has these; raises ValueError where one is missing.

        What `select` names comes in its order.
        """
        if not self.takes:
            return {}
        there = list(columns)
        apart = {name.casefold() for name in self.left_out()}
        if self.select is None:
            chosen = [name for name in there if not name.startswith("_") and name.casefold() not in apart]
        else:
            chosen = [look_up(name, there) for name in self.select]
        return {f"{self.prefix or ''}{name}": name for name in chosen}


def clash(args: Beside, word: str, columns: Iterable[str], taken: Iterable[str]) -> str:
    """Which column both sides have, in words; empty when there is none."""
    there = {name.casefold() for name in columns}
    twice = [name for name in taken if name.casefold() in there]
    if not twice:
        return ""
    return (
        f"`{word}`: there is already a column {twice[0]!r}, and {args.table} brings another; give its columns a"
        " `prefix`, or leave it out by `select`"
    )


def beside(word: str, known: dict[str, str | None], args: Beside, others: Others) -> Known:
    """The columns after the rule; None when those of the other table are not known."""
    other = others.get(args.table)
    if not args.takes:
        return known
    if other is None and args.select is None:
        return None
    types = dict.fromkeys(args.select or ()) if other is None else other
    try:
        new = args.taken(types)
    except ValueError:  # a column that is not there, which is told at its place
        return None
    if found := clash(args, word, known, new):
        raise ValueError(found)
    return {**known, **{name: types[column] for name, column in new.items()}}


def chosen(word: str, frame: DataFrame, args: Beside, other: DataFrame) -> dict[str, str]:
    """As `taken`, of frames; raises StepError where a column is missing or would be there twice."""
    try:
        found = args.taken(other.columns)
    except ValueError as problem:
        raise StepError(f"{word}: {args.table}: {problem}", code=f"cleanse.{word}") from None
    if twice := clash(args, word, frame.columns, found):
        raise StepError(twice, code=f"cleanse.{word}")
    return found


def keys(word: str, frame: DataFrame, args: Beside, other: DataFrame) -> Mapping[str, str]:
    """The columns of `using`, as the frame spells them -> as the other table does.

    Raises StepError where one is missing, or neither type holds the values of the other without loss: Spark would
    choose one in which values are equal that were not, or that some do not fit.
    """
    found = {}
    types, others = types_of(frame), types_of(other)
    for name in args.using or ():
        try:
            mine = look_up(name, types)
        except ValueError as problem:
            raise StepError(f"{word}: {problem}", code=f"cleanse.{word}") from None
        try:
            theirs = look_up(name, others)
        except ValueError as problem:
            raise StepError(f"{word}: {args.table}: {problem}", code=f"cleanse.{word}") from None
        if widest([types[mine], others[theirs]]) is None:
            raise StepError(
                f"{word}: {mine!r} is {types[mine]} here and {others[theirs]} in {args.table}",
                code=f"cleanse.{word}",
                fix=f"give it the type of {args.table} first, as by `cast: {{{mine}: {others[theirs]}}}`",
            )
        found[mine] = theirs
    return found


def equal(pairs: Mapping[str, str]) -> Column:
    """The condition that the keys are equal, of the rows and of the other table under the names of this module."""
    from pyspark.sql import functions as F

    return reduce(and_, [of(ROWS, a) == of(OTHER, b) for a, b in pairs.items()]) if pairs else F.lit(True)


def of(side: str, name: str) -> Column:
    """A column of one side of a join."""
    from pyspark.sql import functions as F

    return F.col(f"{quoted(side)}.{quoted(name)}")
