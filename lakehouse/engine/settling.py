"""What comes before the rows: the table is made and altered, and what an earlier run left open is finished."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.engine import companions, frames, marks
from lakehouse.engine.points import point
from lakehouse.engine.results import StepResult
from lakehouse.engine.run import Run
from lakehouse.errors import StepError
from lakehouse.lake import table
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.names import COMPANIONS
from lakehouse.planning.alterations import refuse_broken
from lakehouse.planning.definition import altered, definition
from lakehouse.planning.known import BRONZE
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Alter, Create, Settle, Work
from lakehouse.quality.rows import types_of
from lakehouse.state.observe import State
from lakehouse.state.place import without_rows
from lakehouse.write.base import inserted


def create(run: Run, step: Step, state: State, decision: Create) -> None:
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
    made = replace(definition(step, types), project=commits.project(run.control))
    with point("create", step.name):
        table.create(session, path, table_id, made, signature)


def alter(
    run: Run, step: Step, state: State, decision: Alter, before: tuple[str, ...], result: StepResult
) -> tuple[str, ...]:
    """Alter the table; returns what, so that nothing is tried again that was done `before` and is still to be done."""
    if decision.what == before:
        raise StepError(f"{step.name} does not take what was altered: {decision.reason}", code="table.unaltered")
    log = state.log
    assert log is not None, "only a table that is there is altered"
    session, wanted = run.session(step), altered(step, log, commits.project(run.control))
    refuse_broken(step, table.broken(session, log, wanted), wanted)
    done = table.alter(session, log, wanted, beside(run, step, state))
    result.reason = "altered: " + "; ".join(done)
    result.add(commits=len(done))
    return decision.what


def settle(run: Run, step: Step, state: State, found: Settle, result: StepResult) -> None:
    """Finish what an earlier run left open, in the order in which the next step of the protocol needs it."""
    log, ledger = state.log, state.ledger
    assert log is not None, "only a table that is there has something to settle"
    table_id, name = log.table_id or "", str(step.name)
    if found.confirm or found.restores:
        with point("confirmed", step.name):
            commits.confirm(run.control, table_id, found.confirm, restores=found.restores, table=name, run=run.id)
    if ledger is not None:
        for late in found.results:
            rows = inserted(log.commits[log.version - late.version])
            with point("result", step.name):
                ledger.result(late.batch, late.attempt, late.version, rows=rows)
        if found.void:
            ledger.void(found.void)
            result.warnings += [str(file) for file in found.unlisted]
        if found.changed:
            ledger.changed(found.changed)
            result.warnings += [
                f"{f.path} was loaded and has changed since; it is not read again" for f in found.changed
            ]
    if found.replayed:
        _finish(run, step, state, found)
    if found.clean:
        _clean(run, step, state, found)


def _clean(run: Run, step: Step, state: State, found: Settle) -> None:
    log = state.log
    assert log is not None, "only a table that is there has companions"
    attempts = state.commits.dead_attempts(log)
    for suffix in COMPANIONS if attempts else ():
        path, storage = _companion(run, step, suffix)
        if Log.open(path, storage) is None:
            continue
        signature, session = beside(run, step, state), run.session(step)
        companions.remove(session, path, attempts, signature, storage)
        marked = {attempt for _, attempt in state.commits.replays}.intersection(attempts)
        if marked and suffix == "_quarantine":
            marks.clear(session, path, marked, signature, storage)
    commits.clean(run.control, log.table_id or "", found.clean, table=str(step.name), run=run.id)


def _finish(run: Run, step: Step, state: State, found: Settle) -> None:
    log = state.log
    assert log is not None, "only a table that is there has companions"
    path, storage = _companion(run, step, "_quarantine")
    if Log.open(path, storage) is not None:
        done = [attempt for _, attempt in found.replayed]
        with point("replayed", step.name):
            marks.finish(run.session(step), path, done, run.started_at, beside(run, step, state), storage)
    commits.replayed(run.control, log.table_id or "", found.replayed, table=str(step.name), run=run.id)


def _companion(run: Run, step: Step, suffix: str) -> tuple[str, Mapping[str, str]]:
    environment = run.plan.project.environment
    return environment.table_path(step.name.companion(suffix)), environment.storage


def beside(run: Run, step: Step, state: State) -> Signature:
    """What a commit without rows carries: the last committed sequence, its attempt and its offsets."""
    log = state.log
    assert log is not None, "only a table that is there has a place"
    return without_rows(log, state.commits, run.id)
