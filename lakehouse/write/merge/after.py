"""The table as a merge would leave it, for rules about uniqueness and the number of rows (S50, S51).

Of a history its current versions are judged: those that are closed are the past, in which other rows had their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakehouse.names import quoted
from lakehouse.quality.after import OUT, RAW, After, flagged, marked, matched
from lakehouse.quality.casts import strict_cast
from lakehouse.quality.rows import DELETE, TRUNCATE
from lakehouse.write.base import KIND
from lakehouse.write.merge.fold import DEAD, newest_deletes, order
from lakehouse.write.merge.options import IS_CURRENT, SEQUENCE, VALID_FROM, VALID_TO, Merge, fills_null
from lakehouse.write.merge.sequence import HIDDEN, with_sequence

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.target import Target


def after(
    frame: DataFrame, there: DataFrame | None, target: Target, options: Merge, tombstones: DataFrame | None = None
) -> After:
    """The newest row of every key stays, unless it deletes; at the same sequence the frame's, not the stored one.

    Of a snapshot the rows that are turned away stand for their keys, as what is stored of them stays (S56, S72). Where
    NULLs do not overwrite, rows have the values that they would be stored with, and in `RAW` those that they came with.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    frame = with_sequence(frame, options, {})
    history = options.stored_as_scd_type == 2
    deletes = F.col(DELETE) if DELETE in frame.columns else F.lit(False)
    truncates = F.col(TRUNCATE) if TRUNCATE in frame.columns else F.lit(False)
    by = order(frame, target, options)
    line = Window.partitionBy(*(quoted(key) for key in options.keys))
    rows = frame.withColumn("__rank", F.row_number().over(line.orderBy(OUT, truncates, *(part.desc() for part in by))))
    could, adds = ~F.col(OUT) & ~truncates, F.lit(True)
    marks = [f"__m{index}" for index in range(len(options.keys))]
    names = {name.casefold() for name in target.columns}
    filled = {n: f"f{i}" for i, n in enumerate(frame.columns) if n.casefold() in names and fills_null(n, options)}
    floors = _floors(frame, tombstones)
    if floors is not None:
        rows = rows.crossJoin(F.broadcast(floors))
        could = could & (F.col("__floor").isNull() | (F.col(HIDDEN) >= F.col("__floor")["at"]))
    if tombstones is not None:
        dead = newest_deletes(tombstones, options, marks)
        rows = rows.join(dead, matched(options.keys, marks), "left").drop(*marks)
        could = could & (F.col(DEAD).isNull() | (F.col(HIDDEN) >= F.col(DEAD)["at"]))
    if there is not None:
        rows = rows.join(_known(there, target, options, marks, filled), matched(options.keys, marks), "left").drop(
            *marks
        )
        adds = ~F.coalesce(F.col("__known")["lives"], F.lit(False))
        could = could & (F.col("__known").isNull() | (F.col(HIDDEN) >= F.col("__known")["at"]))
        there = there.where(IS_CURRENT) if history else there
    if filled:
        rows = _filled(rows, filled, could, deletes, options, by)
    wins = could & (F.col("__rank") == 1)
    rows = rows.withColumn("__wins", F.coalesce(wins, F.lit(False)))
    rows = flagged(rows, wins & ~deletes, could & ~deletes, wins & ~deletes & adds)
    rows = rows.drop("__rank", "__known", "__floor", DEAD)
    removes = history or options.from_snapshot is not None or bool({DELETE, TRUNCATE} & set(frame.columns))
    given = {SEQUENCE: F.col(HIDDEN)}
    if history:
        given |= {VALID_FROM: F.col(HIDDEN), VALID_TO: F.lit(None).cast(rows.schema[HIDDEN].dataType)}
        given |= {IS_CURRENT: F.lit(True)}
    if there is None:
        return After(rows.drop("__wins"), by, keys=options.keys, removes=removes, given=given)
    if options.from_snapshot is not None:
        there = _of_snapshot(there, frame, options, marks)
    coming = rows.where("__wins").select(*marked(options.keys, marks))
    rest = there.join(coming, matched(options.keys, marks), "left_anti")
    if floors is not None:
        above = F.col("__floor").isNull() | (F.col(SEQUENCE) >= F.col("__floor")["at"])
        rest = rest.crossJoin(F.broadcast(floors)).where(above).drop("__floor")
    return After(rows.drop("__wins"), by, rest, there, options.keys, removes, given)


