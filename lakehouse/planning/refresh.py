"""Full refresh: the tables that a run makes anew from their whole inputs, and the guard before what would be lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakehouse.errors import Position, Problem, SpecError
from lakehouse.names import TableName
from lakehouse.planning.selection import select
from lakehouse.planning.steps import Plan, Step

OPTION = "--full-refresh"


def refreshed(plan: Plan, wanted: Sequence[str], *, allow_data_loss: bool = False) -> frozenset[TableName]:
    """The steps of the plan that one of the selectors matches.

    Raises SpecError for a table that is not chosen, that cannot be made anew, or, without `allow_data_loss`, that would
    lose rows.
    """
    if not wanted:
        return frozenset()
    found = select(plan.steps, wanted, option=OPTION, path_of=lambda name: plan.project.position(name).file)
    steps = [step for step in plan.steps if step.name in found]
    problems = [
        Problem(Position(OPTION, 1, 1), "full-refresh", f"{step.name}: {why}", fix)
        for step in steps
        for why, fix in _obstacles(plan, step, allow_data_loss)
    ]
    if problems:
        raise SpecError(problems)
    return found


def _obstacles(plan: Plan, step: Step, allowed: bool) -> Iterator[tuple[str, str]]:
    if step.name not in plan.selected:
        yield "the run does not select it", "select it too"
    elif step.is_bronze:
        fix = "give it another name to have its files loaded anew, or lay it out anew by `lakehouse maintain --rewrite`"
        yield "a full refresh of a Bronze table is not available yet", fix
    elif not allowed and (why := _lost(plan, step)):
        yield why, "add `--allow-data-loss` if that is meant"


def _lost(plan: Plan, step: Step) -> str:
    """What of the table its inputs cannot give back; empty where they can."""
    if not step.spec.full_refresh:
        return "`full_refresh: false` forbids it"
    if step.spec.merge is not None and step.spec.merge.stored_as_scd_type == 2:
        return "it keeps a history that its inputs may not have any more"
    if step.way in ("replace_where", "replace_using"):
        return f"`{step.way}` replaced a part of it in every run, and only the part of this run would be left"
    updated = [read.table for read in step.reads if not read.lookup and _is_updated(plan, read.table)]
    if step.way == "append" and updated:
        return f"rows were added from {updated[0]}, which is updated, and may not have them any more"
    return ""


def _is_updated(plan: Plan, name: TableName) -> bool:
    return any(step.name == name and step.way != "append" for step in plan.steps)
