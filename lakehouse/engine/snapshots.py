"""`from_snapshot`: each value of an expression is one whole snapshot, and each is a commit of its own, in order (S72).

All but the last of several carry the offsets from before, with the value that was applied last: the next attempt reads
the same rows and passes over the snapshots up to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from lakehouse.engine import attempt as attempts
from lakehouse.engine import frames
from lakehouse.engine.attempt import Attempt
from lakehouse.errors import StepError
from lakehouse.lake import increment
from lakehouse.names import quoted
from lakehouse.planning.steps import Step
from lakehouse.quality.rows import DELETE
from lakehouse.write.merge.options import IS_CURRENT
from lakehouse.write.merge.sequence import HIDDEN
from lakehouse.write.merge.values import literal, told

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

APPLIED = "snapshot"
"""Name among the offsets of {value, text, open}: the snapshot applied last, and whether more were read with it."""
MOST_DELETES = 0.5
"""Share of the keys that one snapshot may delete, unless `max_deletes` says so."""


@dataclass(frozen=True)
class Snapshot:
    """The one to apply now."""

    value: Any
    """As `told` gives it; None where rows came that are of no snapshot."""
    text: str
    """The same for people."""
    sql: str
    """The value as a literal."""
    last: bool
    """No other one came with it."""


def is_snapshots(step: Step) -> bool:
    """Whether the step's rows are whole snapshots."""
    return step.spec.merge is not None and step.spec.merge.from_snapshot is not None


def load(attempt: Attempt) -> bool:
    """Apply the oldest snapshot that is not applied yet; False when another attempt took the sequence meanwhile.

    Raises StepError for one that is not newer than the one applied last, that has no row to store, or that lacks more
    of the stored keys than `max_deletes`; nothing is written then.
    """
    from pyspark.sql import functions as F

    run, step, work = attempt.run, attempt.step, attempt.work
    checks = frames.checks_of(run, step)
    frame = frames.shaped(frames.read(attempt.session, step, work.inputs, checks), step, checks)
    before: Mapping[str, Any] = {} if work.kind == "refresh" else work.place.offsets
    found = _next(step, frame, before.get(APPLIED, {}))
    mine = F.col(HIDDEN) == F.expr(found.sql)
    rows = frame.where(F.coalesce(mine, F.lit(found.last)))  # rows of no snapshot go with the last one
    applied = (
        {} if found.value is None else {APPLIED: {"value": found.value, "text": found.text, "open": not found.last}}
    )
    offsets = {**(work.offsets if found.last else before), **applied}
    if not found.last:
        checks.tally.leave()
    attempt = replace(attempt, work=replace(work, offsets=offsets))
    complete = partial(_with_deletes, attempt, found) if found.value is not None else None
    return attempts.carry_out(attempt, rows, checks, complete)


def _next(step: Step, frame: DataFrame, applied: Mapping[str, Any]) -> Snapshot:
    """The oldest snapshot among the rows that is newer than the one applied last."""
    from pyspark.sql import functions as F

    kind = frame.schema[HIDDEN].dataType
    known = applied.get("value")
    old = F.lit(False) if known is None else F.col(HIDDEN) <= F.expr(literal(known, kind))
    values = frame.where(F.col(HIDDEN).isNotNull()).select(HIDDEN, old.alias("__old")).distinct().orderBy(HIDDEN)
    found = values.select(told(F.col(HIDDEN), kind).alias("value"), F.col(HIDDEN).cast("string"), "__old").collect()
    if found and found[0]["__old"] and not applied.get("open"):
        raise StepError(
            f"{step.name}: the snapshot {found[0][1]} is not newer than {applied.get('text')}, which was applied",
            code="merge.from_snapshot",
            fix=f"take its rows out by `filter`; or make the table anew of all snapshots in their order:"
            f" `lakehouse run --full-refresh {step.name}`",
        )
    new = [row for row in found if not row["__old"]]
    if not new:
        return Snapshot(None, "", "NULL", last=True)
    return Snapshot(new[0]["value"], new[0][1], literal(new[0]["value"], kind), last=len(new) == 1)


def _with_deletes(attempt: Attempt, snapshot: Snapshot, judged: DataFrame, kept: DataFrame) -> tuple[DataFrame, int]:
    """The rows of a snapshot, and one that deletes for each stored key that it lacks; and how many of these.

    A row that a rule turned away stands for its key: what is stored of it stays (S56).
    """
    from pyspark.sql import functions as F

    log, step = attempt.before, attempt.step
    options = step.spec.merge
    assert options is not None, "only merges have snapshots"
    if log is None or not log.files().num_rows:
        return kept, 0
    there = increment.pinned(attempt.session, log.path, log.version)
    there = there.where(IS_CURRENT) if options.stored_as_scd_type == 2 else there
    stored = there.select(*(F.col(quoted(key)).alias(f"__k{i}") for i, key in enumerate(options.keys)))
    came = judged.select(*(quoted(key) for key in options.keys)).distinct().withColumn("__came", F.lit(True))
    pairs = (F.col(f"__k{i}").eqNullSafe(F.col(quoted(key))) for i, key in enumerate(options.keys))
    keys = stored.join(came, reduce(and_, pairs), "left")
    gone = F.col("__came").isNull()
    (counts,) = keys.agg(F.count(F.lit(1)).alias("all"), F.count_if(gone).alias("gone")).collect()
    _refuse(attempt, snapshot, counts["gone"], counts["all"], kept)
    if not counts["gone"]:
        return kept, 0
    kind = judged.schema[HIDDEN].dataType
    deletes = keys.where(gone).select(
        *(F.col(f"__k{i}").alias(key) for i, key in enumerate(options.keys)),
        F.expr(literal(snapshot.value, kind)).alias(HIDDEN),
        F.lit(True).alias(DELETE),
    )
    return kept.withColumn(DELETE, F.lit(False)).unionByName(deletes, allowMissingColumns=True), counts["gone"]


def _refuse(attempt: Attempt, snapshot: Snapshot, gone: int, stored: int, kept: DataFrame) -> None:
    """Raise StepError for a snapshot that would empty the table, or delete too much of it: files may be cut off."""
    step = attempt.step
    most = step.options.max_deletes if step.options.max_deletes is not None else MOST_DELETES
    if stored and gone == stored and kept.isEmpty():
        raise StepError(
            f"{step.name}: the snapshot {snapshot.text} has no row that can be stored, and {stored:,} keys are",
            code="merge.from_snapshot",
            fix="look at the quarantine and at the source; nothing was written",
        )
    if stored and gone / stored > most:
        raise StepError(
            f"{step.name}: the snapshot {snapshot.text} lacks {gone:,} of {stored:,} stored keys, more than"
            f" `max_deletes` ({most:.0%})",
            code="merge.max_deletes",
            fix="see whether the snapshot is whole; if it is, set `max_deletes` for this run; nothing was written",
        )
