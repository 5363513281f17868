"""The history that the events of a key make, and where it differs from what is stored and remembered (S69).

The line of a key holds every row that ever came of it: at each sequence the one that counts. Rows are folded in that
order. A row begins a version when no version is open or its tracked values differ from those of the one before it; a
delete ends the version that is open; another row only confirms it, and gives it its untracked values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.names import literal, quoted
from lakehouse.write.merge.line import AT, COMES, GONE, IS, MORE, RANK, ROW, STORED, TOMBSTONE, VERSION, Columns, alike
from lakehouse.write.merge.options import SEQUENCE, VALID_TO

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LAST = "__last"
"""The untracked values of a version: of the last row in it."""
THERE, REMOVED, CHANGED = "__there", "__removed", "__changed"
"""Whether a version that begins at this sequence is stored, is no version any more, is not stored as it must be."""
UNTOLD = "__untold"
"""Whether stored versions and tombstones would not tell this event to the next merge."""
OUTCOME = "__outcome"
"""What became of a row that came: a field of `Counts`; NULL of other events."""


def folded(line: DataFrame, columns: Columns) -> DataFrame:
    """One row per key and sequence, with the version that begins there and what has to be written for it."""
    from pyspark.sql import functions as F

    order = columns.order()
    so_far = f"({order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    whole = f"({order} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    counting = _counting(line, columns, order, so_far)
    u = columns.untracked

    begins = f"{ROW} IS NOT NULL AND NOT {alike('__before.row', ROW, columns.tracked)}"
    steps = counting.withColumns(
        {
            "__before": F.expr(f"lag(struct({AT} AS at, {ROW} AS row, {MORE} AS more)) OVER ({order})"),
            "__newest": F.expr(f"max(if({RANK} < {COMES} OR __was IS NOT NULL, {AT}, NULL)) OVER {whole}"),
            "__final": F.expr(f"last(struct({AT} AS at, {MORE} AS more)) OVER {whole}"),
        }
    ).withColumn("__begins", F.expr(begins))
    turn = f"if(__begins OR {GONE}, struct({AT} AS at, __before.at AS seen, __before.more AS more), NULL)"
    steps = steps.withColumn("__next", F.expr(f"lead({turn}) IGNORE NULLS OVER ({order})"))
    steps = steps.withColumns(
        {
            VALID_TO: F.expr("__next.at"),
            SEQUENCE: F.expr("if(__next IS NULL, __final.at, __next.seen)"),
            LAST: F.expr("if(__next IS NULL, __final.more, __next.more)"),
            THERE: F.expr(f"{VERSION} IS NOT NULL AND {VERSION}.at <=> {AT}"),
        }
    )
    as_stored = (
        f"{THERE} AND {VERSION}.until <=> {VALID_TO} AND {VERSION}.seen <=> {SEQUENCE} "
        f"AND {alike(f'{VERSION}.row', ROW, columns.tracked)} AND {alike(f'{VERSION}.more', LAST, u)}"
    )
    told = f"if({GONE}, __told.gone, NOT __told.gone AND {alike('__told.more', MORE, u)})"
    needless = f"__begins AND {alike(MORE, LAST, u)}"
    return steps.withColumns(
        {
            REMOVED: F.expr(f"{THERE} AND NOT __begins"),
            CHANGED: F.expr(f"if(__begins, NOT ({as_stored}), {THERE})"),
            UNTOLD: F.expr(f"NOT if(__told.at <=> {AT}, {told}, {needless})"),
            OUTCOME: F.expr(_outcome(columns)),
        }
    )


def _counting(line: DataFrame, columns: Columns, order: str, so_far: str) -> DataFrame:
    """The event that counts at each sequence, beside the version, tombstone and event that were known of it before."""
    from pyspark.sql import functions as F

    inside = f"({VERSION}.until IS NULL OR {AT} < {VERSION}.until)"
    same = f"{RANK} = {TOMBSTONE} AND NOT {GONE}"
    known = line.withColumns(
        {
            VERSION: F.expr(f"last(if({RANK} = {STORED}, {VERSION}, NULL)) IGNORE NULLS OVER {so_far}"),
            "__told": F.expr(
                f"last(if({RANK} = {TOMBSTONE}, struct({AT} AS at, {GONE} AS gone, {MORE} AS more), NULL)) "
                f"IGNORE NULLS OVER {so_far}"
            ),
        }
    )
    # who changed the table by hand took the version away that such a row confirmed
    known = known.where(f"NOT ({same}) OR ({VERSION} IS NOT NULL AND {inside})")
    known = known.withColumn(ROW, F.expr(f"if({same}, {VERSION}.row, {ROW})"))
    known = _filled(known, columns, so_far)
    event = f"struct({AT} AS at, {GONE} AS gone, {ROW} AS row, {MORE} AS more)"
    return (
        known.withColumns(
            {
                "__was": F.expr(f"last(if({RANK} < {COMES}, {event}, NULL)) IGNORE NULLS OVER {so_far}"),
                "__after": F.expr(f"lead({AT}) OVER ({order})"),
            }
        )
        .where(f"NOT (__after <=> {AT})")
        .withColumn("__was", F.expr(f"if(__was.at <=> {AT}, __was, NULL)"))
    )


def _filled(line: DataFrame, columns: Columns, so_far: str) -> DataFrame:
    """The line with NULLs of rows that come filled from the row before; what is known stays what it was (S70)."""
    from pyspark.sql import functions as F

    for struct, fields in ((ROW, columns.tracked), (MORE, columns.untracked)):
        some = [name for name in fields if name in columns.filled]
        if not some:
            continue
        known = {name: f"{struct}.{quoted(name)}" for name in fields}
        told = {
            name: f"if({GONE} OR {RANK} < {COMES} OR {known[name]} IS NOT NULL, struct({known[name]} AS v), NULL)"
            for name in some
        }
        last = {name: F.expr(f"last({text}) IGNORE NULLS OVER {so_far}") for name, text in told.items()}
        line = line.withColumns({f"__fill{index}": last[name] for index, name in enumerate(some)})
        values = known | {name: f"__fill{index}.v" for index, name in enumerate(some)}
        filled = ", ".join(f"{literal(name)}, {value}" for name, value in values.items())
        comes = f"{RANK} = {COMES} AND NOT {GONE}"
        line = line.withColumn(struct, F.expr(f"if({comes}, named_struct({literal(IS)}, true, {filled}), {struct})"))
    return line


def _outcome(columns: Columns) -> str:
    """SQL: how a row that came is counted."""
    known = (
        f"__was.gone = {GONE} AND {alike('__was.row', ROW, columns.tracked)} "
        f"AND {alike('__was.more', MORE, columns.untracked)}"
    )
    nothing = f"if({GONE}, __before.row IS NULL, NOT __begins AND {alike('__before.more', MORE, columns.untracked)})"
    return f"""CASE WHEN {RANK} < {COMES} THEN NULL
        WHEN __was IS NOT NULL AND {known} THEN 'equal'
        WHEN {AT} < __newest THEN if(__was IS NULL AND {nothing}, 'equal', 'late')
        WHEN {GONE} THEN 'deleted'
        WHEN __was IS NOT NULL THEN 'updated'
        WHEN __begins THEN 'written'
        ELSE if({nothing}, 'equal', 'updated') END"""
