"""SCD 2: the table holds every version of a key as `[valid_from, valid_to)`, for rows that come in order.

The stored versions of the keys in the batch and the batch's rows are put in one line per key, ordered by sequence;
neighbours that are equal are one version; what comes out is how the table must look for these keys, and one MERGE
makes it so. Rows that would change the past cannot be placed without what a table forgets (S67), so they fail.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from lakehouse.names import literal, quoted
from lakehouse.quality.casts import strict_cast
from lakehouse.write.base import add, arrival, comparable, stored, view
from lakehouse.write.merge.options import IS_CURRENT, SEQUENCE, VALID_FROM, VALID_TO, Merge
from lakehouse.write.merge.scd1 import insert, matched, merge_into
from lakehouse.write.merge.sequence import HIDDEN, with_sequence

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.target import Target

ADDED = (VALID_FROM, VALID_TO, IS_CURRENT, SEQUENCE)
LATE = "late row"
"""How the message of the error begins that a row raises which is older than what is stored."""

_AT, _UNTIL, _SEEN, _STORED, _ROW, _ORDER = "__at", "__until", "__seen", "__stored", "__row", "__order"


def write(frame: DataFrame, target: Target, options: Merge) -> None:
    """Open new versions, close the ones they end; a row that says what the history says already writes nothing.

    Fails in Spark, before anything is committed, when a row is older than the newest one stored of its key and says
    something else than the version it falls into.
    """
    columns = [name for name in stored(frame, target) if name not in ADDED]
    source = versions(with_sequence(frame, options, {}), target, options, columns)
    if target.empty:
        add(source, target)
        return
    changed = [*columns, VALID_TO, IS_CURRENT, SEQUENCE]
    with view(source) as name:
        frame.sparkSession.sql(
            f"{merge_into(target)} USING {name} AS s ON {matched(options)} AND t.{VALID_FROM} = s.{VALID_FROM} "
            f"WHEN MATCHED AND s.__gone THEN DELETE "
            f"WHEN MATCHED THEN UPDATE SET {', '.join(f'{quoted(name)} = s.{quoted(name)}' for name in changed)} "
            f"WHEN NOT MATCHED AND NOT s.__gone THEN {insert(source, hidden='__gone')}"
        )


def versions(frame: DataFrame, target: Target, options: Merge, columns: list[str]) -> DataFrame:
    """The versions of the frame's keys that are not stored as they must be; `__gone` marks those to delete."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    events = _known(frame, target, options, columns)
    line = Window.partitionBy(*(quoted(key) for key in options.keys)).orderBy(_AT, F.col(_STORED).desc(), _ORDER)
    whole = line.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    so_far = line.rowsBetween(Window.unboundedPreceding, Window.currentRow)

    judged = events.withColumns(
        {
            "__newest": F.max(F.when(F.col(_STORED), F.col(_SEEN))).over(whole),
            "__before": F.last(F.when(F.col(_STORED), F.col(_ROW)), ignorenulls=True).over(so_far),
            "__next": F.lead(_AT).over(line),
        }
    ).where(_placeable(target, options))

    # at the sequence of the stored row only a row that corrects it is left, and stands in for it
    twins = judged.withColumns(
        {
            "__replaced": F.col(_STORED) & F.lead(_AT).over(line).eqNullSafe(F.col(_AT)),
            "__there": F.col(_STORED) | (F.lag(_STORED).over(line) & F.lag(_AT).over(line).eqNullSafe(F.col(_AT))),
        }
    ).where("NOT __replaced")

    starts = twins.withColumns(
        {
            "__start": ~F.lag(_ROW).over(line).eqNullSafe(F.col(_ROW)),
            "__last_seen": F.lag(_SEEN).over(line),
        }
    )
    ended = starts.withColumns(
        {
            VALID_TO: _next_start(options, _AT),
            SEQUENCE: F.coalesce(_next_start(options, "__last_seen"), F.max(_SEEN).over(whole)),
        }
    ).where("__start OR __there")
    # MERGE rewrites what it matches, so a version that stays as it is must not reach it
    as_stored = f"{_STORED} AND __start AND {VALID_TO} <=> {_UNTIL} AND {SEQUENCE} <=> {_SEEN}"

    return ended.where(f"NOT ({as_stored})").select(
        *(F.col(quoted(name)).alias(name) for name in columns),
        F.col(_AT).alias(VALID_FROM),
        VALID_TO,
        F.col(VALID_TO).isNull().alias(IS_CURRENT),
        SEQUENCE,
        (~F.col("__start")).alias("__gone"),
    )