def _of_snapshot(there: DataFrame, frame: DataFrame, options: Merge, marks: list[str]) -> DataFrame:
    """The stored rows whose keys come; all where no row is of a snapshot, as then nothing is deleted."""
    from pyspark.sql import functions as F

    some = frame.agg(F.coalesce(F.bool_or(F.col(HIDDEN).isNotNull()), F.lit(False)).alias("__some"))
    came = frame.select(*marked(options.keys, marks)).distinct().withColumn("__came", F.lit(True))
    rows = there.join(came, matched(options.keys, marks), "left").crossJoin(F.broadcast(some))
    return rows.where("__came OR NOT __some").drop("__came", "__some", *marks)


def _known(there: DataFrame, target: Target, options: Merge, marks: list[str], filled: Mapping[str, str]) -> DataFrame:
    """Of each stored key, under `marks`, `__known`: the sequence of the last that is known of it, whether it lives.

    And what is stored in the columns of `filled`, name -> name of the field.
    """
    from pyspark.sql import functions as F

    existing = {name.casefold() for name in there.columns}
    types = {name.casefold(): text for name, text in target.columns.items()}
    grown = {name.casefold(): text for name, text in target.grown_columns.items()}

    def value(name: str) -> Column:
        now = grown.get(name.casefold())
        return F.col(quoted(name)) if now is None else strict_cast(F.col(quoted(name)), now, types[name.casefold()])

    values = {field: value(name) for name, field in filled.items() if name.casefold() in existing}
    if options.stored_as_scd_type == 1:
        row = [value.alias(field) for field, value in values.items()]
        newest = F.struct(F.col(SEQUENCE).alias("at"), F.lit(True).alias("lives"), *row)
        return there.select(*marked(options.keys, marks), newest.alias("__known"))
    # what ended the last version is newer than what it was confirmed by
    newest = F.struct(
        F.max(F.greatest(SEQUENCE, VALID_TO)).alias("at"),
        F.max(IS_CURRENT).alias("lives"),
        *(F.max_by(value, VALID_FROM).alias(field) for field, value in values.items()),
    )
    return there.groupBy(*marked(options.keys, marks)).agg(newest.alias("__known"))


def _filled(
    rows: DataFrame, filled: Mapping[str, str], could: Column, deletes: Column, options: Merge, by: list[Column]
) -> DataFrame:
    """The rows with, in these columns, the last value of the key that is not NULL since it was deleted (S70)."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = [quoted(key) for key in options.keys]
    so_far = (Window.unboundedPreceding, Window.currentRow)
    deleted = F.count_if(could & deletes).over(Window.partitionBy(*keys).orderBy(*by).rowsBetween(*so_far))
    raw = F.struct(*(F.col(quoted(name)).alias(name) for name in filled))
    rows = rows.withColumns({RAW: raw, "__life": deleted})
    life = Window.partitionBy(*keys, "__life").orderBy(*by).rowsBetween(*so_far)
    known = rows.select("__known.*").columns if "__known" in rows.columns else []
    stands = (F.col("__life") == 0) & F.col("__known")["lives"]
    if "__floor" in rows.columns:
        stands = stands & (F.col("__floor").isNull() | (F.col("__known")["at"] >= F.col("__floor")["at"]))
    counts, values = could & ~deletes, {}
    for name, field in filled.items():
        own = F.col(quoted(name))
        value = F.last(F.when(counts, own), ignorenulls=True).over(life)
        if field in known:
            value = F.coalesce(value, F.when(stands, F.col("__known")[field]))
        values[name] = F.when(counts, value).otherwise(own)
    return rows.withColumns(values).drop("__life")


def _floors(frame: DataFrame, tombstones: DataFrame | None) -> DataFrame | None:
    """One row: `__floor`, a struct of the sequence below which a truncate leaves nothing, NULL without a truncate."""
    from pyspark.sql import functions as F

    parts = []
    if TRUNCATE in frame.columns:
        parts.append(frame.where(F.col(TRUNCATE) & ~F.col(OUT)).select(F.col(HIDDEN).alias("at")))
    if tombstones is not None:
        parts.append(tombstones.where(F.col(KIND) == "truncate").select(F.col(SEQUENCE).alias("at")))
    if not parts:
        return None
    rows = parts[0] if len(parts) == 1 else parts[0].union(parts[1])
    return rows.agg(F.max(F.struct("at")).alias("__floor"))
