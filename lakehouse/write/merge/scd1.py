"""SCD 1: the table holds the newest row of every key."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from lakehouse.lake.observed import Observed
from lakehouse.names import quoted
from lakehouse.quality.after import matched
from lakehouse.quality.rows import DELETE, TRUNCATE, is_hidden
from lakehouse.quality.values import comparable, comparable_grown
from lakehouse.write.base import (
    KIND,
    Counts,
    Memory,
    Told,
    add,
    insert,
    inserted,
    kind_of,
    merge_into,
    metric,
    persisted_source,
    same_key,
    view,
)  # fmt: skip
from lakehouse.write.merge.bounds import Look, look, of_batch
from lakehouse.write.merge.fold import (
    KNOWN,
    THERE,
    WHOLE,
    beside_tombstones,
    newest,
    not_late,
    stored_sequences,
    upserts_and_deletes,
)
from lakehouse.write.merge.options import SEQUENCE, Merge, fills_null, tombstone_name
from lakehouse.write.merge.sequence import HIDDEN, with_sequence
from lakehouse.write.merge.values import literal, told

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.history import Commit
    from lakehouse.lake.target import Target


@dataclass(frozen=True)
class Floor:
    """The sequence that rows must have at least: that of the newest truncate, as SQL; None when there was none."""

    before: str | None = None
    """As it was before this batch."""
    now: str | None = None

    @property
    def rises(self) -> bool:
        """Whether this batch truncates."""
        return self.now != self.before


@dataclass(frozen=True)
class Batch:
    """What one merge is made of."""

    source: DataFrame
    """One row per key: its stored columns, `_sequence`, and `__delete` where rows delete."""
    floor: Floor = Floor()
    look: Look | None = None
    """None where nothing is stored that could be skipped."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows of the source: `deletes` that count; upserts that are `newer` than the stored row of their key, and those
    that have the `same` sequence; and all that are `late`."""
    lost: tuple[Observed, ...] = ()
    """Counts of late rows, which did not get into the source."""

    @property
    def forgets(self) -> bool:
        """Whether one of the rows deletes, so that it has to be remembered."""
        return self.floor.rises or bool(self.look is not None and self.look.more.get("deletes"))


def write(frame: DataFrame, target: Target, options: Merge, memory: Memory | None = None) -> Told:
    """Insert new keys, update those with a newer row, delete; older rows and equal ones write nothing.

    At the same sequence the row of this batch takes effect over the stored one, which came earlier (S64). Deletes and
    truncates are remembered before, also those whose key is not stored: an older row may come later.
    """
    frame = with_sequence(frame, options, {})
    forgets = bool({DELETE, TRUNCATE} & set(frame.columns)) or (memory is not None and memory.rows is not None)
    if target.empty and not forgets:
        return _commit(Batch(newest(frame, target, options)), target, options)
    with ExitStack() as kept:
        if not target.empty:  # what comes is read for its bounds, and once more for its newest rows
            frame = frame.persist()
            kept.callback(frame.unpersist)
        batch = _batch(frame, target, options, memory)
        if target.empty and not batch.forgets:
            return _commit(batch, target, options)
        source = batch.source.persist()
        kept.callback(source.unpersist)
        kept.enter_context(persisted_source(source.sparkSession))
        return _commit(_counted(batch, options, memory), target, options)


def _batch(frame: DataFrame, target: Target, options: Merge, memory: Memory | None) -> Batch:
    tombstones = None if memory is None else memory.rows
    before = _floor(tombstones)
    seen = look(frame, target, options, _asked(frame, before))
    kind = frame.schema[HIDDEN].dataType
    now = literal(seen.more["floor"], kind) if seen.more.get("rises") else before
    rows = upserts_and_deletes(frame, now)
    lost: list[Observed] = []
    within = seen.within()
    folds = any(fills_null(name, options) for name in target.columns)
    if folds and tombstones is not None:
        rows, gone = beside_tombstones(rows, tombstones, options, HIDDEN, within)
        lost.append(gone)
    if folds and not target.empty:
        rows, gone = not_late(rows, target, options, within)
        lost.append(gone)
    source = newest(rows, target, options)
    if not folds and tombstones is not None:
        source, gone = beside_tombstones(source, tombstones, options, SEQUENCE, within)
        lost.append(gone)
    if not target.empty:
        source = _beside_stored(source, frame, target, options, seen)
    return Batch(source, Floor(before, now), seen, lost=tuple(lost))


def _beside_stored(source: DataFrame, frame: DataFrame, target: Target, options: Merge, seen: Look) -> DataFrame:
    """The source with `__there`: a struct of the sequence of the stored row of its key, NULL where there is none.

    Reads keys and sequence of the stored rows. So the MERGE need not compare what is late, and seldom content: then it
    reads no other columns of rows that it replaces.
    """
    marks = [f"__m{index}" for index in range(len(options.keys))]
    known = stored_sequences(source.sparkSession, target, options, marks, seen.within())
    known = of_batch(known, marks, frame, options.keys, seen.rows)
    return source.join(known, matched(options.keys, marks), "left").drop(*marks)


def _asked(frame: DataFrame, floor: str | None) -> dict[str, Column]:
    """What must be known of the batch besides the bounds of its keys."""
    from pyspark.sql import functions as F

    kind = frame.schema[HIDDEN].dataType
    found: dict[str, Column] = {}
    truncates = F.col(TRUNCATE) if TRUNCATE in frame.columns else F.lit(False)
    if DELETE in frame.columns:
        found["deletes"] = F.count_if(F.col(DELETE) & ~truncates)
    if TRUNCATE in frame.columns:
        newest_of = F.max(F.when(truncates, F.col(HIDDEN)))
        found |= {"truncates": F.count_if(truncates), "floor": told(newest_of, kind)}
        found["rises"] = newest_of.isNotNull() if floor is None else newest_of > F.expr(floor)
        found["stands"] = F.lit(False) if floor is None else newest_of == F.expr(floor)
    if floor is not None:
        found["below"] = F.count_if(~truncates & (F.col(HIDDEN) < F.expr(floor)))
    return found


def _floor(tombstones: DataFrame | None) -> str | None:
    """The sequence of the newest truncate that is remembered."""
    from pyspark.sql import functions as F

    if tombstones is None:
        return None
    kind = tombstones.schema[SEQUENCE].dataType
    (row,) = tombstones.where(F.col(KIND) == "truncate").agg(told(F.max(SEQUENCE), kind)).collect()
    return None if row[0] is None else literal(row[0], kind)


def _counted(batch: Batch, options: Merge, memory: Memory | None) -> Batch:
    """The batch without late rows, its rows counted, its deletes and the floor being kept."""
    from pyspark.sql import functions as F

    source = batch.source
    deletes = F.col(DELETE) if DELETE in source.columns else F.lit(False)
    at = F.col(THERE)["at"] if THERE in source.columns else F.lit(None).cast(source.schema[SEQUENCE].dataType)
    late = F.coalesce(F.col(SEQUENCE) < at, F.lit(False))
    new = deletes & ~F.col(KNOWN) if KNOWN in source.columns else deletes
    asked = {
        "deletes": deletes & ~late,
        "newer": ~deletes & (F.col(SEQUENCE) > at),
        "same": ~deletes & (F.col(SEQUENCE) == at),
        "late": late,
        "new": new,
    }
    # all rows pass here first, so what is observed of them is complete
    (row,) = source.agg(*(F.count_if(condition).alias(name) for name, condition in asked.items())).collect()
    counts = row.asDict()
    _remember(batch, options, memory, source.where(new) if counts["new"] else None)
    left = source.where(~late) if counts["late"] else source
    return replace(batch, source=left.drop(THERE), counts=counts)


def _remember(batch: Batch, options: Merge, memory: Memory | None, deletes: DataFrame | None) -> None:
    """Keep these deletes, also those whose key is not stored, and the floor where it rises."""
    from pyspark.sql import functions as F

    parts, source = [], batch.source
    if deletes is not None:
        keys = [F.col(quoted(key)).alias(tombstone_name(key)) for key in options.keys]
        parts.append(deletes.select(*keys, SEQUENCE, F.lit("delete").alias(KIND)))
    if batch.floor.rises:
        no_key = [F.lit(None).cast(kind_of(source, key)).alias(tombstone_name(key)) for key in options.keys]
        floor = F.expr(batch.floor.now or "NULL").cast(source.schema[SEQUENCE].dataType).alias(SEQUENCE)
        parts.append(source.sparkSession.range(1).select(*no_key, floor, F.lit("truncate").alias(KIND)))
    if not parts or options.from_snapshot is not None:
        return
    if memory is None:
        raise ValueError("a merge that deletes needs a memory")
    memory.keep(parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1]))


def _commit(batch: Batch, target: Target, options: Merge) -> Told:
    from pyspark.sql import functions as F

    source = batch.source
    if target.empty:
        add(source.where(~F.col(DELETE)) if DELETE in source.columns else source, target)
        return partial(_counts, batch)
    columns = [name for name in source.columns if not is_hidden(name)]
    s, t = f"s.{SEQUENCE}", f"t.{SEQUENCE}"
    whole = f"(s.{WHOLE} OR {t} < {batch.floor.now})" if batch.floor.now else f"s.{WHOLE}"
    filled = {name for name in columns if fills_null(name, options) and name not in target.new_columns}
    values = {
        name: f"IF({whole}, s.{quoted(name)}, coalesce(s.{quoted(name)}, t.{quoted(name)}))"
        if name in filled
        else f"s.{quoted(name)}"
        for name in columns
    }
    equal = same([name for name in columns if name not in {*filled, SEQUENCE}], target, options)
    for name in filled:
        equal += f" AND ((NOT {whole} AND s.{quoted(name)} IS NULL) OR {same([name], target, options)})"
    on = " AND ".join(filter(None, [same_key(options.keys), batch.look.within() if batch.look else ""]))
    upserts = ""
    clauses = []
    if DELETE in source.columns:
        upserts = f"NOT s.{DELETE} AND "
        clauses.append(f"WHEN MATCHED AND s.{DELETE} AND {s} >= {t} THEN DELETE")
    newer = f"{s} > {t} OR ({s} = {t} AND NOT ({equal}))" if batch.counts["same"] else f"{s} >= {t}"
    assignments = ", ".join(f"{quoted(name)} = {value}" for name, value in values.items())
    clauses.append(f"WHEN MATCHED AND {upserts}({newer}) THEN UPDATE SET {assignments}")
    clauses.append(f"WHEN NOT MATCHED{' AND NOT s.' + DELETE if upserts else ''} THEN {insert(source)}")
    if batch.floor.rises:
        clauses.append(f"WHEN NOT MATCHED BY SOURCE AND {t} < {batch.floor.now} THEN DELETE")
    with view(source) as name:
        source.sparkSession.sql(f"{merge_into(target)} USING {name} AS s ON {on} {' '.join(clauses)}")
    return partial(_counts, batch)


def _counts(batch: Batch, commit: Commit, rows: int | None) -> Counts:
    """From what was counted before and the commit's metrics, which tell the rows with the same sequence apart."""
    written, updated = inserted(commit), metric(commit, "numTargetRowsUpdated")
    asked = dict(batch.look.more) if batch.look else {}
    rows = rows if rows is not None else batch.look.rows if batch.look else written
    late = sum(counts.get()["late"] for counts in batch.lost) + asked.get("below", 0) + batch.counts.get("late", 0)
    deleted = batch.counts.get("deletes", 0)
    equal = max(batch.counts.get("same", 0) - max(updated - batch.counts.get("newer", 0), 0), 0)
    if truncates := asked.get("truncates", 0):
        deleted += bool(asked["rises"])
        equal += bool(asked["stands"])
        late += 0 if asked["rises"] or asked["stands"] else truncates
    superseded = rows - written - updated - late - equal - deleted
    return Counts(written, updated, max(superseded, 0), late, equal, deleted)


def same(columns: list[str], target: Target, options: Merge) -> str:
    """SQL: source `s` and target `t` agree in these columns; one that the table lacks is NULL in all its rows."""
    keys = {key.casefold() for key in options.keys}
    new = set(target.new_columns)
    parts = []
    for name in columns:
        text = target.columns[name]
        if name in new:
            parts.append(f"s.{quoted(name)} IS NULL")
        elif name in target.grown_columns:
            sides = (comparable_grown(f"{side}.{quoted(name)}") for side in "ts")
            parts.append(" <=> ".join(sides))
        elif name.casefold() not in keys:
            parts.append(f"{comparable(f't.{quoted(name)}', text)} <=> {comparable(f's.{quoted(name)}', text)}")
    return " AND ".join(parts) or "true"