def _known(frame: DataFrame, target: Target, options: Merge, columns: list[str]) -> DataFrame:
    """The frame's rows and the stored versions of their keys, as events: when, what, how they are ordered at a tie."""
    from pyspark.sql import functions as F

    content = {name: target.columns[name] for name in columns}
    keys = {key.casefold() for key in options.keys}
    tracked = [comparable(quoted(name), text) for name, text in content.items() if name.casefold() not in keys]
    # NULL as a row would look like no row, so there is always a field
    row = F.expr(f"struct(true, {', '.join(tracked)})" if tracked else "struct(true)")
    order = F.struct(*(part.alias(f"o{index}") for index, part in enumerate(arrival(frame, content))))
    coming = frame.withColumn(_ORDER, order).select(
        *(F.col(quoted(name)).alias(name) for name in columns),
        F.col(HIDDEN).alias(_AT),
        F.lit(None).cast(frame.schema[HIDDEN].dataType).alias(_UNTIL),
        F.col(HIDDEN).alias(_SEEN),
        F.lit(False).alias(_STORED),
        _ORDER,
    )
    if target.empty:
        return coming.withColumn(_ROW, row)
    there = frame.sparkSession.read.format("delta").load(target.path)
    new = set(target.new_columns)

    def as_coming(name: str) -> Column:
        if name in new:
            return F.lit(None).cast(content[name])
        if name in target.grown_columns:
            return strict_cast(F.col(quoted(name)), target.grown_columns[name], content[name])
        return F.col(quoted(name))

    stored_rows = there.select(
        *(as_coming(name).alias(name) for name in columns),
        F.col(VALID_FROM).alias(_AT),
        F.col(VALID_TO).alias(_UNTIL),
        F.col(SEQUENCE).alias(_SEEN),
        F.lit(True).alias(_STORED),
        F.lit(None).cast(coming.schema[_ORDER].dataType).alias(_ORDER),
    )
    batch = coming.select(*(F.col(quoted(key)).alias(f"__key_{index}") for index, key in enumerate(options.keys)))
    pairs = (F.col(quoted(key)).eqNullSafe(F.col(f"__key_{index}")) for index, key in enumerate(options.keys))
    touched = stored_rows.join(batch, reduce(lambda one, other: one & other, pairs), "left_semi")
    return coming.unionByName(touched).withColumn(_ROW, row)


def _placeable(target: Target, options: Merge) -> Column:
    """Whether the event takes part: not beaten at its own sequence, not known already; a late one raises."""
    from pyspark.sql import functions as F

    coming = ~F.col(_STORED)
    beaten = coming & F.coalesce(F.col("__next") == F.col(_AT), F.lit(False))
    old = coming & ~beaten & F.coalesce(F.col(_AT) <= F.col("__newest"), F.lit(False))
    known = old & F.col("__before").eqNullSafe(F.col(_ROW))
    late = old & ~known & (F.col(_AT) < F.col("__newest"))
    keys = ", ".join(quoted(key) for key in options.keys)
    shown = [F.to_json(F.struct(F.col(column).alias("at"))) for column in (_AT, "__newest")]
    message = F.concat(
        F.lit(f"{LATE}: {target.name} keeps a history and has, of the key "),
        F.expr(f"to_json(struct({keys}), map({literal('ignoreNullFields')}, 'false'))"),
        F.lit(", a row of "),
        shown[1],
        F.lit("; a row of "),
        shown[0],
        F.lit(" says something else than what was valid then, and late rows cannot be put into a history yet"),
    )
    return ~beaten & ~known & F.when(late, F.raise_error(message).cast("boolean")).otherwise(F.lit(True))


def _next_start(options: Merge, column: str) -> Column:
    """The value of the column at the next row of the line that starts a version."""
    from pyspark.sql import functions as F

    keys = ", ".join(quoted(key) for key in options.keys)
    # the function of the Python API cannot pass over NULLs
    return F.expr(
        f"lead(if(__start, {column}, NULL)) IGNORE NULLS "
        f"OVER (PARTITION BY {keys} ORDER BY {_AT}, {_STORED} DESC, {_ORDER})"
    )
