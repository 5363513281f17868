"""A step, from deciding to done: settle, create, alter, load batch after batch, then maintenance."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.engine import attempt, bronze, cleaning, companions, draining, frames, maintain
from lakehouse.engine.blame import blamed
from lakehouse.engine.loop import Deadline
from lakehouse.engine.points import point
from lakehouse.engine.results import Status, StepResult
from lakehouse.engine.run import Run
from lakehouse.errors import OffsetError, StepError, without_secrets
from lakehouse.lake import table
from lakehouse.lake.signature import Signature
from lakehouse.planning.decide import Alter, Create, Idle, Settle, Work, decide
from lakehouse.planning.definition import definition
from lakehouse.planning.known import BRONZE
from lakehouse.planning.steps import Step
from lakehouse.quality.rows import types_of
from lakehouse.state.discovery import Discovery
from lakehouse.state.known import Again
from lakehouse.state.observe import State, observe
from lakehouse.state.place import place

LOST_RACES = 20
"""How often a step may find that another run was faster before it gives up."""


def perform(run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    """Do what the step has to do; its outcome goes into `result`.

    Raises StepError or TransientError, whatever Spark, Delta or the user's own code raised.
    """
    deadline.on_expiry = lambda: run.cancel(step)
    filled = step
    try:
        filled = run.with_values(step)
        _perform(run, filled, deadline, result)
    except Exception as error:
        raised, found = error, blamed(error, filled)
    else:
        return
    if found is raised:
        raise without_secrets(found)
    raise found from without_secrets(raised)


def _perform(run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    def stopped() -> bool:
        return deadline.expired or run.stopping.is_set()

    found = Discovery(run.plan.project.environment, step.spec)
    state, loaded = _until_idle(run, step, found, result, stopped)
    draining.after(run, step, state, found, result)
    if loaded:
        maintain.after(run, step, result)
    cleaning.after(run, step, state, result, stopped)


def _until_idle(
    run: Run, step: Step, found: Discovery, result: StepResult, stopped: Callable[[], bool]
) -> tuple[State, bool]:
    """Do what is to be done until nothing is left: what was seen last, and whether rows were committed."""
    environment, inputs = run.plan.project.environment, run.inputs(step)
    again, lost, did, loaded = _again(run, step), 0, False, False
    while True:
        if stopped():
            # cancelling ends a job of Spark's; between two jobs there is none
            raise StepError(f"{step.name} was stopped between two commits; the next run goes on from there")
        state = observe(
            environment, run.control, step.name, step.spec,
            inputs=inputs, run=run.id, again=again,
        )  # fmt: skip
        state = found.into(state)
        result.table_id = state.log.table_id if state.log else None
        decision = decide(step, state)
        if isinstance(decision, Idle):
            if not did:
                result.status, result.reason = Status.IDLE, decision.reason
                result.version = state.log.version if state.log else None
            break
        if isinstance(decision, Create):
            _create(run, step, state, decision)
        elif isinstance(decision, Settle):
            _settle(run, step, state, decision, result)
        elif isinstance(decision, Alter):
            _alter(run, step, state, result)
            did = True
        elif loaded and not step.is_bronze:
            break  # its inputs are pinned and read: only a query over the clock has something to do again and again
        elif not _load(run, step, state, decision, result):
            lost = _lost(step, lost)
        else:
            if not loaded:
                result.reason = "; ".join(filter(None, [result.reason, decision.reason]))
            did, loaded, again = True, True, again.once(decision.sequence)
    if did:
        result.status = Status.COMPLETED
    return state, loaded


def _again(run: Run, step: Step) -> Again:
    """What the run takes again of this table: all files only of one that is loaded by `copy_into`."""
    return replace(run.again, loaded=run.again.loaded and step.spec.copy_into is not None)


def _lost(step: Step, lost: int) -> int:
    """One more race lost; raises OffsetError when it was one too many."""
    if lost == LOST_RACES:
        raise OffsetError(
            f"{step.name}: other runs committed first {LOST_RACES} times; nothing was written",
            code="offset.overtaken",
            fix="run again when they have ended",
        )
    return lost + 1


def _load(run: Run, step: Step, state: State, work: Work, result: StepResult) -> bool:
    session = run.session(step)
    if step.is_bronze:
        return bronze.load(run, step, state, work, session, result)
    assert state.log is not None, "the table is made before anything is decided for it"
    return attempt.load(run, step, state.log, work, session, result)


def _create(run: Run, step: Step, state: State, decision: Create) -> None:
    """Make the table with its columns; of a table without a schema they are those of its rows, which are not read."""
    session = run.session(step)
    path = run.plan.project.environment.table_path(step.name)
    table_id = uuid.uuid4().hex
    if step.is_bronze:
        loader = step.spec.auto_loader
        rescued = loader.rescued_data_column if loader else "_rescued_data"
        types = {rescued if name == "_rescued_data" else name: text for name, text in BRONZE.items()}
        if loader is not None and not loader.include_existing_files:
            # before the table is there: a crash in between makes a new id, and the count begins anew (S26)
            Ledger.open(run.control, table_id, table=str(step.name), run=run.id).skipped(state.files)
    else:
        assert isinstance(decision.then, Work), "a table that reads is made when there is something to read"
        checks = frames.checks_of(run, step)
        types = types_of(frames.shaped(frames.read(session, step, decision.then.inputs, checks), step, checks))
    signature = Signature(table_id, run.id, uuid.uuid4().hex, "create", 0, -1, step.definition, {})
    with point("create", step.name):
        table.create(session, path, table_id, definition(step, types), signature)


def _alter(run: Run, step: Step, state: State, result: StepResult) -> None:
    log = state.log
    assert log is not None, "only a table that is there is altered"
    done = table.alter(run.session(step), log, definition(step, log.columns), _beside(run, step, state, "alter"))
    result.reason = "altered: " + "; ".join(done)
    result.add(commits=len(done))


def _settle(run: Run, step: Step, state: State, settle: Settle, result: StepResult) -> None:
    """Finish what an earlier run left open, in the order in which the next step of the protocol needs it."""
    log, ledger = state.log, state.ledger
    assert log is not None, "only a table that is there has something to settle"
    table_id, name = log.table_id or "", str(step.name)
    if settle.confirm or settle.restores:
        with point("confirmed", step.name):
            commits.confirm(run.control, table_id, settle.confirm, restores=settle.restores, table=name, run=run.id)
    if ledger is not None:
        for late in settle.results:
            rows = attempt.committed(log, late.version).rows_written
            with point("result", step.name):
                ledger.result(late.batch, late.attempt, late.version, rows=rows)
        if settle.void:
            ledger.void(settle.void)
            result.warnings += [str(file) for file in settle.unlisted]
        if settle.changed:
            ledger.changed(settle.changed)
            result.warnings += [
                f"{f.path} was loaded and has changed since; it is not read again" for f in settle.changed
            ]
    if settle.clean:
        _clean(run, step, state, settle)


def _clean(run: Run, step: Step, state: State, settle: Settle) -> None:
    log = state.log
    assert log is not None, "only a table that is there has companions"
    attempts = state.commits.dead_attempts(log)
    path = run.plan.project.environment.table_path(step.name.companion("_quarantine"))
    if attempts and run.open(step.name.companion("_quarantine")) is not None:
        signature = _beside(run, step, state, "alter")
        companions.remove(run.session(step), path, attempts, signature, run.plan.project.environment.storage)
    commits.clean(run.control, log.table_id or "", settle.clean, table=str(step.name), run=run.id)


def _beside(run: Run, step: Step, state: State, kind: str) -> Signature:
    """What a commit without rows carries: the last committed sequence, its attempt and its offsets."""
    log = state.log
    assert log is not None, "only a table that is there has a place"
    where = place(log, state.commits)
    return Signature(
        log.table_id or "", run.id, where.attempt, kind, where.sequence, log.version, where.definition, where.offsets
    )
