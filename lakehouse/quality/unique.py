"""Which rows have values that an earlier row has already, of the run or of the table after the commit (S50)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakehouse.names import quoted
from lakehouse.quality.after import COULD, OUT, RAW, STAYS, After, Stays, completed, matched
from lakehouse.quality.checks import Checks
from lakehouse.quality.rows import types_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def marked(
    frame: DataFrame, names: Sequence[str], checks: Checks, stays: Stays, condition: Column | None, *, strict: bool
) -> tuple[DataFrame, Column, Column]:
    """The frame with hidden columns, where a row's values are taken already, and which rows count at all.

    Judged by what the table would hold if no row were turned away for this; `strict` is for when some are, where a
    row of the same key may then come in another's place: no value is given to a second key before the first is known
    to let go of it. Raises ValueError for columns whose values cannot be compared.
    """
    from pyspark.sql import functions as F

    types = types_of(frame)
    for name in names:
        if "map<" in types[name] or types[name] == "variant":
            raise ValueError(f"`{name}` is {types[name]}, whose values cannot be compared")
    doomed = checks.doomed()
    after = stays(frame.withColumn(OUT, F.lit(False) if doomed is None else doomed))
    if after.keys and {key.casefold() for key in after.keys} <= {name.casefold() for name in names}:
        return frame, F.lit(False), F.lit(True)  # the way to write sees to it
    counts = F.col(COULD if strict else STAYS)
    counts = counts if condition is None else counts & condition
    tag = f"__u{len(checks.all)}"
    rows = after.rows
    if condition is not None:
        rows = completed(rows, rows if after.stored is None else after.stored, after.given)
    rows = rows.withColumn(f"{tag}_there", counts).drop(*({*rows.columns} - {*after.rows.columns}))
    by_key = strict and bool(after.keys)
    rows, twice = _earlier(rows, names, tag, after, by_key=by_key)
    stored = after.stored if strict else after.rest
    if stored is not None:
        rows, taken = _stored(rows, stored, names, tag, after, condition, by_key=by_key)
        twice = twice | taken
    return rows.withColumn(f"{tag}_twice", twice).drop(OUT, STAYS, COULD), F.col(f"{tag}_twice"), F.col(f"{tag}_there")


def as_it_came(rows: DataFrame) -> DataFrame:
    """The rows with their own values again, where `marked` gave them those that they would be stored with."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    if RAW not in rows.columns:
        return rows
    kind = rows.schema[RAW].dataType
    assert isinstance(kind, StructType)
    return rows.withColumns({name: F.col(RAW)[name] for name in kind.names}).drop(RAW)


def _earlier(
    rows: DataFrame, names: Sequence[str], tag: str, after: After, *, by_key: bool
) -> tuple[DataFrame, Column]:
    """Where an earlier row of the run, one of another key with `by_key`, has the same values."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    there = f"{tag}_there"
    line = Window.partitionBy(there, *(quoted(name) for name in names)).orderBy(*after.order)
    if not by_key:
        return rows.withColumn(f"{tag}_rank", F.row_number().over(line)), F.col(f"{tag}_rank") > 1
    before = line.rowsBetween(Window.unboundedPreceding, -1)
    key = _key(after)
    rows = rows.withColumns({f"{tag}_low": F.min(key).over(before), f"{tag}_high": F.max(key).over(before)})
    return rows, _another(F.col(f"{tag}_low"), F.col(f"{tag}_high"), key)


def _stored(
    rows: DataFrame,
    stored: DataFrame,
    names: Sequence[str],
    tag: str,
    after: After,
    condition: Column | None,
    *,
    by_key: bool,
) -> tuple[DataFrame, Column]:
    """Where a stored row, one of another key with `by_key`, has the same values."""
    from pyspark.sql import functions as F

    there = {name.casefold(): name for name in stored.columns}
    types = types_of(rows)
    kept = stored if condition is None else completed(stored, rows).where(condition)
    marks = [f"{tag}_{index}" for index in range(len(names))]

    def value(name: str) -> Column:  # a column that is new is NULL in what is stored
        own = there.get(name.casefold())
        return F.lit(None).cast(types[name]) if own is None else F.col(quoted(own))

    picked = [value(name).alias(mark) for name, mark in zip(names, marks, strict=True)]
    if not by_key:
        taken = kept.select(*picked).distinct().withColumn(f"{tag}_taken", F.lit(True))
        joined = rows.join(taken, matched(names, marks), "left").drop(*marks)
        return joined, F.coalesce(F.col(f"{tag}_taken"), F.lit(False))
    key = _key(after)
    holders = kept.select(*picked, key.alias("k")).groupBy(*marks)
    taken = holders.agg(F.min("k").alias(f"{tag}_one"), F.max("k").alias(f"{tag}_two"))
    joined = rows.join(taken, matched(names, marks), "left").drop(*marks)
    return joined, _another(F.col(f"{tag}_one"), F.col(f"{tag}_two"), key)


def _key(after: After) -> Column:
    """The key as one value; a struct is never NULL, so a key of NULLs is one, too."""
    from pyspark.sql import functions as F

    return F.struct(*[F.col(quoted(name)).alias(f"k{index}") for index, name in enumerate(after.keys)])


def _another(low: Column, high: Column, key: Column) -> Column:
    """Whether one of the keys between `low` and `high` is another one; NULL: there are none."""
    return low.isNotNull() & ~(low.eqNullSafe(key) & high.eqNullSafe(key))
