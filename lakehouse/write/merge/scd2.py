"""SCD 2: the table holds every version of a key as `[valid_from, valid_to)`, in the order of the source (S65, S69).

History follows the sequence, not the arrival: all rows that ever came of a key are folded anew whenever one comes, so
the table is a function of their set. What came is known from two places, and each merge leaves them so that the next
one finds every row again (one per key and sequence, the one that counts by S64):

- A **stored version** tells of the row that began it and of the one that ended it, if no other version begins there;
  `_sequence` of the last one that confirmed it.
- A **tombstone** tells of a row that the versions do not show: a delete; a row that was equal to the version it fell
  into (`same`), whose tracked values are those of that version, whatever versions become later; and the first row of a
  version when the untracked columns, which have the values of the last one, were others.

At one sequence a row that comes beats what is known, and a tombstone, of the highest `_batch`, beats a version. A
tombstone is never taken back: where the last one of a sequence says something else than what holds now, another is
kept, also of a row that begins a version. So a correction (the same sequence, a newer batch) replaces; a repeated row
finds itself, and writes nothing.

Tombstones are kept before the one commit that changes the table, and exist if and only if that is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

from lakehouse.lake import increment
from lakehouse.names import quoted
from lakehouse.write.base import (
    KIND,
    Counts,
    Memory,
    Told,
    add,
    insert,
    merge_into,
    persisted_source,
    same_key,
    stored,
    view,
)
from lakehouse.write.merge import bounds, line
from lakehouse.write.merge.bounds import Look
from lakehouse.write.merge.history import CHANGED, LAST, OUTCOME, REMOVED, THERE, UNTOLD, folded
from lakehouse.write.merge.line import AT, DELETED, GONE, MORE, ROW, SAME, Columns
from lakehouse.write.merge.options import IS_CURRENT, SEQUENCE, VALID_FROM, VALID_TO, Merge, tombstone_name
from lakehouse.write.merge.sequence import with_sequence

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.target import Target

ADDED = (VALID_FROM, VALID_TO, IS_CURRENT, SEQUENCE)
OUTCOMES = ("written", "updated", "late", "equal", "deleted")


def write(frame: DataFrame, target: Target, options: Merge, memory: Memory | None = None) -> Told:
    """Make the histories of the frame's keys what they would be, had every row come in order, by one statement.

    Without `memory`, of a table whose rows always come in order, nothing is remembered.
    """
    columns = line.columns_of([name for name in stored(frame, target) if name not in ADDED], target, options)
    coming = line.coming(with_sequence(frame, options, {}), columns).persist()
    try:
        came = bounds.look(coming, target, options)
        events = folded(_line(coming, came, target, columns, memory), columns)
        wanted = events.where(f"{CHANGED} OR {UNTOLD} OR {OUTCOME} IS NOT NULL").select(
            *(quoted(key) for key in columns.keys),
            *(AT, ROW, MORE, LAST, VALID_TO, SEQUENCE, GONE, THERE, REMOVED, CHANGED, UNTOLD, OUTCOME),
        )
        wanted = wanted.persist()
        try:
            found = _write(wanted, came, target, options, columns, memory)
        finally:
            wanted.unpersist()
    finally:
        coming.unpersist()
    counts = Counts(**found, superseded=came.rows - sum(found.values()))
    return lambda _commit, _rows: counts


def _line(coming: DataFrame, came: Look, target: Target, columns: Columns, memory: Memory | None) -> DataFrame:
    """The rows that come, and all that is known of their keys."""
    from pyspark.sql import functions as F

    def of_keys(rows: DataFrame, called: Callable[[str], str] = str) -> DataFrame:
        return bounds.of_batch(rows, [called(key) for key in columns.keys], coming, list(columns.keys), came.rows)

    there = increment.at(coming.sparkSession, target.path, target.version).alias("t")
    there = there.where("false") if target.empty else of_keys(there.where(came.within("t") or "true"))
    parts = [coming, line.stored(there, columns, target)]
    if memory is not None and memory.rows is not None:
        forgotten = of_keys(memory.rows, tombstone_name)
        parts.append(line.remembered(forgotten, columns, target.columns[SEQUENCE]))
    whole = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), parts)
    return whole if line.SINCE in whole.columns else whole.withColumn(line.SINCE, F.lit(None).cast("bigint"))


def _write(
    wanted: DataFrame, came: Look, target: Target, options: Merge, columns: Columns, memory: Memory | None
) -> dict[str, int]:
    """Keep the tombstones and write the versions; how many rows had which outcome."""
    from pyspark.sql import functions as F

    asked = {"matched": f"{CHANGED} AND {THERE}", "untold": UNTOLD} | {n: f"{OUTCOME} = '{n}'" for n in OUTCOMES}
    (found,) = wanted.agg(*(F.count_if(F.expr(text)).alias(name) for name, text in asked.items())).collect()
    if memory is not None and found["untold"]:
        memory.keep(_tombstones(wanted.where(UNTOLD), columns))
    source = _versions(wanted.where(CHANGED), columns, target)
    if found["matched"]:
        _merge(source, target, options, columns, came.within("t"))
    else:
        add(source, target)
    return {name: found[name] for name in OUTCOMES}


def _tombstones(events: DataFrame, columns: Columns) -> DataFrame:
    from pyspark.sql import functions as F

    return events.select(
        *(F.col(quoted(key)).alias(tombstone_name(key)) for key in columns.keys),
        F.col(AT).alias(SEQUENCE),
        F.when(F.col(GONE), DELETED).otherwise(SAME).alias(KIND),
        *(F.col(MORE)[name].alias(tombstone_name(name)) for name in columns.untracked),
    )


def _versions(events: DataFrame, columns: Columns, target: Target) -> DataFrame:
    """Rows of the table as they must be; `REMOVED` marks those to delete."""
    from pyspark.sql import functions as F

    def value(name: str) -> Column:
        if name in columns.keys:
            return F.col(quoted(name))
        return F.col(ROW if name in columns.tracked else LAST)[name].alias(name)

    return events.select(
        *(value(name) for name in target.columns if name in columns.all),
        F.col(AT).alias(VALID_FROM),
        VALID_TO,
        F.col(VALID_TO).isNull().alias(IS_CURRENT),
        SEQUENCE,
        REMOVED,
    )


def _merge(source: DataFrame, target: Target, options: Merge, columns: Columns, within: str) -> None:
    on = [same_key(options.keys), f"t.{VALID_FROM} = s.{VALID_FROM}", *filter(None, [within])]
    changed = [*columns.tracked, *columns.untracked, VALID_TO, IS_CURRENT, SEQUENCE]
    with persisted_source(source.sparkSession), view(source) as name:
        source.sparkSession.sql(
            f"{merge_into(target)} USING {name} AS s "
            f"ON {' AND '.join(on)} "
            f"WHEN MATCHED AND s.{REMOVED} THEN DELETE "
            f"WHEN MATCHED THEN UPDATE SET {', '.join(f'{quoted(name)} = s.{quoted(name)}' for name in changed)} "
            f"WHEN NOT MATCHED AND NOT s.{REMOVED} THEN {insert(source)}"
        )
