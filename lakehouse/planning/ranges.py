"""What of an input is to be read: what came after the offset, or all of it, at its pin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.errors import MachineError, OffsetError
from lakehouse.lake.history import Change
from lakehouse.lake.lineage import standing
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.steps import Feed, Read, Step


@dataclass(frozen=True)
class Range:
    """What is read of one input: the table as of `version`, and of that only what came after the offset."""

    table: TableName
    id: str
    path: str
    version: int
    since: Mapping[str, Any] | None
    """The offset after which rows are new; None: the whole table."""
    offset: Mapping[str, Any]
    """The input's offset once this is committed: {id, version} and for Bronze `batch`."""
    lookup: bool = False
    """It brings no rows: rules of `cleanse` read it beside them."""
    nothing: bool = False
    """Nothing came since the offset; only its columns are of interest, beside inputs that have new rows."""
    feed: Feed = ""
    """What came since the offset is read by the table's change feed, in this way."""
    without: tuple[int, ...] = ()
    """Versions of the feed that are no input: what a RESTORE undid, and what only wrote the same rows anew."""

    @property
    def how(self) -> str:
        """`new rows`, `change feed`, `whole`, `nothing new`, or `lookup`: whole, beside the rows."""
        if self.lookup:
            return "lookup"
        new = "change feed" if self.feed else "new rows"
        return "nothing new" if self.nothing else "whole" if self.since is None else new

    def describe(self) -> str:
        """`bronze.flights version 7, batches after 3`."""
        if self.lookup:
            return f"{self.table} version {self.version}, whole, as a lookup"
        if self.nothing:
            return f"{self.table} version {self.version}, nothing new"
        if self.since is None:
            return f"{self.table} version {self.version}, whole{', later on its change feed' if self.feed else ''}"
        if self.feed:
            what = "rows added" if self.feed == "inserts" else "what changed"
            return f"{self.table} version {self.version}, {what} since version {self.since['version']}: change feed"
        return f"{self.table} version {self.version}, batches after {self.since.get('batch', 0)}"


def has_moved(log: Log, offset: Mapping[str, Any] | None) -> bool:
    """Whether the input has a commit after the offset that changed data (S78, S85)."""
    if offset is None:
        return log.data_version(-1) is not None
    if offset["id"] != _id(log) or log.version < offset["version"]:
        return True
    return log.version > offset["version"] and log.data_version(offset["version"]) is not None


def as_read(step: Step, read: Read, log: Log) -> Log:
    """The input at the version that is read: the pinned one, unless the file names another.

    Raises OffsetError when that one is not there, or no longer.
    """
    if read.at is None:
        return log
    version = read.at if isinstance(read.at, int) else _version_at(log, read.at)
    found = None
    if version is not None and version <= log.version:
        with suppress(MachineError):
            found = Log.open(log.path, log.storage, version)
    if found is None:
        what = f"version {read.at}" if isinstance(read.at, int) else f"what there was at {read.at.isoformat()}"
        raise OffsetError(
            f"{step.name}: {what} of {read.table} cannot be read; there are versions {log.oldest} to {log.version}",
            code="input.version",
            fix="name one of these in `from`",
        )
    return found


def _version_at(log: Log, time: datetime) -> int | None:
    """The newest version that is not younger than the time."""
    return next((commit.version for commit in log.commits if commit.at <= time), None)


def range_of(
    read: Read, log: Log, before: Mapping[str, Any] | None, *, nothing: bool = False, without: tuple[int, ...] = ()
) -> Range:
    """What is read of the input at its pin; `before` is the offset, None when nothing was read yet."""
    offset: dict[str, Any] = {"id": _id(log), "version": log.version}
    if read.table.layer == "bronze" and not read.lookup:  # also read whole: a step may go on by batches from there
        offset["batch"] = log.sequence or 0
    since: dict[str, Any] | None = None if read.whole else {"batch": (before or {}).get("batch", 0)}
    if read.feed:
        offset["feed"] = True
        since = None if before is None else {"version": before["version"]}
    return Range(read.table, _id(log), log.path, log.version, since, offset, read.lookup, nothing, read.feed, without)


def by_names(
    offsets: Mapping[str, Mapping[str, Any]], logs: Mapping[TableName, Log | None]
) -> dict[str, Mapping[str, Any]]:
    """The offsets under the names that these tables have now: one that was renamed is known by its id (S94)."""
    found = dict(offsets)
    for name, log in logs.items():
        if log is None or str(name) in found:
            continue
        if before := next((other for other, offset in found.items() if offset.get("id") == _id(log)), None):
            found[str(name)] = found.pop(before)
    return found


def offset_of(read: Read, offsets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The offset of an input; None where nothing was read of it in this way yet, as when it was a lookup until now."""
    before = offsets.get(str(read.table))
    mark = "feed" if read.feed else "batch"
    return None if before is None or (not read.whole and mark not in before) else before


def refuse_batches(step: Step, read: Read, before: Mapping[str, Any] | None) -> None:
    """Raise OffsetError where rows were read by batches until now, and the whole table would come once more."""
    if before is not None and "batch" in before and "feed" not in before:
        raise OffsetError(
            f"{step.name}: {read.table} was read by its batches, and its change feed would begin with all rows",
            code="offset.feed",
            fix=f"take `changes` back, or make {step.name} anew: `lakehouse run --full-refresh {step.name}`",
        )


def seen_beside(lookups: Iterable[Range], before: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The offsets of lookups; a table whose rows were ever read as they came keeps the place of these."""
    return {str(r.table): r.offset for r in lookups if not {"batch", "feed"} & before.get(str(r.table), {}).keys()}


def check_increment(step: Step, read: Read, log: Log, before: Mapping[str, Any] | None) -> None:
    """S74, S79: reading on is right only when the input is the same table and was only appended to since the offset."""
    if before is None:
        return
    remedy = check_same(step, read, log, before)
    stands_on = standing(log, before["version"])
    for change in log.changes(before["version"], log.version):
        if change.version not in stands_on or change.kind in ("rewrite", "erase"):
            continue
        refuse_changed(step, read, change, remedy)


def check_same(step: Step, read: Read, log: Log, before: Mapping[str, Any]) -> str:
    """What helps where reading on is wrong; raises OffsetError with it for another table than the one read before."""
    remedy = f"make {step.name} anew from its inputs: `lakehouse run --full-refresh {step.name}`"
    if before["id"] != _id(log) or log.version < before["version"]:
        raise OffsetError(
            f"{step.name}: {read.table} is another table than the one read before (recreated or replaced)",
            code="offset.recreated",
            fix=remedy,
        )
    return remedy


def refuse_changed(step: Step, read: Read, change: Change, remedy: str) -> None:
    """Raise OffsetError for a commit that did more than add rows to a table that is read as append-only."""
    if change.data_change and not change.append_only:
        raise OffsetError(
            f"{step.name}: version {change.version} of {read.table} ({change.operation}) changed rows in a table"
            " that is read as append-only, so what was read before may no longer be there",
            code="offset.changed",
            fix=f"RESTORE {read.table} to version {change.version - 1}, or {remedy}",
        )


def versions(before: Mapping[str, Any] | None, log: Log) -> str:
    """From which version to which, in words."""
    return f"version {before['version']} -> {log.version}" if before else f"version {log.version}"


def _id(log: Log) -> str:
    return log.table_id or log.delta_id
