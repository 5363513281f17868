"""`maintain`: what is due on a table without a run, and on demand a new layout of its files."""

from __future__ import annotations

from functools import partial

from lakehouse.engine import maintain, settling
from lakehouse.engine.attempt import Attempt
from lakehouse.engine.loop import Deadline
from lakehouse.engine.results import Status, StepResult
from lakehouse.engine.rewrite import rewrite
from lakehouse.engine.run import Run
from lakehouse.engine.step import guarded, looked, lost_again, refuse_stopped
from lakehouse.planning.decide import ours
from lakehouse.planning.decide_own import decide_rewrite, refuse_before
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Idle, Settle
from lakehouse.state.discovery import Discovery
from lakehouse.state.observe import observe
from lakehouse.state.place import place


def perform(rewriting: bool, run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    """Do what is due on the step's table, after it was laid out anew where `rewriting` asks for it and it has to be.

    Raises what `step.perform` raises.
    """
    guarded(partial(_perform, rewriting), run, step, deadline, result)


def _perform(rewriting: bool, run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    told = _laid_out(run, step, deadline, result) if rewriting else ""
    if result.sequence is None and not _found(run, step, result):
        return
    maintain.after(run, step, result)
    did = [item.operation for item in result.maintenance if item.due]
    result.status = Status.COMPLETED if did or result.commits else Status.IDLE
    result.reason = "; ".join(filter(None, [told, ", ".join(did)])) or "nothing is due"


def _found(run: Run, step: Step, result: StepResult) -> bool:
    """Where the table stands, which every commit of maintenance carries on; False where nothing is to be maintained."""
    state = observe(run.plan.project.environment, run.control, step.name, step.spec, run=run.id)
    refuse_before(step, state)
    where = place(ours(step, state, state.log), state.commits) if state.log is not None else None
    if where is None or state.log is None or not where.sequence:
        result.status, result.reason = Status.IDLE, "the table has no rows yet"
        return False
    result.table_id, result.version = state.log.table_id, state.log.version
    result.sequence, result.attempt, result.offsets = where.sequence, where.attempt, where.offsets
    return True


def _laid_out(run: Run, step: Step, deadline: Deadline, result: StepResult) -> str:
    """Lay the table out as its definition says: what was done, in words; empty where it lies so."""
    found, lost = Discovery(run.plan.project.environment, step.spec), 0
    while True:
        refuse_stopped(run, step, deadline)
        state = looked(run, step, found, {}, result)
        decision = decide_rewrite(step, state)
        if isinstance(decision, Settle):
            settling.settle(run, step, state, decision, result)
        elif isinstance(decision, Idle):
            return ""
        else:
            assert state.log is not None, "only a table that is there is rewritten"
            run.note("laying the files out anew", step.name)
            attempt = Attempt(run, step, state.log, decision, run.session(step), result)
            if rewrite(attempt, state):
                return decision.reason
            lost = lost_again(step, lost)
