"""What of an input is to be read: what came after the offset, or all of it, at its pin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import OffsetError
from lakehouse.lake.lineage import standing
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.steps import Read, Step


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

    def describe(self) -> str:
        """`bronze.flights version 7, batches after 3`."""
        if self.since is None:
            return f"{self.table} version {self.version}, whole"
        return f"{self.table} version {self.version}, batches after {self.since.get('batch', 0)}"


def has_moved(log: Log, offset: Mapping[str, Any] | None) -> bool:
    """Whether the input has a commit after the offset that changed data (S78, S85)."""
    if offset is None:
        return log.data_version(-1) is not None
    if offset["id"] != _id(log) or log.version < offset["version"]:
        return True
    return log.version > offset["version"] and log.data_version(offset["version"]) is not None


def range_of(read: Read, log: Log, before: Mapping[str, Any] | None) -> Range:
    """What is read of the input at its pin; `before` is the offset, None when nothing was read yet."""
    offset: dict[str, Any] = {"id": _id(log), "version": log.version}
    if not read.whole:
        offset["batch"] = log.sequence or 0
    since = None if read.whole else {"batch": (before or {}).get("batch", 0)}
    return Range(read.table, _id(log), log.path, log.version, since, offset)


def check_increment(step: Step, read: Read, log: Log, before: Mapping[str, Any] | None) -> None:
    """S74, S79: reading on is right only when the input is the same table and was only appended to since the offset."""
    if before is None:
        return
    remedy = f"delete the table {step.name} to have it made anew from its inputs"
    if before["id"] != _id(log) or log.version < before["version"]:
        raise OffsetError(
            f"{step.name}: {read.table} is another table than the one read before (recreated or replaced)",
            code="offset.recreated",
            fix=remedy,
        )
    stands_on = standing(log, before["version"])
    for change in log.changes(before["version"], log.version):
        if change.version not in stands_on or change.kind in ("rewrite", "erase"):
            continue
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
