"""A step and the state of the world -> what is to be done now. Pure: `plan` prints it, the engine does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lakehouse.errors import OffsetError, StepError
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Offset
from lakehouse.names import TableName
from lakehouse.planning.batches import counted, cut, limits, overwrites
from lakehouse.planning.definition import alterations
from lakehouse.planning.ranges import Range, check_increment, has_moved, range_of, versions
from lakehouse.planning.references import moving_parts
from lakehouse.planning.steps import Step
from lakehouse.sources.base import SourceFile
from lakehouse.state.ledger import Result, Unlisted
from lakehouse.state.observe import State
from lakehouse.state.place import Confirmation, Place, note, place, unconfirmed


@dataclass(frozen=True)
class Create:
    """The table does not exist: it is made before anything is planned for it, then the step is decided again."""

    then: Work | Idle
    """What there would be to do, were the table there already."""

    reason = "the table does not exist yet"


@dataclass(frozen=True)
class Alter:
    """The table differs from its definition: it is altered, then the step is decided again."""

    what: tuple[str, ...]
    then: Work | Idle
    """What there is to do after it."""

    @property
    def reason(self) -> str:
        """What is altered, in words."""
        return "; ".join(self.what)


@dataclass(frozen=True)
class Settle:
    """What an earlier run left open; done first, then the step is decided again."""

    place: Place
    confirm: tuple[Confirmation, ...] = ()
    """Commits that nobody confirmed, or the version that an idle run looked at."""
    restores: Mapping[int, int | None] = field(default_factory=dict)
    """RESTOREs that nobody noted yet -> the version they put back: noted with what is confirmed, in one commit."""
    results: tuple[Result, ...] = ()
    """Bronze: batches that are committed but have no `result` row."""
    void: tuple[int, ...] = ()
    """Bronze: planned batches that a RESTORE undid."""
    clean: tuple[tuple[int, str], ...] = ()
    """(sequence, attempt) that will never commit: their rows in the companions go."""
    changed: tuple[SourceFile, ...] = ()
    """Bronze: loaded files that have changed since; noted once per change (S1)."""
    unlisted: tuple[Unlisted, ...] = ()
    """Bronze: files of the batches to void that are not in the source any more, so that nothing loads them again."""
    then: Alter | Work | Idle | None = None
    """What there is to do after it, where that can be told before."""

    @property
    def is_something(self) -> bool:
        """Whether anything is open."""
        return any((self.confirm, self.restores, self.results, self.void, self.clean, self.changed))

    @property
    def reason(self) -> str:
        """What is open, in words."""
        words = [f"commit {c.sequence} is confirmed at version {c.version}" for c in self.confirm]
        words += [f"the RESTORE of version {v} is noted" for v in self.restores]
        words += [f"the result of batch {r.batch} is noted" for r in self.results]
        words += [f"batch {b} was undone by a RESTORE and is voided" for b in self.void]
        words += [f"{f.path}, which it loaded, is not in the source any more" for f in self.unlisted]
        words += [f"rejected rows of a dead attempt at {s} are removed" for s, _ in self.clean]
        words += [f"{f.path} was loaded and has changed since" for f in self.changed]
        return "; ".join(words)


@dataclass(frozen=True)
class Batch:
    """One Bronze commit to come: the ledger's number, its files, and what a replay needs to write identical rows."""

    number: int
    files: tuple[SourceFile, ...]
    ingested_at: datetime | None = None
    """Fixed in the ledger; None for a batch that is not planned yet."""
    replay: bool = False

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(f.size for f in self.files)


@dataclass(frozen=True)
class Work:
    """A step decided against a state: what one or several commits will read and write."""

    place: Place
    sequence: int
    base: int
    reason: str
    inputs: tuple[Range, ...] = ()
    batches: tuple[Batch, ...] = ()
    offsets: Mapping[str, Any] = field(default_factory=dict)
    refresh: str = "incremental"


@dataclass(frozen=True)
class Idle:
    """Nothing is new."""

    place: Place
    reason: str


Decision = Create | Settle | Alter | Work | Idle


def decide(step: Step, state: State) -> Decision:
    """What the step has to do now. Raises OffsetError when the table's place cannot be told safely."""
    log = state.log
    if log is None:
        then = _to_do(step, state, -1, Place())
        # a table that reads is made with the columns of what it reads, once there is something to read
        return Create(then) if step.is_bronze or isinstance(then, Work) else then
    if log.table_id is None:
        raise OffsetError(
            f"{step.name}: the table at {log.path} is not one of ours: somebody made or replaced it",
            code="offset.replaced",
            fix="RESTORE it to the version before, or move it away to have the table made anew",
        )
    where = place(log, state.commits)
    settle = _unsettled(step, state, log, where)
    if settle.is_something:
        return replace(settle, then=_afterwards(step, state, log, settle))
    found = _settled(step, state, log, where)
    if isinstance(found, Idle) and (noted := _notes(state, log, found.place)):
        return Settle(where, confirm=noted, then=found)
    return found


