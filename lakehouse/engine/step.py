"""A step, from deciding to done: settle, create, alter, load batch after batch, then maintenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lakehouse.engine import attempt, bronze, cleaning, draining, maintain, settling, snapshots
from lakehouse.engine.blame import blamed
from lakehouse.engine.loop import Deadline
from lakehouse.engine.renaming import move
from lakehouse.engine.results import Status, StepResult
from lakehouse.engine.run import Run
from lakehouse.errors import OffsetError, StepError, without_secrets
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.decide import decide
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Alter, Create, Idle, Rename, Settle, Work
from lakehouse.state.asked import NOTHING_ASKED, Asked
from lakehouse.state.discovery import Discovery
from lakehouse.state.observe import State, observe

Perform = Callable[[Run, Step, Deadline, StepResult], None]
"""What is done with one step of a run; its outcome goes into the result."""

LOST_RACES = 20
"""How often a step may find that another run was faster before it gives up."""


def perform(run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    """Do what the step has to do; its outcome goes into `result`.

    Raises StepError or TransientError, whatever Spark, Delta or the user's own code raised.
    """
    guarded(_perform, run, step, deadline, result)


def guarded(do: Perform, run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    """Do it with the run's values in the step; raises as `perform` says."""
    deadline.on_expiry = lambda: run.cancel(step)
    filled = step
    try:
        filled = run.with_values(step)
        do(run, filled, deadline, result)
    except Exception as error:
        raised, found = error, blamed(error, filled)
    else:
        return
    if found is raised:
        raise without_secrets(found)
    raise found from without_secrets(raised)


def refuse_stopped(run: Run, step: Step, deadline: Deadline) -> None:
    """Raise StepError when the step is to end: cancelling ends a job of Spark's; between two jobs there is none."""
    if deadline.expired or run.stopping.is_set():
        raise StepError(f"{step.name} was stopped between two commits; the next run goes on from there")


def looked(
    run: Run,
    step: Step,
    found: Discovery,
    inputs: Mapping[TableName, Log | None],
    result: StepResult,
    asked: Asked = NOTHING_ASKED,
) -> State:
    """One look at the world, with the files of a Bronze table as they are found."""
    environment = run.plan.project.environment
    state = observe(environment, run.control, step.name, step.spec, inputs=inputs, run=run.id, asked=asked)
    result.table_id = state.log.table_id if state.log else None
    return found.into(state)


def _perform(run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    def stopped() -> bool:
        return deadline.expired or run.stopping.is_set()

    found = Discovery(run.plan.project.environment, step.spec)
    state, loaded = _until_idle(run, step, found, result, deadline)
    draining.after(run, step, state, found, result)
    if loaded:
        maintain.after(run, step, result)
    cleaning.after(run, step, state, result, stopped)


def _until_idle(run: Run, step: Step, found: Discovery, result: StepResult, deadline: Deadline) -> tuple[State, bool]:
    """Do what is to be done until nothing is left: what was seen last, and whether rows were committed."""
    inputs = run.inputs(step)
    asked, lost, did, loaded = _asked(run, step), 0, False, False
    done: tuple[str, ...] = ()
    while True:
        refuse_stopped(run, step, deadline)
        state = looked(run, step, found, inputs, result, asked)
        decision = decide(step, state)
        if isinstance(decision, Idle):
            if not did:
                result.status, result.reason = Status.IDLE, decision.reason
                result.version = state.log.version if state.log else None
            break
        if isinstance(decision, Create):
            settling.create(run, step, state, decision)
        elif isinstance(decision, Rename):
            did, result.reason = True, decision.reason
            move(run.plan.project.environment, decision.before, step.name)
        elif isinstance(decision, Settle):
            settling.settle(run, step, state, decision, result)
        elif isinstance(decision, Alter):
            did, done = True, settling.alter(run, step, state, decision, done, result)
        elif loaded and not (step.is_bronze or snapshots.is_snapshots(step)):
            break  # its inputs are pinned and read: only a query over the clock has something to do again and again
        elif not _load(run, step, state, decision, result):
            lost = lost_again(step, lost)
        else:
            if not loaded:
                result.reason = "; ".join(filter(None, [result.reason, decision.reason]))
            did, loaded, asked = True, True, asked.once(decision.sequence)
    if did:
        result.status = Status.COMPLETED
    return state, loaded


def _asked(run: Run, step: Step) -> Asked:
    """What is asked for this table: all files again only of one that is loaded by `copy_into`."""
    return run.asked if step.spec.copy_into is not None else run.asked.of_auto_loader()


def lost_again(step: Step, lost: int) -> int:
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
    if snapshots.is_snapshots(step):
        return snapshots.load(attempt.Attempt(run, step, state.log, work, session, result))
    return attempt.load(run, step, state.log, work, session, result)
