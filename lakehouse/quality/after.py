"""The table as it would be after the commit: which rows of a frame get in, and which stored ones stay (S50, S51)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse.names import quoted
from lakehouse.quality.rows import types_of, visible
from lakehouse.quality.values import hashed

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

OUT = "__out"
"""Hidden column: whether a rule turns the row away."""
STAYS = "__stays"
"""Hidden column: whether the row is in the table after the commit."""
COULD = "__could"
"""Hidden column: whether it would be if others were turned away."""
RAW = "__raw"
"""Hidden struct of the columns in which `After.rows` has other values than the rows came with, as they came."""
ADDS = "__adds"
"""Hidden column: whether it is one row more, not another one's successor."""


@dataclass(frozen=True)
class After:
    """What a way to write makes of a frame that has the hidden column `OUT`."""

    rows: DataFrame
    """The frame with `STAYS`, `COULD` and `ADDS`, as many rows as before."""
    order: Sequence[Column]
    """What orders the rows, the earlier one first."""
    rest: DataFrame | None = None
    """The stored rows that stay; None when there are none."""
    stored: DataFrame | None = None
    """All stored rows."""
    keys: tuple[str, ...] = ()
    """Of rows with the same values here one stays; which, may change when another is turned away."""
    removes: bool = False
    """Stored rows may go without another one in their place."""
    given: Mapping[str, Column] = field(default_factory=dict)
    """Columns that the write adds to the rows, as the table will have them."""


Stays = Callable[["DataFrame"], After]


def flagged(frame: DataFrame, stays: Column, could: Column, adds: Column) -> DataFrame:
    """The frame with the three flags; NULL is false."""
    from pyspark.sql import functions as F

    flags = {STAYS: stays, COULD: could, ADDS: adds}
    return frame.withColumns({name: F.coalesce(flag, F.lit(False)) for name, flag in flags.items()})


def completed(frame: DataFrame, like: DataFrame, given: Mapping[str, Column] | None = None) -> DataFrame:
    """The frame with the columns of the other that it lacks: those that are `given`, else NULL; for a condition."""
    from pyspark.sql import functions as F

    there = {name.casefold() for name in frame.columns}
    nothing = {name: F.lit(None).cast(text) for name, text in types_of(like).items() if text != "void"}
    found = {name: column for name, column in {**nothing, **(given or {})}.items() if name.casefold() not in there}
    return frame.withColumns(found) if found else frame


def replaced(frame: DataFrame) -> After:
    """Nothing that is stored stays, and every row gets in that no rule turns away."""
    from pyspark.sql import functions as F

    kept, types = ~F.col(OUT), types_of(frame)
    return After(flagged(frame, kept, kept, kept), [hashed({name: types[name] for name in visible(types)})])


def marked(names: Sequence[str], marks: Sequence[str]) -> list[Column]:
    """The columns under other names, to be compared by `matched`."""
    from pyspark.sql import functions as F

    return [F.col(quoted(name)).alias(mark) for name, mark in zip(names, marks, strict=True)]


def matched(names: Sequence[str], marks: Sequence[str]) -> Column:
    """Where the columns have the values of the others; NULL equals NULL."""
    from functools import reduce
    from operator import and_

    from pyspark.sql import functions as F

    return reduce(and_, [F.col(quoted(n)).eqNullSafe(F.col(m)) for n, m in zip(names, marks, strict=True)])
