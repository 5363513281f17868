"""Whether a table can be read on by its change feed, and which of its versions are an input (S74, S75, S78, S79)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import MachineError, OffsetError
from lakehouse.lake import types
from lakehouse.lake.history import Change
from lakehouse.lake.lineage import standing
from lakehouse.lake.log import Log
from lakehouse.planning.ranges import check_same, refuse_changed
from lakehouse.planning.steps import Read, Step

_SAME_ROWS = ("rewrite", "erase")
"""Kinds of commits that change files, and of rows nothing that a reader has to do."""


@dataclass(frozen=True)
class Followed:
    """What of the versions after the offset is an input."""

    news: bool
    """One of them changed data."""
    without: tuple[int, ...] = ()
    """Versions that the feed has and that are none."""
    first: int | None = None
    """The first version that is one: from where the feed is read Delta wants it on, though nothing changed there."""


def follow(step: Step, read: Read, log: Log, before: Mapping[str, Any] | None) -> Followed:
    """Look at what came after the offset. Raises OffsetError where reading on would lose or double rows."""
    if before is None:
        return Followed(log.data_version(-1) is not None)
    remedy = check_same(step, read, log, before)
    stands_on = standing(log, before["version"])
    changes = log.changes(before["version"], log.version)
    news: list[Change] = []
    without: list[int] = []
    for change in changes:
        # a RESTORE to a version that nobody had read beyond is none of those the content stands on, either
        if change.version not in stands_on or change.kind in _SAME_ROWS:
            without.append(change.version)
        elif change.operation == "RESTORE":
            raise OffsetError(
                f"{step.name}: version {change.version} of {read.table} put back what there was before version"
                f" {before['version']}, which was read",
                code="offset.undone",
                fix=f"RESTORE {read.table} to version {change.version - 1}, or {remedy}",
            )
        elif change.data_change:
            if read.feed == "inserts":
                refuse_changed(step, read, change, remedy)
            news.append(change)
    if news:
        _refuse_gaps(step, read, log, changes, news, before["version"], remedy)
    return Followed(bool(news), tuple(without) if news else (), news[0].version if news else None)


def _refuse_gaps(
    step: Step, read: Read, log: Log, changes: Sequence[Change], news: Sequence[Change], since: int, remedy: str
) -> None:
    """Raise OffsetError for a change that was not recorded, or of columns that the table has no longer."""
    wanted = {change.version for change in news}
    on, columns = log.feeds, True
    if any(change.feed is not None for change in changes):
        there = _at(log, since)
        on, columns = (there.feeds, _hold(log, there)) if there is not None else (log.feeds, True)
    for change in changes:
        if change.feed is not None:
            on = change.feed
            if change.version in wanted or columns:
                there = _at(log, change.version)
                columns = there is None or _hold(log, there)
        if change.version not in wanted:
            continue
        if not on:
            raise OffsetError(
                f"{step.name}: what version {change.version} of {read.table} changed was not recorded: its change feed"
                " was off",
                code="offset.feed",
                fix=f"run {read.table} with it, which switches the feed on, and {remedy}",
            )
        if not columns:
            raise OffsetError(
                f"{step.name}: version {change.version} of {read.table} was written with columns, or a partitioning,"
                " that the table does not have any more, and Delta cannot tell then what it changed",
                code="offset.feed",
                fix=remedy,
            )


def _at(log: Log, version: int) -> Log | None:
    with suppress(MachineError):
        return Log.open(log.path, log.storage, version)
    return None


def _hold(log: Log, older: Log) -> bool:
    """Whether the table has all columns that it had, with the same or wider types, and lies as it did.

    Delta reads the values of partition columns of all versions by the partitioning of the newest one.
    """
    if older.partitioned_by != log.partitioned_by:
        return False
    now = {name.casefold(): text for name, text in log.columns.items()}
    return all(
        (there := now.get(name.casefold())) is not None and (there == text or _grown(text, there))
        for name, text in older.columns.items()
    )


def _grown(before: str, now: str) -> bool:
    return types.widens(before, now) or ("struct<" in before and "struct<" in now)
