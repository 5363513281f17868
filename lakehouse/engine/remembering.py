"""Tombstones: what a table forgets and late rows need to know, read and kept beside its commits (S67)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakehouse.engine import companions
from lakehouse.engine.points import point
from lakehouse.errors import StepError
from lakehouse.lake import commit, increment
from lakehouse.quality.rows import DELETE
from lakehouse.spec.leaves import WAYS
from lakehouse.state.place import Commits
from lakehouse.write.base import Memory
from lakehouse.write.merge.options import SEQUENCE, tombstone_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.engine.attempt import Attempt
    from lakehouse.engine.run import Run
    from lakehouse.lake.log import Log
    from lakehouse.names import TableName
    from lakehouse.planning.steps import Step


def remembers(run: Run, step: Step, frame: DataFrame) -> bool:
    """Whether a write of these rows needs a memory: by its options, as rows delete, or as there is one.

    What was remembered counts also when the definition forgets nothing any more. Snapshots come in their order, and
    each says all that there is.
    """
    way: Any = WAYS[step.way]
    if not hasattr(way, "remembers") or step.options.from_snapshot is not None:
        return False
    return bool(way.remembers(step.options) or DELETE in frame.columns) or run.open(_name(step)) is not None


def _name(step: Step) -> TableName:
    return step.name.companion("_tombstones")


def known(run: Run, step: Step, log: Log | None, session: SparkSession) -> DataFrame | None:
    """The tombstones that exist, as the table was when the step was decided; None when there are none."""
    found = run.open(_name(step))
    if log is None or found is None or not found.files().num_rows:
        return None
    committed = Commits.read(run.control, log.table_id or "").committed(log)
    return companions.existing(increment.pinned(session, found.path, found.version), committed)


def refuse_others(attempt: Attempt, columns: Mapping[str, str]) -> None:
    """Raise StepError where a full refresh finds tombstones that have other keys, or another type of sequence.

    `columns` are those of the table to come, with their types.
    """
    run, step = attempt.run, attempt.step
    merge = step.spec.merge
    found = run.open(_name(step)) if merge is not None else None
    if merge is None or found is None:
        return
    there = {name.casefold(): text for name, text in found.columns.items()}
    now = {name.casefold(): text for name, text in columns.items()}
    names = {tombstone_name(key).casefold(): key for key in merge.keys} | {SEQUENCE: SEQUENCE}
    if any(there.get(name) != now.get(key.casefold()) for name, key in names.items()):
        raise StepError(
            f"{step.name}: its tombstones have other keys, or another type of sequence, than its definition now",
            code="table.tombstones",
            fix=f"move {found.path} elsewhere first: after the full refresh none of it counts; a RESTORE to a version"
            " before it needs it back",
        )


def memory(attempt: Attempt) -> Memory:
    """What the table remembers, and the way to make it remember more: before the commit that this attempt is to make.

    Rows that are kept exist if and only if that commit is made.
    """

    def keep(rows: DataFrame) -> None:
        from pyspark.sql import functions as F

        run, name, signature = attempt.run, attempt.step.name, attempt.signature
        environment = run.plan.project.environment
        kept = rows.select(
            "*",
            F.lit(signature.sequence).cast("bigint").alias("_batch"),
            F.lit(signature.attempt).alias("_attempt"),
            F.lit(run.id).alias("_run_id"),
        )
        path = environment.table_path(_name(attempt.step))
        with commit.aside(attempt.session), point("companions", name):
            companions.append(attempt.session, path, kept, signature, environment.storage)
        attempt.result.add(commits=1)

    return Memory(known(attempt.run, attempt.step, attempt.before, attempt.session), keep)
