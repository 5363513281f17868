"""One line per key: what is stored, what the table forgot, what comes, in the order of the source (S64, S67)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.names import literal, quoted
from lakehouse.quality.casts import strict_cast
from lakehouse.quality.rows import DELETE, types_of
from lakehouse.quality.values import comparable
from lakehouse.write.base import KIND, arrival
from lakehouse.write.merge.options import SEQUENCE, VALID_FROM, VALID_TO, Merge, fills_null, tombstone_name
from lakehouse.write.merge.sequence import HIDDEN

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.target import Target

AT, RANK, GONE, ROW, MORE = "__at", "__rank", "__gone", "__row", "__more"
"""Of an event its sequence, where it is known from, whether it deletes, the values that are tracked, and the others."""
SINCE, ORDER, VERSION = "__since", "__order", "__version"
"""Of a tombstone its commit, of a row that comes its order among others, of a stored event the version it is of."""
ENDED, STORED, TOMBSTONE, COMES = 0, 1, 2, 3
"""Values of `RANK`: of several at one sequence the last one counts."""
DELETED, SAME = "delete", "same"
"""Values of a tombstone's `KIND`."""

IS = "__is"


@dataclass(frozen=True)
class Columns:
    """The columns that a history is made of, name -> type, as the table calls them."""

    keys: Mapping[str, str]
    tracked: Mapping[str, str]
    """Those whose change makes a new version."""
    untracked: Mapping[str, str]
    """Those that have the value of the last row of a version."""
    filled: frozenset[str] = frozenset()
    """Those in which a NULL leaves the value that was there before (S70)."""

    @property
    def key_list(self) -> str:
        """SQL: the keys."""
        return ", ".join(quoted(key) for key in self.keys)

    @property
    def all(self) -> dict[str, str]:
        """Keys and values."""
        return {**self.keys, **self.tracked, **self.untracked}

    def order(self) -> str:
        """SQL: the order of a key's line, in which the last one of a sequence counts."""
        return f"PARTITION BY {self.key_list} ORDER BY {AT}, {RANK}, {SINCE}, {ORDER}"


def columns_of(names: Sequence[str], target: Target, options: Merge) -> Columns:
    """What part each of these stored columns has."""
    content = {name: target.columns[name] for name in names}
    keys = {key.casefold() for key in options.keys}
    named = options.track_history_column_list
    some = {name.casefold() for name in named or options.track_history_except_column_list or ()}
    values = {name: text for name, text in content.items() if name.casefold() not in keys}
    tracked = {name: text for name, text in values.items() if (name.casefold() in some) == (named is not None)}
    return Columns(
        {name: text for name, text in content.items() if name.casefold() in keys},
        tracked,
        {name: text for name, text in values.items() if name not in tracked},
        frozenset(name for name in values if fills_null(name, options)),
    )


def packed(columns: Mapping[str, str]) -> str:
    """SQL: a struct of these columns that is never NULL, whatever they hold, and never without a field."""
    fields = (f"{literal(name)}, {quoted(name)}" for name in columns)
    return f"named_struct({', '.join([f'{literal(IS)}, true', *fields])})"


def alike(one: str, other: str, columns: Mapping[str, str]) -> str:
    """SQL: two such structs, either of which may be NULL, are equal; never NULL."""
    if all(comparable(name, text) == name for name, text in columns.items()):
        return f"{one} <=> {other}"
    pairs = [f"{one}.{IS} <=> {other}.{IS}"]
    for name, text in columns.items():
        sides = (comparable(f"{side}.{quoted(name)}", text) for side in (one, other))
        pairs.append(" <=> ".join(sides))
    return f"({' AND '.join(pairs)})"


