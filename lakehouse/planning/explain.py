"""What a run would do now, step by step: the same decisions that the engine takes, as text and as data."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lakehouse.errors import StepError
from lakehouse.maintenance import Decision
from lakehouse.names import TableName
from lakehouse.planning.batches import counted
from lakehouse.planning.checks import Check, checks_of, told
from lakehouse.planning.cleaning import cleaning
from lakehouse.planning.decide import decide
from lakehouse.planning.doubts import doubts
from lakehouse.planning.inputs import read_only
from lakehouse.planning.late import as_planned
from lakehouse.planning.steps import Plan, Step
from lakehouse.planning.unstored import not_stored
from lakehouse.planning.upkeep import decisions
from lakehouse.planning.work import Alter, Create, Rename, Settle, Work
from lakehouse.planning.work import Decision as Decided
from lakehouse.state.gone import gone
from lakehouse.state.world import World


@dataclass(frozen=True)
class Explained:
    """One step and what would become of it."""

    step: Step
    action: str
    """What comes first: `create`, `rename`, `settle`, `alter`, `run`, `idle`, `refuses`."""
    reason: str
    """Why, of all that is to be done, in order."""
    work: Work | None = None
    """What will be read and written; None when that is nothing, or cannot be told yet."""
    alters: tuple[str, ...] = ()
    """What of the table is altered before its rows are written."""
    checks: tuple[Check, ...] = ()
    """What every row goes through."""
    maintenance: tuple[Decision, ...] = ()
    """What each operation says of the table as it is now; it is decided anew after the write."""
    condition: str = ""
    """What must happen first for the step to have more to do than it says."""
    fix: str = ""
    """What to do about a refusal."""
    warnings: tuple[str, ...] = ()
    """What looks like a mistake and is none to a run."""
    not_stored: tuple[str, ...] = ()
    """Columns of the input that `schema` does not name."""

    @property
    def reads(self) -> tuple[str, ...]:
        """What is read, in words: versions of tables, or batches of files."""
        if self.work is None:
            return ()
        batches = (
            f"batch {b.number}: {counted(len(b.files), 'file')}, {counted(b.size, 'byte')}" for b in self.work.batches
        )
        return (*(r.describe() for r in self.work.inputs), *batches)

    @property
    def writes(self) -> str:
        """By which way the rows are written."""
        return self.step.way if self.work is not None or self.action == "create" else ""

    def lines(self) -> list[tuple[str, str]]:
        """Everything but the first line, each with its word: `reads`, `warns`, `writes`, `checks`, `after`, `fix`."""
        found = [("reads", text) for text in self.reads]
        found += [("warns", text) for text in self.warnings]
        if self.writes:
            left = f"; not stored: {', '.join(self.not_stored)}" if self.not_stored else ""
            found.append(("writes", self.writes + left))
        if self.work is not None and self.checks:
            found.append(("checks", told(self.checks)))
        for decision in self.maintenance:
            due = "is due as it is now" if decision.due else "is not due as it is now"
            found.append(("after", f"{decision.operation} {due}: {decision.reason}"))
        if self.fix:
            found.append(("fix", self.fix))
        return found

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        work = self.work
        return {
            "step": str(self.step.name),
            "action": self.action,
            "reason": self.reason,
            "condition": self.condition or None,
            "after": sorted(str(n) for n in self.step.after),
            "refresh": work.refresh if work else None,
            "reads": list(self.reads),
            "batches": [
                {"batch": b.number, "files": [f.path for f in b.files], "bytes": b.size}
                for b in (work.batches if work else ())
            ],
            "inputs": [
                {
                    "table": str(r.table),
                    "version": r.version,
                    "how": r.how,
                    "since": dict(r.since) if r.since else None,
                }
                for r in (work.inputs if work else ())
            ],
            "writes": self.writes or None,
            "not_stored": list(self.not_stored),
            "alters": list(self.alters),
            "checks": [asdict(check) for check in self.checks],
            "maintenance": [{"operation": d.operation, "due": d.due, "reason": d.reason} for d in self.maintenance],
            "fix": self.fix or None,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Explanation:
    """A plan explained against the state of the lake; `str()` gives text for people."""

    plan: Plan
    steps: Sequence[Explained]
    gone: tuple[TableName, ...] = ()
    """Tables of the lake that no file declares any more: they are kept (S94)."""

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
            found += [f"    {word:<6} {text}" for word, text in item.lines()]
        return [*found, self.told_gone] if self.gone else found

    @property
    def told_gone(self) -> str:
        """A line about tables that are in no file; empty when there are none."""
        names = ", ".join(str(name) for name in self.gone)
        return f"gone from the files: {names}; nothing is done to what is stored" if names else ""

    def to_dict(self) -> dict[str, Any]:
        """The explanation for programs."""
        return {"steps": [item.to_dict() for item in self.steps], "gone": [str(name) for name in self.gone]}


def explain(plan: Plan) -> Explanation:
    """Decide every selected step against the lake as it is now.

    Raises SpecError when a table is read that is neither selected nor there.
    """
    moving = {step.name: step.spec for step in plan.chosen() if step.spec.renamed_from is not None}
    world = World(plan.project.environment, [step.name for step in plan.chosen()], read_only(plan), moving)
    now = datetime.now(UTC)
    busy: set[TableName] = set()
    found = []
    for step in plan.chosen():
        # a lookup that is there brings no work; one that is not keeps the step from beginning
        idle = {n for n in _lookups(step) if world.look(n) is not None}
        waits = frozenset(n for n in step.after if n in busy and n not in idle)
        condition = f"if {' or '.join(str(n) for n in sorted(waits))} brings rows" if waits else ""
        item = replace(_explained(plan, as_planned(plan, step), world, now), condition=condition)
        if item.action not in ("idle", "refuses") or waits:
            busy.add(step.name)
        found.append(item)
    return Explanation(plan, found, gone(plan.project.environment, {*plan.project.origins, *world.moving}))


def _lookups(step: Step) -> set[TableName]:
    """Tables of which a step that reads what is new takes no notice when they change."""
    return {read.table for read in step.reads} - {*step.origins} if step.incremental else set()


def _explained(plan: Plan, step: Step, world: World, now: datetime) -> Explained:
    try:
        state = world.state(step.name, step.spec, [read.table for read in step.reads])
        decision: Decided | None = decide(step, state)
    except StepError as error:
        return Explained(step, "refuses", error.message, fix=error.fix)
    action, reasons = "", []
    alters: tuple[str, ...] = ()
    while isinstance(decision, Create | Rename | Settle | Alter):
        action = action or type(decision).__name__.lower()
        reasons.append(decision.reason)
        alters = decision.what if isinstance(decision, Alter) else alters
        decision = decision.then
    if decision is not None:
        reasons.append(decision.reason)
    source = cleaning(plan[step.name], state.standing, plan.project.environment.root, now)
    clean = [source.decision] if source is not None and source.files.num_rows else []
    warnings = (*doubts(plan, step, decision), *state.warnings)
    if not isinstance(decision, Work):
        return Explained(
            step, action or "idle", "; ".join(reasons), alters=alters, maintenance=tuple(clean), warnings=warnings
        )
    upkeep = decisions(plan, world.control, step, state.log, now, world.look) if state.log else []
    return Explained(
        step, action or "run", "; ".join(reasons), decision, alters, checks_of(step), (*upkeep, *clean),
        warnings=(*warnings, *_of_files(plan, step, decision)), not_stored=not_stored(step, state.inputs),
    )  # fmt: skip


def _of_files(plan: Plan, step: Step, work: Work) -> tuple[str, ...]:
    """What the format says of the first of the files to be read, where it looks at one before a run."""
    if not step.is_bronze or not work.batches:
        return ()
    source: Any = step.spec.source
    leaf: Any = importlib.import_module(f"lakehouse.sources.{source.format}")
    if not hasattr(leaf, "doubts"):
        return ()
    return tuple(leaf.doubts(source, work.batches[0].files[0], plan.project.environment.storage))
