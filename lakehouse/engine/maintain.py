"""Maintenance after a step's data commit, never beside it, decided from the statistics of the table's files."""

from __future__ import annotations

from datetime import UTC, datetime

from lakehouse import maintenance
from lakehouse.engine.points import point
from lakehouse.engine.results import MaintenanceResult, StepResult
from lakehouse.engine.run import Run
from lakehouse.lake import commit
from lakehouse.lake.errors import is_conflict
from lakehouse.lake.signature import Signature
from lakehouse.maintenance import Decision
from lakehouse.planning import upkeep
from lakehouse.planning.steps import Step


def after(run: Run, step: Step, result: StepResult) -> None:
    """Do what is due, and write down what was seen and why; gives way to other writers of the table."""
    log = run.open(step.name)
    assert log is not None, "maintenance comes after a commit"
    decided = upkeep.decisions(run.plan, run.control, step, log, datetime.now(UTC), run.open)
    with point("maintenance", step.name):
        for decision in decided:
            result.maintenance.append(_done(run, step, decision, log.path, result))


def _done(run: Run, step: Step, decision: Decision, path: str, result: StepResult) -> MaintenanceResult:
    if not decision.due:
        return MaintenanceResult(decision.operation, due=False, reason=decision.reason)
    run.note(f"{decision.operation}: {decision.reason}", step.name)
    before = run.open(step.name)
    assert before is not None, "maintenance comes after a commit"
    session = run.session(step)
    signature = Signature(
        before.table_id or "", run.id, result.attempt, decision.operation, result.sequence or 0, before.version,
        step.definition, result.offsets,
    )  # fmt: skip
    try:
        with commit.annotated(session, signature):
            maintenance.run(session, path, step.spec.maintenance, decision)
    except Exception as error:
        if not is_conflict(error):
            raise
        return MaintenanceResult(decision.operation, due=False, reason=f"gave way to another writer; {decision.reason}")
    log = run.open(step.name)
    assert log is not None, "a table that was just maintained is there"
    result.add(commits=log.version - before.version)
    result.version = log.version
    metrics = log.commits[0].metrics if log.version > before.version else {}
    return MaintenanceResult(decision.operation, due=True, reason=decision.reason, version=log.version, metrics=metrics)
