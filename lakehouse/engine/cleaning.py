"""Loaded files leave the source at the end of a step, a bounded number of them; what cannot be done is a warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pyarrow import ArrowException

from lakehouse.engine.points import point
from lakehouse.engine.results import MaintenanceResult, StepResult
from lakehouse.engine.run import Run
from lakehouse.errors import LakehouseError
from lakehouse.planning.cleaning import Cleaning, Due, cleaning
from lakehouse.planning.steps import Step
from lakehouse.sources.cleaning import Cleaned, clean
from lakehouse.state.observe import State

MOST = 10_000
"""Files of a table that one run takes away; the next one goes on."""
CHUNK = 500
"""Files after which it is written down that they are gone."""
NAMED = 10
"""Warnings that name a file; the others are counted."""


def after(run: Run, step: Step, state: State, result: StepResult, stopped: Callable[[], bool]) -> None:
    """Take away the files that are due, by what `state` says of them; nothing of it fails the step."""
    environment = run.plan.project.environment
    found = cleaning(run.plan[step.name], state.standing, environment.root, datetime.now(UTC))
    if found is None:
        return
    decision, counts = found.decision, Counter[str]()
    if decision.due:
        counts = _clean(run, step, state, found, result, stopped)
    if decision.due or result.commits:  # a run with nothing to do writes no row
        reason = decision.reason if not counts.total() < found.files.num_rows else _in_part(decision.reason, counts)
        done = MaintenanceResult(decision.operation, decision.due, reason, metrics=dict(counts))
        result.maintenance.append(done)


def _clean(
    run: Run, step: Step, state: State, found: Cleaning, result: StepResult, stopped: Callable[[], bool]
) -> Counter[str]:
    """What became of how many files: `deleted`, `moved`, `gone`, `kept`."""
    assert state.ledger is not None, "what was loaded is known from the ledger"
    counts: Counter[str] = Counter()
    kept: list[str] = []
    most = min(MOST, found.files.num_rows)
    for start in range(0, most, CHUNK):
        run.note(f"cleaning the source: {start:,} of {most:,} files", step.name)
        chunk = found.due(start, min(CHUNK, most - start))
        outcomes = _all(chunk, run)
        counts.update(outcome.how for outcome in outcomes)
        kept += [f"{d.file.path}: {o.why}" for d, o in zip(chunk, outcomes, strict=True) if o.how == "kept"]
        gone = [(d.file, d.batch, o) for d, o in zip(chunk, outcomes, strict=True) if o.how != "kept"]
        try:
            with point("cleaned", step.name):
                state.ledger.cleaned(gone)
        except LakehouseError as error:
            # they are gone all the same, which the next run finds and writes down
            kept.append(f"the ledger does not say that {len(gone):,} files are gone: {error.message}")
            break
        if not gone or stopped():
            break  # a store that refuses everything is asked once per run
    result.warnings += [f"not cleaned: {text}" for text in kept[:NAMED]]
    if kept[NAMED:]:
        result.warnings.append(f"not cleaned: {len(kept) - NAMED:,} more files")
    return counts


def _all(chunk: Sequence[Due], run: Run) -> list[Cleaned]:
    storage = run.plan.project.environment.storage

    def one(due: Due) -> Cleaned:
        try:
            return clean(due.file, due.move_to, storage)
        except (OSError, ArrowException) as error:
            return Cleaned("kept", why=str(error))

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, chunk))


def _in_part(reason: str, counts: Counter[str]) -> str:
    return f"{reason}: {counts.total():,} were looked at, the next run goes on"
