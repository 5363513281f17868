"""A step and the state of the world -> what is to be done now. Pure: `plan` prints it, the engine does it."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.errors import OffsetError, StepError
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Offset
from lakehouse.lake.table import PROJECT
from lakehouse.names import TableName
from lakehouse.planning.alterations import alterations
from lakehouse.planning.batches import counted, cut, limits, overwrites
from lakehouse.planning.following import follow
from lakehouse.planning.ranges import (
    as_read,
    by_names,
    check_increment,
    has_moved,
    offset_of,
    range_of,
    refuse_batches,
    seen_beside,
    versions,
)
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Alter, Batch, Create, Decision, Idle, Rename, Settle, Work
from lakehouse.quality.references import moving_parts
from lakehouse.state.observe import State
from lakehouse.state.place import Confirmation, Place, note, place, unconfirmed


def decide(step: Step, state: State) -> Decision:
    """What the step has to do now. Raises OffsetError when the table's place cannot be told safely."""
    if state.before is not None:
        return Rename(state.before, _decided(step, state))
    return _decided(step, state)


def _decided(step: Step, state: State) -> Create | Settle | Alter | Work | Idle:
    log = state.log
    if log is None:
        then = _to_do(step, state, -1, Place())
        # a table that reads is made with the columns of what it reads, once there is something to read
        return Create(then) if step.is_bronze or isinstance(then, Work) else then
    where = place(ours(step, state, log), state.commits)
    settle = unsettled(step, state, log, where)
    if settle.is_something:
        return replace(settle, then=_afterwards(step, state, log, settle))
    found = _settled(step, state, log, where)
    if isinstance(found, Idle) and (noted := _notes(step, state, log, found.place)):
        return Settle(where, confirm=noted, then=found)
    return found


def ours(step: Step, state: State, log: Log) -> Log:
    """The table's log; raises OffsetError when it is not the library's, or that of another project."""
    if log.table_id is None:
        raise OffsetError(
            f"{step.name}: the table at {log.path} is not one of ours: somebody made or replaced it",
            code="offset.replaced",
            fix="RESTORE it to the version before, or move it away to have the table made anew",
        )
    writer = log.properties.get(PROJECT)
    if writer not in (None, state.commits.project) and not state.asked.take_over:
        raise OffsetError(
            f"{step.name}: the table at {log.path} is written by another project: how far it was read is in a control"
            " plane that is not this lake's `_lakehouse`",
            code="table.project",
            fix="give this table another name or lake; where the other project is gone, or its `_lakehouse` was lost"
            " or left behind, take its tables over by `lakehouse run --take-over`",
        )
    return log


def _settled(step: Step, state: State, log: Log, where: Place) -> Alter | Work | Idle:
    found = _to_do(step, state, log.version, replace(where, offsets=looked_at(state, where)))
    if isinstance(found, Work) and found.kind == "refresh":
        return found  # what stored rows cannot follow is no matter, and what they can comes after
    altered = alterations(step, log, state.commits.project, where.definition)
    return Alter(tuple(altered), found) if altered else found


def _afterwards(step: Step, state: State, log: Log, settle: Settle) -> Alter | Work | Idle | None:
    """What follows; None where what is settled decides it, or where it is an error: what is open is settled anyway."""
    if settle.results or settle.void:
        return None
    try:
        return _settled(step, state, log, settle.place)
    except StepError:
        return None


def looked_at(state: State, where: Place) -> dict[str, Offset]:
    """The offsets, on to the versions that an idle run looked at and found to bring no data (S78)."""
    offsets = by_names(where.offsets, state.inputs)
    for row in state.commits.confirmed:
        if (row.sequence, row.attempt) != (where.sequence, where.attempt):
            continue
        for name, seen in by_names(row.offsets, state.inputs).items():
            known = offsets.get(name)
            if known and known.get("id") == seen.get("id") and known.get("version", 0) < seen.get("version", 0):
                offsets[name] = seen
    return offsets


def _notes(step: Step, state: State, log: Log, where: Place) -> tuple[Confirmation, ...]:
    """What an idle run writes down, so that the place survives when history expires: the versions it looked at.

    They are written with the `confirmed` rows and not in `steps`, because those do not age.
    """
    looked = dict(where.offsets)
    # a lookup has the version at which rows last met it, and a version that the file names is the only one looked at
    apart = {r.table for r in step.reads if r.at is not None or (r.lookup and step.incremental)}
    apart -= {r.table for r in step.reads if r.at is None and not r.lookup}
    for name, input_log in state.inputs.items():
        if name in apart:
            continue
        before = looked.get(str(name))
        if before and input_log is not None and before["version"] < input_log.version and where.sequence:
            looked[str(name)] = {**before, "version": input_log.version}
    if looked != dict(where.offsets):
        return (Confirmation(where.sequence, where.attempt, log.version, looked),)
    return note(log, state.commits, where)


def unsettled(step: Step, state: State, log: Log, where: Place) -> Settle:
    """What attempts that ended have left open."""
    standing = state.standing
    confirm, clean = unconfirmed(log, state.commits, where), state.commits.dead(log)
    restores, replayed = state.commits.unnoted(log), state.commits.replays_to_finish(log)
    if standing is None:
        return Settle(where, confirm, restores, clean=clean, replayed=replayed)
    settled = not (standing.late_results or standing.undone)
    changed = tuple(standing.changed_files(state.files)) if settled and not overwrites(step.spec) else ()
    unlisted = tuple(standing.unlisted(state.files))
    late, undone = standing.late_results, standing.undone
    return Settle(where, confirm, restores, late, undone, clean, replayed, changed, unlisted)


