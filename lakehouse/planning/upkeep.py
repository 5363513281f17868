"""What maintenance is due on a table: the same look for `plan`, before a write, and for the engine, after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from lakehouse import maintenance
from lakehouse.control.store import Control
from lakehouse.errors import OffsetError, StepError
from lakehouse.lake.log import Log
from lakehouse.maintenance import Decision, Maintenance, View
from lakehouse.names import TableName
from lakehouse.planning.alterations import refuse_rewrite, same_names
from lakehouse.planning.ranges import by_names
from lakehouse.planning.steps import Plan, Step
from lakehouse.state.place import Commits, place
from lakehouse.state.world import World


def decisions(
    plan: Plan, control: Control, step: Step, log: Log, now: datetime, look: Callable[[TableName], Log | None]
) -> list[Decision]:
    """What every operation decides about the step's table as `log` shows it; `look` opens the tables that read it."""
    keys = step.spec.maintenance or Maintenance()
    readers = _readers(plan, control, step, log, look)
    clusters = step.spec.cluster_by or ()
    view = View.of(
        log, step.name.layer, clusters, maintenance.retain(keys, read_by_changes=step.followed), now, readers
    )
    return maintenance.decide(view, keys)


def due(plan: Plan, *, rewriting: bool = False) -> list[tuple[TableName, Decision]]:
    """What maintenance decides now about the chosen tables that are there; with `rewriting` also about their layout.

    Starts no Spark and changes nothing.
    """
    environment = plan.project.environment
    world = World(environment, [step.name for step in plan.chosen()], {})
    now, found = datetime.now(UTC), []
    for step in plan.chosen():
        log = world.look(step.name)
        if log is None:
            continue
        if rewriting and (layout := _layout(step, log)) is not None:
            found.append((step.name, layout))
        found += [(step.name, item) for item in decisions(plan, world.control, step, log, now, world.look)]
    return found


def _layout(step: Step, log: Log) -> Decision | None:
    """Whether the files have to be laid out anew; None where they lie as the definition says."""
    wanted = step.spec.partitioned_by or ()
    if same_names(wanted, log.partitioned_by):
        return None
    try:
        refuse_rewrite(step, log)
    except StepError as error:
        return Decision("rewrite", False, f"refused: {error.message}")
    by = f"from {', '.join(log.partitioned_by) or 'nothing'} to {', '.join(wanted) or 'nothing'}"
    return Decision("rewrite", True, f"`partitioned_by` was changed {by}")


def _readers(
    plan: Plan, control: Control, step: Step, log: Log, look: Callable[[TableName], Log | None]
) -> Mapping[TableName, datetime]:
    """Tables that read on from a version -> when that version was made: VACUUM keeps what they have still to read."""
    found = {}
    for reader in plan.readers_of(step.name):
        # of what is looked up, or read at a version that the file names, nothing has still to be read
        follows = any(r.table == step.name and r.at is None and not r.lookup for r in reader.reads)
        theirs = look(reader.name) if reader.incremental and follows else None
        if theirs is None:
            continue
        try:
            offsets = place(theirs, Commits.read(control, theirs.table_id or "")).offsets
        except OffsetError:
            continue  # it will say so itself; a rebuild reads the table as it is
        offset = by_names(offsets, {step.name: log}).get(str(step.name))
        at = log.timestamp(int(offset["version"])) if offset else None
        if at is not None:
            found[reader.name] = at
    return found
