"""One batch of files into a Bronze table: planned in the ledger, read, bad records beside it, one signed commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakehouse.control.store import PlanConflict
from lakehouse.engine import attempt as attempts
from lakehouse.engine import frames, judging
from lakehouse.engine.attempt import Attempt
from lakehouse.engine.points import point
from lakehouse.engine.results import StepResult
from lakehouse.engine.run import Run
from lakehouse.errors import LakehouseError
from lakehouse.ingest.batch import BatchRequest, Ingested
from lakehouse.lake.log import Log
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Batch, Work
from lakehouse.quality import evaluate as counts
from lakehouse.quality import routing
from lakehouse.quality.checks import Checks
from lakehouse.quality.records import records
from lakehouse.quality.rows import keep_input
from lakehouse.sources.base import FileSource
from lakehouse.state.observe import State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BIG = 32 << 20
"""Bytes from which on a batch is read once, as long as the one before had no bad record."""


def load(run: Run, step: Step, state: State, work: Work, session: SparkSession, result: StepResult) -> bool:
    """Plan and load the first batch of the work; False when it has to be decided again."""
    log, ledger, batch = state.log, state.ledger, work.batches[0]
    assert log is not None, "the table is made before anything is planned for it"
    assert ledger is not None, "a Bronze step is observed with its ledger"
    ingested_at = batch.ingested_at
    if not batch.again:
        ingested_at = datetime.now(UTC)
        try:
            with point("ledger", step.name):
                ledger.plan(batch.number, "", batch.files, ingested_at=ingested_at)
        except PlanConflict:
            return False  # another run planned meanwhile: what is left is decided anew
    assert ingested_at is not None, "a planned batch has its time in the ledger"
    from lakehouse.ingest import read  # imports pyspark, which a run without new files must not

    unreadable: dict[str, str] = {}
    look = False
    while True:
        attempt = Attempt(run, step, log, work, session, result)
        trusts = _trusts(state, batch)
        request = request_of(run, step, batch, log.columns, ingested_at, unreadable, look, trusts)
        try:
            return _commit(attempt, state, batch, request, unreadable)
        except LakehouseError:
            raise
        except Exception as error:  # only what files are to blame for is handled, all else goes up
            if not look and read.surprised(error):
                look = True
                continue
            found = read.blamed(session, request, error)
            if not found:
                raise
            read.refuse(found, request)
            unreadable |= found


def _trusts(state: State, batch: Batch) -> bool:
    """Whether a failed try now and then costs less than to read every batch twice."""
    return sum(file.size for file in batch.files) >= BIG and state.standing is not None and state.standing.clean


def request_of(
    run: Run,
    step: Step,
    batch: Batch,
    known: Mapping[str, str],
    ingested_at: datetime,
    unreadable: Mapping[str, str],
    look: bool = False,
    trusts: bool = False,
) -> BatchRequest:
    """What is asked of the batch's files, without those that Spark could not read; `known` are the stored columns."""
    spec = step.spec
    source: object = spec.source
    assert isinstance(source, FileSource), "only files are planned in the ledger"
    return BatchRequest(
        files=[f for f in batch.files if f.path not in unreadable],
        batch=batch.number,
        ingested_at=ingested_at,
        known=known,
        source=source,
        auto_loader=spec.auto_loader,
        copy_into=spec.copy_into,
        schema=spec.schema_,
        on_bad_record=spec.on_bad_record,
        on_bad_file=spec.on_bad_file,
        column_names=spec.column_names,
        storage=run.plan.project.environment.storage,
        look=look,
        trusts=trusts,
    )


def _commit(attempt: Attempt, state: State, batch: Batch, request: BatchRequest, unreadable: dict[str, str]) -> bool:
    run, step, result, ledger = attempt.run, attempt.step, attempt.result, state.ledger
    assert ledger is not None, "a Bronze step is observed with its ledger"
    from lakehouse.ingest.read import read_batch

    run.note(f"reading {len(request.files):,} files", step.name)
    ingested = read_batch(attempt.session, request)
    failed = {**unreadable, **ingested.failed}
    frame, checks, counted = judged(run, step, ingested, attempt.log, attempt.session)
    attempts.refuse(attempt, frame, checks, counted)
    attempts.plan(attempt)
    if failed:
        by_path = {f.path: f for f in batch.files}
        with point("failed", step.name):
            ledger.failed(batch.number, attempt.id, {by_path[path]: why for path, why in failed.items()})
    rejected = [_bad(attempt, ingested.bad)] if ingested.bad is not None else []
    if counted is not None and counted.quarantined:
        rejected.append(routing.rejected(frame, checks, step.name, batch.number, attempt.id, run.id, "input"))
    attempts.reject(attempt, rejected)
    accepted = routing.accepted(frame, checks, counted)
    rows = counted.accepted if counted else None
    done = attempts.write_rows(attempt, accepted, ingested.comments, rows)
    if done is None:
        return False
    attempts.note(attempt, counted)
    quarantined = ingested.rejected + (counted.quarantined if counted else 0)
    rescued = ingested.rescued_rows()
    with point("result", step.name):
        ledger.result(
            batch.number, attempt.id, done.version,
            rows=done.rows_written, rejected=quarantined, rescued=rescued,
        )  # fmt: skip
    result.warnings += ingested.warnings
    result.warnings += [f"{path} could not be read and is left out: {why}" for path, why in failed.items()]
    result.add(files_read=len(batch.files) - len(failed), rows_rescued=rescued)
    dropped = counted.dropped if counted else 0
    result.add(rows_rejected=ingested.rejected, rows_read=done.counts.total + quarantined + dropped, rows_filtered=0)
    return True


def judged(
    run: Run, step: Step, ingested: Ingested, log: Log | None, session: SparkSession
) -> tuple[DataFrame, Checks, counts.Evaluated | None]:
    """The rows with a hidden column for each rule, the rules, and what they found; None without rules."""
    checks = frames.checks_of(run, step)
    frame = ingested.frame
    if step.spec.expectations:
        frame = frames.shaped(keep_input(frame), step, checks)
    return judging.judged(run, step, log, session, frame, checks)


def _bad(attempt: Attempt, rows: DataFrame) -> DataFrame:
    """Records that could not be read, with the columns that every quarantine has (S54)."""
    run = attempt.run
    return records(rows, attempt.step.name, attempt.work.sequence, attempt.id, run.id, run.started_at)
