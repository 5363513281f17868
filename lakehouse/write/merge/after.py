"""The table as a merge would leave it, for rules about uniqueness and the number of rows (S50, S51).

Of a history its current versions are judged: those that are closed are the past, in which other rows had their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.names import quoted
from lakehouse.quality.after import OUT, After, flagged, marked, matched
from lakehouse.quality.rows import DELETE, TRUNCATE
from lakehouse.write.base import KIND
from lakehouse.write.merge.fold import order
from lakehouse.write.merge.options import IS_CURRENT, SEQUENCE, VALID_TO, Merge, tombstone_name
from lakehouse.write.merge.sequence import HIDDEN, with_sequence

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.target import Target


def after(
    frame: DataFrame, there: DataFrame | None, target: Target, options: Merge, tombstones: DataFrame | None = None
) -> After:
    """The newest row of every key stays, unless it deletes; at the same sequence the frame's, not the stored one.

    Of a snapshot the rows that are turned away stand for their keys, as what is stored of them stays (S56, S72).
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    frame = with_sequence(frame, options, {})
    history = options.stored_as_scd_type == 2
    deletes = F.col(DELETE) if DELETE in frame.columns else F.lit(False)
    truncates = F.col(TRUNCATE) if TRUNCATE in frame.columns else F.lit(False)
    by = order(frame, target)
    line = Window.partitionBy(*(quoted(key) for key in options.keys))
    rows = frame.withColumn("__rank", F.row_number().over(line.orderBy(OUT, truncates, *(part.desc() for part in by))))
    could, adds = ~F.col(OUT) & ~truncates, F.lit(True)
    marks = [f"__m{index}" for index in range(len(options.keys))]
    floors = _floors(frame, tombstones)
    if floors is not None:
        rows = rows.crossJoin(F.broadcast(floors))
        could = could & (F.col("__floor").isNull() | (F.col(HIDDEN) >= F.col("__floor")["at"]))
    if tombstones is not None:
        names = [tombstone_name(key) for key in options.keys]
        dead = tombstones.where(F.col(KIND) == "delete").groupBy(*marked(names, marks))
        rows = rows.join(
            dead.agg(F.max(F.struct(F.col(SEQUENCE).alias("at"))).alias("__dead")),
            matched(options.keys, marks), "left",
        ).drop(*marks)  # fmt: skip
        could = could & (F.col("__dead").isNull() | (F.col(HIDDEN) >= F.col("__dead")["at"]))
    if there is not None:
        rows = rows.join(_known(there, options, marks), matched(options.keys, marks), "left").drop(*marks)
        adds = ~F.coalesce(F.col("__known")["lives"], F.lit(False))
        could = could & (F.col("__known").isNull() | (F.col(HIDDEN) >= F.col("__known")["at"]))
        there = there.where(IS_CURRENT) if history else there
    wins = could & (F.col("__rank") == 1)
    rows = rows.withColumn("__wins", F.coalesce(wins, F.lit(False)))
    rows = flagged(rows, wins & ~deletes, could & ~deletes, wins & ~deletes & adds)
    helpers = [name for name in ("__rank", "__known", "__floor", "__dead") if name in rows.columns]
    rows = rows.drop(*helpers)
    removes = history or options.from_snapshot is not None or bool({DELETE, TRUNCATE} & set(frame.columns))
    if there is None:
        return After(rows.drop("__wins"), by, keys=options.keys, removes=removes)
    if options.from_snapshot is not None:
        there = there.join(frame.select(*marked(options.keys, marks)), matched(options.keys, marks), "left_semi")
    coming = rows.where("__wins").select(*marked(options.keys, marks))
    rest = there.join(coming, matched(options.keys, marks), "left_anti")
    if floors is not None:
        above = F.col("__floor").isNull() | (F.col(SEQUENCE) >= F.col("__floor")["at"])
        rest = rest.crossJoin(F.broadcast(floors)).where(above).drop("__floor")
    return After(rows.drop("__wins"), by, rest, there, options.keys, removes)


def _known(there: DataFrame, options: Merge, marks: list[str]) -> DataFrame:
    """Of each stored key, under `marks`, `__known`: the sequence of the last that is known of it, whether it lives."""
    from pyspark.sql import functions as F

    if options.stored_as_scd_type == 1:
        newest = F.struct(F.col(SEQUENCE).alias("at"), F.lit(True).alias("lives"))
        return there.select(*marked(options.keys, marks), newest.alias("__known"))
    # what ended the last version is newer than what it was confirmed by
    newest = F.struct(F.max(F.greatest(SEQUENCE, VALID_TO)).alias("at"), F.max(IS_CURRENT).alias("lives"))
    return there.groupBy(*marked(options.keys, marks)).agg(newest.alias("__known"))


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
