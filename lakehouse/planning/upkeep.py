"""What maintenance is due on a table: the same look for `plan`, before a write, and for the engine, after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from lakehouse import maintenance
from lakehouse.control.store import Control
from lakehouse.errors import OffsetError
from lakehouse.lake.log import Log
from lakehouse.maintenance import Decision, Maintenance, View
from lakehouse.names import TableName
from lakehouse.planning.steps import Plan, Step
from lakehouse.state.place import Commits, place


def decisions(
    plan: Plan, control: Control, step: Step, log: Log, now: datetime, look: Callable[[TableName], Log | None]
) -> list[Decision]:
    """What every operation decides about the step's table as `log` shows it; `look` opens the tables that read it."""
    keys = step.spec.maintenance or Maintenance()
    readers = _readers(plan, control, step, log, look)
    clusters = step.spec.cluster_by or ()
    view = View.of(log, step.name.layer, clusters, maintenance.retain(keys), now, readers)
    return maintenance.decide(view, keys)


def _readers(
    plan: Plan, control: Control, step: Step, log: Log, look: Callable[[TableName], Log | None]
) -> Mapping[TableName, datetime]:
    """Tables that read on from a version -> when that version was made: VACUUM keeps what they have still to read."""
    found = {}
    for reader in plan.readers_of(step.name):
        theirs = look(reader.name) if reader.incremental else None
        if theirs is None:
            continue
        try:
            offset = place(theirs, Commits.read(control, theirs.table_id or "")).offsets.get(str(step.name))
        except OffsetError:
            continue  # it will say so itself; a rebuild reads the table as it is
        at = log.timestamp(int(offset["version"])) if offset else None
        if at is not None:
            found[reader.name] = at
    return found
