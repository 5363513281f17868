"""Tables that a run reads and does not write: they must be there (S100)."""

from __future__ import annotations

from lakehouse.errors import Problem, SpecError
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.steps import Plan, tables_of
from lakehouse.state.observe import opened


def read_only(plan: Plan) -> dict[TableName, Log | None]:
    """The tables that chosen steps read and no chosen step writes, as they are now.

    Raises SpecError when one of them does not exist.
    """
    written = {step.name for step in plan.chosen()}
    wanted = {read.table for step in plan.chosen() for read in step.reads} - written
    logs = opened(plan.project.environment, wanted)
    problems = [_missing(plan, name) for name, log in logs.items() if log is None]
    if problems:
        raise SpecError(problems)
    return logs


def _missing(plan: Plan, name: TableName) -> Problem:
    reader = next(step for step in plan.chosen() if any(read.table == name for read in step.reads))
    lookup = next((loc for loc, other in tables_of(reader.spec) if other == name), None)
    origin = ("from" if reader.spec.from_ else "sql",)
    where = plan.project.position(reader.name, *(origin if name in reader.origins or lookup is None else lookup))
    message = f"{reader.name} reads {name}, which is not selected and does not exist"
    return Problem(where, "missing-table", message, f"select it too, as `+{reader.name}`")