def _to_do(step: Step, state: State, base: int, where: Place) -> Work | Idle:
    if step.is_bronze:
        return file_batches(step, state, base, where)
    return _tables(step, state, base, where)


# --- Bronze: files ------------------------------------------------------------------------------------------------


def file_batches(step: Step, state: State, base: int, where: Place) -> Work | Idle:
    """The batch that was planned and not committed, else those of new files."""
    standing = state.standing
    assert standing is not None, "a Bronze step is observed with its ledger"
    if standing.open is not None:
        planned = standing.open
        batch = Batch(planned.batch, planned.files, planned.ingested_at, again=True)
        return _file_work(
            where, base, (batch,), f"batch {batch.number} was planned and not committed: the same files again"
        )
    new = standing.new_files(state.files, allow_overwrites=overwrites(step.spec), again=state.asked.again)
    known = counted(len(state.files), "file") + state.how
    if not new:
        return Idle(where, f"no new files among {known}" if state.files else f"no files{state.how}")
    batches = tuple(Batch(standing.next_batch + i, files) for i, files in enumerate(cut(new, *limits(step.spec))))
    return _file_work(where, base, batches, f"{len(new):,} new of {known}")


def _file_work(where: Place, base: int, batches: tuple[Batch, ...], reason: str) -> Work:
    number = batches[0].number
    return Work(where, number, base, reason, batches=batches, offsets={"files": {"batch": number}})


# --- Silver and Gold: tables --------------------------------------------------------------------------------------


def _tables(step: Step, state: State, base: int, where: Place) -> Work | Idle:
    missing = [str(name) for name, input_log in state.inputs.items() if input_log is None]
    if missing:
        return Idle(where, f"waits for {', '.join(missing)}, which {'do' if missing[1:] else 'does'} not exist yet")
    anew = step.name in state.asked.full_refresh and where.sequence > 0
    if anew and not state.asked.allow_data_loss:
        _refuse_leaving(step, where)
    if not anew:
        _refuse_another_order(step, where)
    ranges, moved, lookups = [], [], []
    for read in step.reads:
        log = as_read(step, read, _log(state, read.table))
        before = None if anew else offset_of(read, where.offsets)
        if read.lookup and step.incremental:
            lookups.append(range_of(read, log, before))
            continue
        without, start = tuple[int, ...](), before
        if read.feed:
            refuse_batches(step, read, None if anew else where.offsets.get(str(read.table)))
            found = follow(step, read, log, before)
            new, without = found.news, found.without
            start = before if found.first is None or before is None else {**before, "version": found.first - 1}
        else:
            if not read.whole:
                check_increment(step, read, log, before)
            new = has_moved(log, before)
        moved += [f"{read.table} {versions(before, log)}"] if new else []
        ranges.append(range_of(read, log, start, nothing=step.incremental and not new, without=without))
    if anew:
        reason = "a full refresh was asked for"
    elif step.incremental:
        if not moved:
            return Idle(where, "no new rows in " + ", ".join(map(str, step.origins)))
        reason = ("changes: " if "changes" in step.feeds else "new rows: ") + ", ".join(moved)
    else:
        first, changed = where.sequence == 0, where.definition not in ("", step.definition)
        always = [*(moving_parts(step.spec.sql) if step.spec.sql else ()), *step.moving]
        if not (first or changed or moved or always):
            return Idle(where, "no input changed")
        reason = (
            "first run" if first
            else "its definition changed" if changed
            else "changed: " + ", ".join(moved) if moved
            else f"{always[0]} gives another value in every run"
        )  # fmt: skip
    known = {} if anew else where.offsets
    offsets = {**known, **seen_beside(lookups, known), **{str(r.table): r.offset for r in ranges}}
    refresh = "incremental" if step.incremental and not anew else "full"
    kind = "refresh" if anew else "data"
    inputs = (*ranges, *lookups)
    return Work(where, where.sequence + 1, base, reason, inputs, offsets=offsets, refresh=refresh, kind=kind)


def _refuse_another_order(step: Step, where: Place) -> None:
    """Raise StepError where versions are ordered by the commits of a table, and were by those of another one (S63)."""
    if step.spec.merge is None or step.spec.merge.order:
        return
    there = {str(read.table) for read in step.reads}
    left = [name for name, offset in where.offsets.items() if name not in there and {"batch", "feed"} & offset.keys()]
    if left:
        raise StepError(
            f"{step.name}: without `sequence_by` its rows are in the order of the commits of {', '.join(left)}, and"
            f" those of {', '.join(map(str, step.origins))} are in none with them",
            code="table.merge",
            fix=f"take the change of `from` back, or make it anew: `lakehouse run --full-refresh {step.name}`",
        )


def _refuse_leaving(step: Step, where: Place) -> None:
    """Raise StepError before rows are made anew without those of tables that are no input any more (S93)."""
    left = [name for name in where.offsets if name not in {str(read.table) for read in step.reads} and "." in name]
    if left and step.incremental:
        raise StepError(
            f"{step.name}: rows that came from {', '.join(left)}, which it does not read any more, would be lost",
            code="refresh.inputs",
            fix="put the table back into `from`, or add `--allow-data-loss` if that is meant",
        )


def _log(state: State, name: TableName) -> Log:
    log = state.inputs[name]
    assert log is not None
    return log
