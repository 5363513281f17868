"""SCD 1: what the rows of a batch come to, one per key (S64, S68, S70)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.lake import increment
from lakehouse.lake.observed import Observed
from lakehouse.names import quoted
from lakehouse.quality.after import marked, matched
from lakehouse.quality.rows import DELETE, TRUNCATE
from lakehouse.write.base import KIND, arrival, stored
from lakehouse.write.merge.options import SEQUENCE, Merge, fills_null, stored_columns, tombstone_name
from lakehouse.write.merge.sequence import HIDDEN

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from lakehouse.lake.target import Target

WHOLE = "__whole"
"""Of a folded row: it takes the stored one's place as it is, because its key was deleted in between."""
KNOWN = "__known"
"""Whether a delete is among the tombstones already."""
DEAD, THERE = "__dead", "__there"
"""Hidden structs: the sequence of the newest delete that is remembered of the key, and of its stored row."""


def order(frame: DataFrame, target: Target, options: Merge) -> list[Column]:
    """What orders the rows of a key, the earlier one first: sequence, arrival, a delete over an upsert, content."""
    from pyspark.sql import functions as F

    added = stored_columns({}, options, "")
    columns = [name for name in stored(frame, target) if name not in added]
    by = arrival(frame, {name: target.columns[name] for name in columns})
    *came, content = by
    return [F.col(HIDDEN), *came, *([F.col(DELETE)] if DELETE in frame.columns else []), content]


def upserts_and_deletes(frame: DataFrame, floor: str | None) -> DataFrame:
    """The rows that are about one key, without those below the floor, which a truncate keeps out."""
    from pyspark.sql import functions as F

    rows = frame.where(~F.col(TRUNCATE)) if TRUNCATE in frame.columns else frame
    return rows if floor is None else rows.where(f"{HIDDEN} >= {floor}")


def newest(frame: DataFrame, target: Target, options: Merge) -> DataFrame:
    """The row of each key that wins within the frame: its stored columns, `_sequence`, and `__delete` if it has one.

    Where NULLs do not overwrite, each value is the last one that is none since the key was deleted, and `__whole` says
    whether it was.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    columns = [name for name in stored(frame, target) if name != SEQUENCE]
    parts = order(frame, target, options)
    keys = [quoted(key) for key in options.keys]
    line = Window.partitionBy(*keys)
    values = {name: F.col(quoted(name)) for name in columns}
    more = [F.col(name) for name in (DELETE, KNOWN) if name in frame.columns]
    deletes = _deletes(frame)
    filled = [name for name in columns if fills_null(name, options)]
    if filled:
        so_far = line.orderBy(*parts).rowsBetween(Window.unboundedPreceding, Window.currentRow)
        frame = frame.withColumn("__life", F.count_if(deletes).over(so_far))
        life = Window.partitionBy(*keys, "__life").orderBy(*parts)
        life = life.rowsBetween(Window.unboundedPreceding, Window.currentRow)
        upserted = {name: F.when(~deletes, values[name]) for name in filled}
        frame = frame.withColumns(
            {f"__f{i}": F.last(upserted[name], ignorenulls=True).over(life) for i, name in enumerate(filled)}
        )
        values |= {name: F.col(f"__f{i}") for i, name in enumerate(filled)}
        more.append((F.col("__life") > 0).alias(WHOLE))
    rank = F.row_number().over(line.orderBy(*(part.desc() for part in parts)))
    first = frame.withColumn("__rank", rank).where("__rank = 1")
    return first.select(*(value.alias(name) for name, value in values.items()), F.col(HIDDEN).alias(SEQUENCE), *more)


def _deletes(frame: DataFrame) -> Column:
    from pyspark.sql import functions as F

    return F.col(DELETE) if DELETE in frame.columns else F.lit(False)


def newest_deletes(tombstones: DataFrame, options: Merge, marks: list[str], within: str = "") -> DataFrame:
    """Of each key of which a delete is remembered, under `marks`, `__dead`: a struct of the newest one's sequence."""
    from pyspark.sql import functions as F

    named = (F.col(quoted(tombstone_name(key))).alias(key) for key in options.keys)
    deletes = tombstones.where(F.col(KIND) == "delete").select(*named, SEQUENCE).alias("t")
    of_key = (deletes.where(within) if within else deletes).groupBy(*marked(options.keys, marks))
    return of_key.agg(F.max(F.struct(F.col(SEQUENCE).alias("at"))).alias(DEAD))


def stored_sequences(spark: SparkSession, target: Target, options: Merge, marks: list[str], within: str) -> DataFrame:
    """Of each stored key that the batch may have, under `marks`, `__there`: a struct of its row's sequence."""
    from pyspark.sql import functions as F

    there = increment.at(spark, target.path, target.version).alias("t")
    there = there.where(within) if within else there
    return there.select(*marked(options.keys, marks), F.struct(F.col(SEQUENCE).alias("at")).alias(THERE))


def beside_tombstones(
    frame: DataFrame, tombstones: DataFrame, options: Merge, sequence: str, within: str
) -> tuple[DataFrame, Observed]:
    """The rows that are not older than what is remembered of their key; the count of others, `late`.

    A row of this batch wins over a tombstone of the same sequence (S64). A delete that is remembered has `__known`: it
    need not be kept again, and still deletes what an upsert of that sequence may have put back.
    """
    from pyspark.sql import functions as F

    marks = [f"__m{index}" for index in range(len(options.keys))]
    rows = frame.join(newest_deletes(tombstones, options, marks, within), matched(options.keys, marks), "left")
    at = F.col(DEAD)["at"]
    late = F.coalesce(F.col(sequence) < at, F.lit(False))
    rows = rows.withColumn(KNOWN, F.coalesce(F.col(sequence) == at, F.lit(False)) & _deletes(frame))
    seen = Observed(rows, late=F.count_if(late))
    return seen.frame.where(~late).drop(DEAD, *marks), seen


def not_late(frame: DataFrame, target: Target, options: Merge, within: str) -> tuple[DataFrame, Observed]:
    """The rows that are not older than the stored one of their key, which fill nothing (S70); the count of others."""
    from pyspark.sql import functions as F

    marks = [f"__m{index}" for index in range(len(options.keys))]
    known = stored_sequences(frame.sparkSession, target, options, marks, within)
    rows = frame.join(known, matched(options.keys, marks), "left")
    late = F.coalesce(F.col(HIDDEN) < F.col(THERE)["at"], F.lit(False))
    seen = Observed(rows, late=F.count_if(late))
    return seen.frame.where(~late).drop(THERE, *marks), seen
