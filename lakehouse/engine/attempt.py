"""One attempt at one commit: rows in, checks counted, companions, the signed commit, read back and confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

from lakehouse import cleanse
from lakehouse.control import commits
from lakehouse.engine import companions, frames, judging, remembering
from lakehouse.engine.points import point
from lakehouse.engine.results import ExpectationResult, StepResult
from lakehouse.engine.run import Run, new_attempt
from lakehouse.errors import DataError, StepError
from lakehouse.lake import commit, table, types
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.lake.target import Target
from lakehouse.planning.alterations import same_names
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Work
from lakehouse.quality import evaluate as counts
from lakehouse.quality import routing
from lakehouse.quality.checks import Checks
from lakehouse.quality.wholes import plain
from lakehouse.spec.leaves import WAYS
from lakehouse.state.place import Confirmation, read_back
from lakehouse.write.base import Counts, Told

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
    def before(self) -> Log | None:
        """The table as it is, as far as the commit builds on it: a full refresh does not."""
        return None if self.work.kind == "refresh" else self.log

    @property
    def signature(self) -> Signature:
        """What the data commit carries."""
        work = self.work
        # rows that stay as they are were made by the definition that made them
        definition = work.place.definition if work.kind == "rewrite" else self.step.definition
        return Signature(
            self.table_id, self.run.id, self.id, work.kind, work.sequence, work.base, definition, work.offsets
        )


@dataclass(frozen=True)
class Committed:
    """An attempt's commit as it was read back: its version, and rows by the commit's own metrics."""

    version: int
    counts: Counts

    @property
    def rows_written(self) -> int:
        """Rows that the table got."""
        return self.counts.written


Complete = Callable[["DataFrame", "DataFrame"], tuple["DataFrame", int]]
"""All rows with their findings, those of them to store -> what is stored instead, and how many rows that adds."""


def load(run: Run, step: Step, log: Log, work: Work, session: SparkSession, result: StepResult) -> bool:
    """Read what the work names, and commit it; False when another attempt took the sequence meanwhile.

    Raises DataError, with nothing written, when a rule whose action is `fail` is broken.
    """
    attempt = Attempt(run, step, log, work, session, result)
    checks = frames.checks_of(run, step)
    return carry_out(attempt, frames.shaped(frames.read(session, step, work.inputs, checks), step, checks), checks)


def carry_out(attempt: Attempt, frame: DataFrame, checks: Checks, complete: Complete | None = None) -> bool:
    """Judge and commit the rows, as `load` says; `complete` adds rows that follow from those that came."""
    run, step, result = attempt.run, attempt.step, attempt.result
    frame, checks, counted = judging.judged(run, step, attempt.before, attempt.session, frame, checks)
    refuse(attempt, frame, checks, counted)
    rows, added = counted.accepted if counted else None, 0
    kept = routing.accepted(frame, checks, counted)
    if complete is not None:
        kept, added = complete(frame, kept)
        rows = None if rows is None else rows + added
    plan(attempt)
    reject(attempt, [_rejected(attempt, frame, checks)] if counted and counted.quarantined else [])
    done = write_rows(attempt, kept, None, rows)
    if done is None:
        return False
    note(attempt, counted)
    result.not_stored = checks.not_stored
    there = 0 if step.incremental else _rows_there(attempt)
    came = done.counts.total - added if counted is None else counted.rows
    read = checks.tally.rows_read() if step.incremental else there
    beaten = checks.tally.rows_beaten()
    result.add(rows_read=came + beaten if read is None else read, rows_filtered=checks.tally.rows_gone(there))
    result.add(rows_superseded=beaten or None)
    return True


def _rows_there(attempt: Attempt) -> int:
    """Rows of the inputs that are read whole, from their files' statistics."""
    storage = attempt.run.plan.project.environment.storage
    logs = (
        Log.open(item.path, storage, item.version) for item in attempt.work.inputs if not (item.lookup or item.nothing)
    )
    return sum(judging.rows_of(log, attempt.session) for log in logs)


def refuse(attempt: Attempt, frame: DataFrame, checks: Checks, counted: counts.Evaluated | None) -> None:
    """Raise DataError when a rule must stop the step, with what the rules found in its result; nothing is written."""
    if counted is None or not counted.failing:
        return
    note(attempt, counted)
    samples = attempt.result.samples = routing.samples(frame, checks, counted)
    raise DataError(
        f"{attempt.step.name}: {counted.message(samples)}",
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


def write_rows(
    attempt: Attempt, frame: DataFrame, comments: Mapping[str, str] | None = None, rows: int | None = None
) -> Committed | None:
    """Commit the rows by the step's way to write, read the log back and confirm; None when another's commit is there.

    `rows` is their number, where it is known. Raises OffsetError when the table was restored between the decision and
    the commit.
    """
    step, run = attempt.step, attempt.run
    target = judging.target_of(step, attempt.log, frame, comments, empty=_empty(attempt))
    if attempt.before is None:
        target = _anew(step, attempt.log, target)
        remembering.refuse_others(attempt, target.columns)
    run.note("writing", step.name)
    beside = replace(attempt.signature, kind="alter", sequence=attempt.log.sequence or 0)
    widen = judging.follows(step) and any(types.widens(*change) for change in target.grown)
    attempt.result.add(commits=table.enable(attempt.session, attempt.log, target.columns.values(), beside, widen=widen))
    beside_it = (remembering.memory(attempt),) if remembering.remembers(run, step, frame) else ()
    with point("data", step.name), commit.signed(attempt.session, attempt.signature):
        told: Told = WAYS[step.way].write(frame, target, frames.options_of(run, step), *beside_it)
    return confirm(attempt, told, rows)


def _empty(attempt: Attempt) -> bool:
    # only a table's first commit finds it empty: what lies in a large one need not be looked at
    return attempt.before is None or (attempt.work.sequence == 1 and not attempt.log.files().num_rows)


def _anew(step: Step, log: Log, target: Target) -> Target:
    """The table as a full refresh leaves it: with the columns and the layout that its definition has now."""
    wanted = tuple(step.spec.partitioned_by or ())
    now, then = ({name.casefold(): text for name, text in columns.items()} for columns in (log.columns, target.columns))
    other = now != then or not same_names(wanted, log.partitioned_by)
    if log.given and other:
        raise StepError(
            f"{step.name}: other columns, or another layout, would make plain columns of {', '.join(log.given)}, whose"
            " values Delta gives",
            code="table.given",
            fix="take that change back, or give the table another name",
        )
    return replace(target, replaces=True, replace_schema=other, partitioned_by=wanted)


def confirm(attempt: Attempt, told: Told, rows: int | None = None) -> Committed | None:
    """Look whether the commit at the sequence is this attempt's, and write down that it is, and what it counted."""
    run, step, signature = attempt.run, attempt.step, attempt.signature
    log = run.open(step.name)
    assert log is not None, "a table that was just written is there"
    version = read_back(log, signature)
    if version is None:
        return None
    with point("confirmed", step.name):
        done = Confirmation(signature.sequence, signature.attempt, version, signature.offsets)
        commits.confirm(run.control, attempt.table_id, [done], table=str(step.name), run=run.id)
    counts = told(log.commits[log.version - version], rows)
    attempt.result.add(commits=1, **{f"rows_{name}": count for name, count in asdict(counts).items()})
    attempt.result.committed(version, signature)
    return Committed(version, counts)
