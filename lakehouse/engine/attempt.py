"""One attempt at one commit: rows in, checks counted, companions, the signed commit, read back and confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from lakehouse import cleanse
from lakehouse.control import commits
from lakehouse.engine import companions, frames, judging
from lakehouse.engine.points import point
from lakehouse.engine.results import ExpectationResult, StepResult
from lakehouse.engine.run import Run, new_attempt
from lakehouse.errors import DataError
from lakehouse.lake import commit, table
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.planning.decide import Work
from lakehouse.planning.steps import Step
from lakehouse.quality import evaluate as counts
from lakehouse.quality import routing
from lakehouse.quality.checks import Checks
from lakehouse.quality.wholes import plain
from lakehouse.spec.leaves import WAYS
from lakehouse.state.place import Confirmation, read_back

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Attempt:
    """One try at the commit that `work` decided on, with a session and an id of its own."""

    run: Run
    step: Step
    log: Log
    work: Work
    session: SparkSession
    result: StepResult
    id: str = field(default_factory=new_attempt)

    @property
    def table_id(self) -> str:
        """The id of the table that is written."""
        return self.log.table_id or ""

    @property
    def signature(self) -> Signature:
        """What the data commit carries."""
        work = self.work
        definition = self.step.definition
        return Signature(
            self.table_id, self.run.id, self.id, "data", work.sequence, work.base, definition, work.offsets
        )


@dataclass(frozen=True)
class Committed:
    """An attempt's commit as it was read back: its version, and rows by the commit's own metrics."""

    version: int
    rows_written: int
    rows_updated: int | None = None


def load(run: Run, step: Step, log: Log, work: Work, session: SparkSession, result: StepResult) -> bool:
    """Read what the work names, and commit it; False when another attempt took the sequence meanwhile.

    Raises DataError, with nothing written, when a rule whose action is `fail` is broken.
    """
    attempt = Attempt(run, step, log, work, session, result)
    checks = frames.checks_of(run, step)
    frame = frames.shaped(frames.read(session, step, work.inputs, checks), step, checks)
    frame, checks, counted = judging.judged(run, step, log, session, frame, checks)
    refuse(attempt, frame, checks, counted)
    plan(attempt)
    reject(attempt, [_rejected(attempt, frame, checks)] if counted and counted.quarantined else [])
    if write_rows(attempt, routing.accepted(frame, checks, counted)) is None:
        return False
    result.add(rows_read=counted.rows if counted and step.incremental else _rows_there(attempt))
    note(attempt, counted)
    return True


def _rows_there(attempt: Attempt) -> int | None:
    """Rows of the inputs that are read whole, from their files' statistics; None where only new rows are read."""
    storage = attempt.run.plan.project.environment.storage
    rows = 0
    for item in attempt.work.inputs:
        log = Log.open(item.path, storage, item.version) if item.since is None else None
        if log is None:
            return None
        files = log.files()
        rows += (pc.sum(files["num_records"]).as_py() or 0) - (pc.sum(files["deleted"]).as_py() or 0)
    return rows


def refuse(attempt: Attempt, frame: DataFrame, checks: Checks, counted: counts.Evaluated | None) -> None:
    """Raise DataError when a rule must stop the step, with what the rules found in its result; nothing is written."""
    if counted is None or not counted.failing:
        return
    note(attempt, counted)
    attempt.result.samples = routing.samples(frame, checks, counted)
    raise DataError(
        f"{attempt.step.name}: {counted.message()}",
        code="expectation.failed",
        fix="nothing was written; the first rows are in the control table `expectations`: repair data or rule",
    )


def note(attempt: Attempt, counted: counts.Evaluated | None) -> None:
    """Add what the rules found to the result: once per commit, however many attempts it took."""
    if counted is None:
        return
    found = [
        ExpectationResult(
            r.name, r.action, r.judged, r.violations, r.success, r.column, r.mostly,
            observed=plain(r.verdict.observed) if r.verdict else None, about="many" if r.verdict else "rows",
        )
        for r in counted.results
    ]  # fmt: skip
    attempt.result.note_expectations(found)
    attempt.result.warnings += [r.told for r in counted.results if r.warns]
    attempt.result.add(rows_rejected=counted.quarantined, rows_dropped=counted.dropped)


def plan(attempt: Attempt) -> None:
    """Write down that this attempt is about to commit its sequence."""
    with point("planned", attempt.step.name):
        commits.plan(attempt.run.control, attempt.signature, table=str(attempt.step.name))


def reject(attempt: Attempt, frames_: Sequence[DataFrame]) -> None:
    """Append rejected rows to the quarantine table, before the data."""
    if not frames_:
        return
    rows = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames_)
    name = attempt.step.name.companion("_quarantine")
    path = attempt.run.plan.project.environment.table_path(name)
    attempt.run.note("writing rejected rows", attempt.step.name)
    with point("companions", attempt.step.name):
        companions.append(attempt.session, path, rows, attempt.signature, attempt.run.plan.project.environment.storage)
    attempt.result.add(commits=1)


def _rejected(attempt: Attempt, frame: DataFrame, checks: Checks) -> DataFrame:
    stage = cleanse.stage(attempt.step.spec.cleanse)
    work, run = attempt.work, attempt.run
    return routing.rejected(frame, checks, attempt.step.name, work.sequence, attempt.id, run.id, stage)


def write_rows(attempt: Attempt, frame: DataFrame, comments: Mapping[str, str] | None = None) -> Committed | None:
    """Commit the rows by the step's way to write, read the log back and confirm; None when another's commit is there.

    Raises OffsetError when the table was restored between the decision and the commit.
    """
    step, run = attempt.step, attempt.run
    target = judging.target_of(step, attempt.log, frame, comments, empty=_empty(attempt))
    run.note("writing", step.name)
    beside = replace(attempt.signature, kind="alter", sequence=attempt.log.sequence or 0)
    attempt.result.add(commits=table.enable(attempt.session, attempt.log, target.columns.values(), beside))
    with point("data", step.name), commit.signed(attempt.session, attempt.signature):
        WAYS[step.way].write(frame, target, step.options)
    return confirm(attempt)


def _empty(attempt: Attempt) -> bool:
    # only a table's first commit finds it empty: what lies in a large one need not be looked at
    return attempt.work.sequence == 1 and not attempt.log.files().num_rows


def confirm(attempt: Attempt) -> Committed | None:
    """Look whether the commit at the sequence is this attempt's, and write down that it is."""
    run, step, signature = attempt.run, attempt.step, attempt.signature
    log = run.open(step.name)
    assert log is not None, "a table that was just written is there"
    version = read_back(log, signature)
    if version is None:
        return None
    with point("confirmed", step.name):
        done = Confirmation(signature.sequence, signature.attempt, version, signature.offsets)
        commits.confirm(run.control, attempt.table_id, [done], table=str(step.name), run=run.id)
    found = committed(log, version)
    attempt.result.add(commits=1, rows_written=found.rows_written, rows_updated=found.rows_updated)
    attempt.result.committed(version, signature)
    return found


def committed(log: Log, version: int) -> Committed:
    """The rows of a commit, from its own metrics: nothing is counted twice."""
    metrics = log.commits[log.version - version].metrics

    def number(name: str) -> int:
        return int(str(metrics.get(name) or 0))

    if "numTargetRowsInserted" in metrics:
        changed = number("numTargetRowsUpdated") + number("numTargetRowsDeleted")
        return Committed(version, number("numTargetRowsInserted"), changed)
    return Committed(version, number("numOutputRows"))
