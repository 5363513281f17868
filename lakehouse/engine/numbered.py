"""Commits that no batch of files makes: of a Bronze table they take their number in the ledger, beside the batches."""

from __future__ import annotations

from lakehouse.control.store import PlanConflict
from lakehouse.engine import attempt as attempts
from lakehouse.engine.attempt import Attempt, Committed
from lakehouse.engine.points import point
from lakehouse.state.observe import State


def planned(attempt: Attempt, state: State) -> bool:
    """Take the number, of a Bronze table in the ledger too; False when somebody else planned meanwhile."""
    if state.ledger is not None:
        try:
            with point("ledger", attempt.step.name):
                state.ledger.plan(attempt.work.sequence, attempt.id, [], work=attempt.work.kind)
        except PlanConflict:
            return False
    attempts.plan(attempt)
    return True


def done(attempt: Attempt, state: State, committed: Committed | None) -> bool:
    """Write the result into the ledger of a Bronze table; False when another's commit took the number."""
    if committed is not None and state.ledger is not None:
        with point("result", attempt.step.name):
            work, rows = attempt.work, committed.rows_written
            state.ledger.result(work.sequence, attempt.id, committed.version, rows=rows, rejected=0)
    return committed is not None
