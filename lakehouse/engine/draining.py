"""A step with file events that is idle: its listing is written down, and what events it dealt with leave the queue."""

from __future__ import annotations

from lakehouse.engine.points import point
from lakehouse.engine.results import StepResult
from lakehouse.engine.run import Run
from lakehouse.planning.steps import Step
from lakehouse.sources.event_folder import remove
from lakehouse.state.discovery import NAMED, Discovery
from lakehouse.state.observe import State


def after(run: Run, step: Step, state: State, found: Discovery, result: StepResult) -> None:
    """Everything that `found` gave is loaded or known, by `state`; an event that stays is only read once more."""
    if not found.by_events:
        return
    result.warnings += [text for text in found.warnings if text not in result.warnings]
    settled = found.settled(state)
    if settled.listed_at is not None:
        assert state.ledger is not None, "what was loaded is known from the ledger"
        with point("listed", step.name):
            state.ledger.listed(settled.listed_at, found.source_hash)
    if not settled.events:
        return
    run.note(f"removing {len(settled.events):,} files of events", step.name)
    with point("drained", step.name):
        kept = remove(settled.events, run.plan.project.environment.storage)
    said = [f"{path} cannot be removed from the queue: {why}" for path, why in sorted(kept.items())]
    result.warnings += said[:NAMED]
    if said[NAMED:]:
        result.warnings.append(f"{len(said) - NAMED:,} more files cannot be removed from the queue")