def coming(frame: DataFrame, columns: Columns) -> DataFrame:
    """The rows of the frame, which has `__sequence` and may have `__delete`, as events."""
    from pyspark.sql import functions as F

    deletes = F.col(DELETE) if DELETE in frame.columns else F.lit(False)
    *order, content = arrival(frame, columns.all)
    parts = [*order, deletes, content]
    return frame.select(
        *(F.col(quoted(name)).cast(text).alias(name) for name, text in columns.keys.items()),
        F.col(HIDDEN).alias(AT),
        F.lit(COMES).alias(RANK),
        deletes.alias(GONE),
        F.when(~deletes, F.expr(packed(columns.tracked))).alias(ROW),
        F.when(~deletes, F.expr(packed(columns.untracked))).alias(MORE),
        F.struct(*(part.alias(f"o{index}") for index, part in enumerate(parts))).alias(ORDER),
    )


def stored(there: DataFrame, columns: Columns, target: Target) -> DataFrame:
    """Stored versions as events: that one began, that it was confirmed by a later row, that it ended.

    The end is a delete unless another version begins there. That the tombstones tell most of this too does no harm, and
    what somebody changed in the table by hand counts.
    """
    from pyspark.sql import functions as F

    version = F.struct(
        F.col(VALID_FROM).alias("at"),
        F.col(VALID_TO).alias("until"),
        F.col(SEQUENCE).alias("seen"),
        F.expr(packed(columns.tracked)).alias("row"),
        F.expr(packed(columns.untracked)).alias("more"),
    )
    added = {name: target.columns[name] for name in (VALID_FROM, VALID_TO, SEQUENCE)}
    known = there.select(*_as_now(target, columns.all | added))
    keys = [F.col(quoted(key)) for key in columns.keys]
    times = f"array({VALID_FROM}, nullif({SEQUENCE}, {VALID_FROM}), {VALID_TO})"
    events = known.select(*keys, version.alias(VERSION), F.posexplode(F.expr(times)).alias("__nth", AT))
    lives = F.col("__nth") < 2
    return events.where(F.col(AT).isNotNull()).select(
        *keys,
        AT,
        F.when(lives, STORED).otherwise(ENDED).alias(RANK),
        (~lives).alias(GONE),
        F.when(lives, F.col(VERSION)["row"]).alias(ROW),
        F.when(lives, F.col(VERSION)["more"]).alias(MORE),
        F.when(lives, F.col(VERSION)).alias(VERSION),
    )


def _as_now(target: Target, columns: Mapping[str, str]) -> list[Column]:
    """Stored columns in the types that they will have; one that the table lacks is NULL in all its rows."""
    from pyspark.sql import functions as F

    new, grown = set(target.new_columns), target.grown_columns

    def column(name: str, text: str) -> Column:
        if name in new:
            return F.lit(None).cast(text)
        return strict_cast(F.col(quoted(name)), grown[name], text) if name in grown else F.col(quoted(name))

    return [column(name, text).alias(name) for name, text in columns.items()]


def remembered(tombstones: DataFrame, columns: Columns, sequence: str) -> DataFrame:
    """Tombstones as events; the tracked values of a `same` row are those of the version it falls into.

    `sequence` is the type of the sequence.
    """
    from pyspark.sql import functions as F

    types = {name.casefold(): text for name, text in types_of(tombstones).items()}

    def column(name: str, text: str) -> Column:
        called = tombstone_name(name)
        if called.casefold() not in types:
            return F.lit(None).cast(text).alias(name)
        return strict_cast(F.col(quoted(called)), types[called.casefold()], text).alias(name)

    deletes = F.col(KIND) == DELETED
    rows = tombstones.select(
        *(column(name, text) for name, text in {**columns.keys, **columns.untracked}.items()),
        strict_cast(F.col(SEQUENCE), types[SEQUENCE], sequence).alias(AT),
        deletes.alias(GONE),
        F.col("_batch").alias(SINCE),
    )
    return rows.select(
        *(F.col(quoted(key)) for key in columns.keys),
        AT,
        F.lit(TOMBSTONE).alias(RANK),
        GONE,
        F.when(~F.col(GONE), F.expr(packed(columns.untracked))).alias(MORE),
        SINCE,
    )
