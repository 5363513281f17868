"""What is to be done with a table's own rows: to take some out of the quarantine, or to lay all out anew. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lakehouse.errors import StepError
from lakehouse.lake.log import Log
from lakehouse.planning.alterations import alterations, refuse_rewrite, same_names
from lakehouse.planning.decide import file_batches, looked_at, ours, unsettled
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Alter, Idle, Settle, Work
from lakehouse.state.observe import State
from lakehouse.state.place import Place, place


def decide_replay(step: Step, state: State) -> Settle | Alter | Work | Idle:
    """What is to be done to take rows out of the quarantine; the last answer is always that work. Raises as `decide`.

    A batch of files that was planned and not committed comes first. Where a replay may still commit whose rows are
    marked, the work is to take its number (`batches` and `inputs` are empty, `refresh` is `none`): then it cannot.
    """
    found = _quiet(step, state)
    if not isinstance(found, _Quiet):
        return found
    log, where, standing = found.log, found.where, state.standing
    if altered := alterations(step, log, state.commits.project, where.definition):
        return Alter(tuple(altered), Idle(where, ""))
    if standing is not None and standing.open is not None:
        return file_batches(step, state, log.version, where)
    open_ = state.commits.replays_open(log)
    reason = "an unfinished replay is ended" if open_ else "rows of the quarantine"
    refresh = "none" if open_ else "incremental"
    return replace(_next(state, found, reason), refresh=refresh, kind="replay")


def decide_rewrite(step: Step, state: State) -> Settle | Work | Idle:
    """What is to be done to lay the table out anew, as its `partitioned_by` says; raises as `decide`.

    A batch of files that was planned and not committed has to be loaded first: StepError.
    """
    found = _quiet(step, state)
    if not isinstance(found, _Quiet):
        return found
    log, where, standing = found.log, found.where, state.standing
    wanted = step.spec.partitioned_by or ()
    if same_names(wanted, log.partitioned_by):
        return Idle(where, "its files lie as its definition says")
    refuse_rewrite(step, log)
    if standing is not None and standing.open is not None:
        raise StepError(
            f"{step.name}: batch {standing.open.batch} was planned and is not committed yet",
            code="table.rewrite",
            fix="take the change of `partitioned_by` back, run it, and then lay it out anew",
        )
    reason = (
        f"partitioned by {', '.join(log.partitioned_by) or 'nothing'}, from now on by {', '.join(wanted) or 'nothing'}"
    )
    return replace(_next(state, found, reason), refresh="full", kind="rewrite")


@dataclass(frozen=True)
class _Quiet:
    """A table with nothing to settle, and where it stands."""

    log: Log
    where: Place


def _quiet(step: Step, state: State) -> _Quiet | Settle | Idle:
    """The table where nothing has to be settled before its own rows are worked on, else what has to be done."""
    refuse_before(step, state)
    log = state.log
    if log is None:
        return Idle(Place(), "the table does not exist yet")
    where = place(ours(step, state, log), state.commits)
    settle = unsettled(step, state, log, where)
    return settle if settle.is_something else _Quiet(log, where)


def _next(state: State, found: _Quiet, reason: str) -> Work:
    """The table's next number, for a commit that reads no input."""
    if state.standing is None:
        number, offsets = found.where.sequence + 1, looked_at(state, found.where)
    else:
        number = state.standing.next_batch
        offsets = {"files": {"batch": number}}
    return Work(found.where, number, found.log.version, reason, offsets=offsets)


def refuse_before(step: Step, state: State) -> None:
    """Raise StepError where the table has its name of before yet, which only a run changes."""
    if state.before is not None:
        raise StepError(
            f"{step.name} still lies under the name that it had before, {state.before}",
            code="table.rename",
            fix=f"run it first: `lakehouse run --select {step.name}`",
        )
