"""What a run would do now, step by step: the same decisions that the engine takes, as text and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lakehouse.control.store import Control
from lakehouse.errors import StepError
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.batches import counted
from lakehouse.planning.decide import Alter, Create, Idle, Settle, Work, decide
from lakehouse.planning.inputs import all_inputs
from lakehouse.planning.steps import Plan, Step
from lakehouse.spec.environment import Environment
from lakehouse.state.observe import listed, observe


@dataclass(frozen=True)
class Explained:
    """One step and what would become of it."""

    step: Step
    action: str
    """`create`, `settle`, `alter`, `run`, `idle`, `refuses`."""
    reason: str
    reads: tuple[str, ...] = ()
    writes: str = ""
    condition: str = ""
    """What must happen first for the step to have more to do than it says."""
    fix: str = ""
    """What to do about a refusal."""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """A plan explained against the state of the lake; `str()` gives text for people."""

    plan: Plan
    steps: Sequence[Explained]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __getitem__(self, name: str) -> Explained:
        return next(e for e in self.steps if str(e.step.name) == name)

    def lines(self) -> list[str]:
        """One paragraph per step."""
        found = []
        for item in self.steps:
            condition = f"{item.condition}: " if item.condition else ""
            found.append(f"{item.step.name}  {item.action}: {condition}{item.reason}")
            found += [f"    reads  {text}" for text in item.reads]
            if item.writes:
                found.append(f"    writes {item.writes}")
            if item.fix:
                found.append(f"    fix: {item.fix}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The explanation for programs."""
        return {
            "steps": [
                {
                    "step": str(e.step.name),
                    "action": e.action,
                    "reason": e.reason,
                    "condition": e.condition or None,
                    "after": sorted(str(n) for n in e.step.after),
                    "reads": list(e.reads),
                    "writes": e.writes or None,
                    "fix": e.fix or None,
                    **e.details,
                }
                for e in self.steps
            ]
        }


def explain(plan: Plan) -> Explanation:
    """Decide every selected step against the lake as it is now.

    Raises SpecError when a table is read that is neither selected nor there.
    """
    environment = plan.project.environment
    control = Control(environment.control_path, environment.storage)
    logs = all_inputs(plan)
    busy: set[TableName] = set()
    found = []
    for step in plan.chosen():
        waits = frozenset(n for n in step.after if n in busy)
        condition = f"if {' or '.join(str(n) for n in sorted(waits))} brings rows" if waits else ""
        item = _explained(step, environment, control, {r.table: logs[r.table] for r in step.reads}, condition)
        if item.action not in ("idle", "refuses") or waits:
            busy.add(step.name)
        found.append(item)
    return Explanation(plan, found)


def _explained(
    step: Step, environment: Environment, control: Control, inputs: dict[TableName, Log | None], condition: str
) -> Explained:
    try:
        files = listed(environment, step.spec)
        state = observe(environment, control, step.name, step.spec, files=files, inputs=inputs)
        decision = decide(step, state)
    except StepError as error:
        return Explained(step, "refuses", error.message, fix=error.fix, condition=condition)
    if isinstance(decision, Settle):
        return Explained(step, "settle", decision.reason, condition=condition)
    if isinstance(decision, Alter):
        return Explained(step, "alter", decision.reason, condition=condition)
    if isinstance(decision, Idle):
        return Explained(step, "idle", decision.reason, condition=condition)
    if isinstance(decision, Create):
        return _told(step, "create", decision.then, condition, f"{decision.reason}; ")
    return _told(step, "run", decision, condition, "")


def _told(step: Step, action: str, work: Work | Idle, condition: str, before: str) -> Explained:
    if isinstance(work, Idle):
        return Explained(step, action, before + work.reason, writes=step.way, condition=condition)
    reads = tuple(r.describe() for r in work.inputs) + tuple(
        f"batch {b.number}: {counted(len(b.files), 'file')}, {counted(b.size, 'byte')}" for b in work.batches
    )
    details = {
        "refresh": work.refresh,
        "batches": [{"batch": b.number, "files": [f.path for f in b.files], "bytes": b.size} for b in work.batches],
        "inputs": [
            {"table": str(r.table), "version": r.version, "since": dict(r.since) if r.since else None}
            for r in work.inputs
        ],
    }
    return Explained(step, action, before + work.reason, reads, step.way, condition, details=details)
