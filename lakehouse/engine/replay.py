"""`replay TABLE`: rows of the quarantine go through today's definition of the same step, exactly once (S58).

A round takes the rows of one `_stage`, and is one commit of the table. In this order: the attempt is planned; the rows
that go in are marked and the others get their new reasons, in one commit of the quarantine; the signed commit of kind
`replay`; it is confirmed; `_replayed_at` is set. Settling after a crash knows by the marks what was done.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lakehouse.control import commits
from lakehouse.engine import attempt as attempts
from lakehouse.engine import bronze, maintain, marks, numbered, settling
from lakehouse.engine.attempt import Attempt
from lakehouse.engine.loop import Deadline
from lakehouse.engine.marks import BY, ID, WHY
from lakehouse.engine.points import point
from lakehouse.engine.quarantine import Choice, not_replayed
from lakehouse.engine.results import Status, StepResult
from lakehouse.engine.run import Run
from lakehouse.engine.snapshots import is_snapshots
from lakehouse.engine.step import guarded, looked, lost_again, refuse_stopped
from lakehouse.engine.taken import Taken, judged_again
from lakehouse.errors import StepError
from lakehouse.lake import commit, increment
from lakehouse.lake.log import Log
from lakehouse.planning.batches import counted
from lakehouse.planning.decide_own import decide_replay
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Alter, Idle, Settle
from lakehouse.quality.core.base import BatchExpectation, FrameExpectation
from lakehouse.quality.records import FAILURES
from lakehouse.state.discovery import Discovery
from lakehouse.state.observe import State
from lakehouse.write.base import all_written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

STAGES = ("record", "input", "cleansed")


def perform(choice: Choice, run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    """Replay the chosen rows of the step's quarantine; what came of them goes into `result`.

    Raises StepError, also for a table that is computed anew from its inputs, and what `step.perform` raises.
    """
    guarded(partial(_replay, choice), run, step, deadline, result)


def _replay(choice: Choice, run: Run, step: Step, deadline: Deadline, result: StepResult) -> None:
    if not step.incremental:
        raise StepError(
            f"{step.name} is computed anew from its inputs, so its rejected rows are judged again in every run",
            code="replay.whole",
            fix="repair the rows in the input, or change the rule, and run it",
        )
    if is_snapshots(step):
        raise StepError(
            f"{step.name} is merged from whole snapshots, and a later one may have deleted what a replay would bring",
            code="replay.snapshot",
            fix="repair the rows in the source: the next snapshot brings them",
        )
    judged_as, found = _as_replayed(step), Discovery(run.plan.project.environment, step.spec)
    inputs = run.inputs(step)
    lost, told, altered = 0, list[str](), tuple[str, ...]()
    while True:
        refuse_stopped(run, step, deadline)
        state = looked(run, step, found, inputs, result)
        decision = decide_replay(step, state)
        if isinstance(decision, Settle):
            settling.settle(run, step, state, decision, result)
        elif isinstance(decision, Alter):
            altered = settling.alter(run, step, state, decision, altered, result)
            told.append(result.reason)
        elif isinstance(decision, Idle):
            told.append(decision.reason)
            break
        else:
            attempt = Attempt(run, judged_as, _log(state), decision, run.session(step), result)
            if decision.kind == "data":  # a batch of files that was planned before: with all its rules
                went = bronze.load(run, step, state, decision, attempt.session, result)
                told += ["a batch that was planned before is loaded"] if went else []
            elif decision.refresh == "none":
                went = _end_another(attempt, state)
            elif (taken := _next(run, step, state, choice, set(result.replayed))) is None:
                break
            elif went := bool(words := _round(attempt, state, taken)):
                result.replayed[taken.stage] = words
            lost = lost if went else lost_again(step, lost)
    if result.sequence is not None:
        maintain.after(run, step, result)
    did = altered or result.replayed or result.sequence is not None
    result.status = Status.COMPLETED if did else Status.IDLE
    result.reason = "; ".join([*told, *result.replayed.values()]) or "no rows in quarantine that were not replayed"


def _log(state: State) -> Log:
    assert state.log is not None, "rows are taken back into a table that is there"
    return state.log


def _as_replayed(step: Step) -> Step:
    """The step without the rules about the column values of a batch: the rows of a replay are no sample of them."""
    rules = step.spec.expectations
    kept = {n: rule for n, rule in rules.items() if not isinstance(rule.core, BatchExpectation | FrameExpectation)}
    return replace(step, spec=step.spec.model_copy(update={"expectations": kept})) if kept != rules else step


def _next(run: Run, step: Step, state: State, choice: Choice, done: set[str]) -> Taken | None:
    """The rows of the next stage that has some; a short Spark job counts them."""
    from pyspark.sql import functions as F

    quarantine = run.open(step.name.companion("_quarantine"))
    if quarantine is None or not quarantine.files().num_rows:
        return None
    frame = increment.pinned(run.session(step), quarantine.path, quarantine.version)
    rows = choice.of(not_replayed(frame, state.commits, _log(state)), run.started_at)
    addresses = F.count_distinct("_quarantine_id", "_attempt")
    found = rows.groupBy("_stage").agg(F.count(F.lit(1)).alias("rows"), addresses.alias("addresses")).collect()
    if twice := [row["_stage"] for row in found if row["rows"] != row["addresses"]]:
        raise StepError(
            f"{step.name}: rows of the quarantine ({', '.join(twice)}) have the same `_quarantine_id`",
            code="replay.rows",
            fix="give rows that were added by hand an id of their own: any text that no other row has",
        )
    counts = {row["_stage"]: row["rows"] for row in found}
    for stage in STAGES:
        if stage in counts and stage not in done:
            of_stage = rows.where(F.col("_stage") == stage)
            return Taken(stage, quarantine.path, quarantine.version, of_stage, counts[stage])
    return None


def _end_another(attempt: Attempt, state: State) -> bool:
    """Take the number of a replay that may still commit by a commit without rows; then it cannot, and its marks go."""
    if not numbered.planned(attempt, state):
        return False
    nothing = increment.pinned(attempt.session, attempt.log.path, attempt.log.version).limit(0)
    nothing = nothing.drop(*(name for name, (identity, _) in attempt.log.given.items() if identity))  # Delta's to give
    with point("data", attempt.step.name), commit.signed(attempt.session, attempt.signature):
        nothing.write.format("delta").mode("append").save(attempt.log.path)
    return numbered.done(attempt, state, attempts.confirm(attempt, all_written))


def _round(attempt: Attempt, state: State, taken: Taken) -> str:
    """One commit of rows of one stage, in words; empty when it has to be decided again."""
    step, result = attempt.step, attempt.result
    judged = judged_again(attempt, state, taken)
    attempts.refuse(attempt, judged.frame, judged.checks, judged.counted)
    stay = judged.staying()
    rejected = judged.count_staying(stay)
    attempt.run.note(f"replaying {counted(taken.count - rejected, 'row')}", step.name)
    goes_in = rejected < taken.count
    if goes_in and not numbered.planned(attempt, state):
        return ""
    if not _marked(attempt, taken, stay):
        if goes_in:
            pair = (attempt.work.sequence, attempt.id)
            commits.clean(attempt.run.control, attempt.table_id, [pair], table=str(step.name), run=attempt.run.id)
        return ""
    known = None if judged.siblings or judged.counted is None else judged.counted.accepted
    rows = judged.going_in(stay) if goes_in else None
    if rows is not None and not numbered.done(
        attempt, state, attempts.write_rows(attempt, rows, judged.comments, known)
    ):
        return ""
    if judged.counted is not None:
        attempts.note(attempt, replace(judged.counted, quarantined=0))
    filtered = judged.checks.tally.rows_gone() if goes_in else 0
    result.add(rows_read=taken.count, rows_rejected=rejected, rows_filtered=filtered)
    told = f"{counted(taken.count - rejected, 'row')} of the quarantine went in"
    return told + (f", {rejected:,} still break a rule" if rejected else "")


def _marked(attempt: Attempt, taken: Taken, stay: DataFrame | None) -> bool:
    from pyspark.sql import functions as F

    rows = taken.rows.select(F.col("_quarantine_id").alias(ID), F.col("_attempt").alias(BY))
    rows = rows.withColumn(WHY, F.lit(None).cast(FAILURES)) if stay is None else rows.join(stay, [ID, BY], "left")
    storage = attempt.run.plan.project.environment.storage
    with point("marked", attempt.step.name):
        return marks.mark(attempt.session, taken.path, taken.version, rows, attempt.id, attempt.signature, storage)