def _settled(step: Step, state: State, log: Log, where: Place) -> Alter | Work | Idle:
    altered = alterations(step, log)
    found = _to_do(step, state, log.version, replace(where, offsets=_looked_at(state, where)))
    return Alter(tuple(altered), found) if altered else found


def _afterwards(step: Step, state: State, log: Log, settle: Settle) -> Alter | Work | Idle | None:
    """What follows; None where what is settled decides it, or where it is an error: what is open is settled anyway."""
    if settle.results or settle.void:
        return None
    try:
        return _settled(step, state, log, settle.place)
    except StepError:
        return None


def _looked_at(state: State, where: Place) -> dict[str, Offset]:
    """The offsets, on to the versions that an idle run looked at and found to bring no data (S78)."""
    offsets = dict(where.offsets)
    for row in state.commits.confirmed:
        if (row.sequence, row.attempt) != (where.sequence, where.attempt):
            continue
        for name, seen in row.offsets.items():
            known = offsets.get(name)
            if known and known.get("id") == seen.get("id") and known.get("version", 0) < seen.get("version", 0):
                offsets[name] = seen
    return offsets


def _notes(state: State, log: Log, where: Place) -> tuple[Confirmation, ...]:
    """What an idle run writes down, so that the place survives when history expires: the versions it looked at.

    They are written with the `confirmed` rows and not in `steps`, because those do not age.
    """
    looked = dict(where.offsets)
    for name, input_log in state.inputs.items():
        before = looked.get(str(name))
        if before and input_log is not None and before["version"] < input_log.version and where.sequence:
            looked[str(name)] = {**before, "version": input_log.version}
    if looked != dict(where.offsets):
        return (Confirmation(where.sequence, where.attempt, log.version, looked),)
    return note(log, state.commits, where)


def _unsettled(step: Step, state: State, log: Log, where: Place) -> Settle:
    standing = state.standing
    confirm, clean = unconfirmed(log, state.commits, where), state.commits.dead(log)
    restores = state.commits.unnoted(log)
    if standing is None:
        return Settle(where, confirm, restores, clean=clean)
    settled = not (standing.late_results or standing.undone)
    changed = tuple(standing.changed_files(state.files)) if settled and not overwrites(step.spec) else ()
    unlisted = tuple(standing.unlisted(state.files))
    return Settle(where, confirm, restores, standing.late_results, standing.undone, clean, changed, unlisted)


def _to_do(step: Step, state: State, base: int, where: Place) -> Work | Idle:
    if step.is_bronze:
        return _files(step, state, base, where)
    return _tables(step, state, base, where)


# --- Bronze: files ------------------------------------------------------------------------------------------------


def _files(step: Step, state: State, base: int, where: Place) -> Work | Idle:
    standing = state.standing
    assert standing is not None, "a Bronze step is observed with its ledger"
    if standing.open is not None:
        planned = standing.open
        batch = Batch(planned.batch, planned.files, planned.ingested_at, replay=True)
        return _file_work(
            where, base, (batch,), f"batch {batch.number} was planned and not committed: the same files again"
        )
    new = standing.new_files(state.files, allow_overwrites=overwrites(step.spec), again=state.again)
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
    ranges, moved = [], []
    for read in step.reads:
        log = _log(state, read.table)
        before = where.offsets.get(str(read.table))
        if not read.whole:
            check_increment(step, read, log, before)
        if has_moved(log, before):
            moved.append(f"{read.table} {versions(before, log)}")
        elif step.incremental:
            continue
        ranges.append(range_of(read, log, before))
    if step.incremental:
        if not ranges:
            return Idle(where, "no new rows in " + ", ".join(str(r.table) for r in step.reads))
        reason = "new rows: " + ", ".join(moved)
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
    offsets = {**where.offsets, **{str(r.table): r.offset for r in ranges}}
    refresh = "incremental" if step.incremental else "full"
    return Work(where, where.sequence + 1, base, reason, tuple(ranges), offsets=offsets, refresh=refresh)


def _log(state: State, name: TableName) -> Log:
    log = state.inputs[name]
    assert log is not None
    return log
