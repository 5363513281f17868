"""What the operations have in common: what they look at, what they decide, what they need to know of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from lakehouse.names import TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.lake.history import Commit
    from lakehouse.lake.log import Log

LOOK_BACK = 200
"""Commits that a decision reads at most: on an object store each costs a request."""


@dataclass(frozen=True)
class Shape:
    """What the properties of a table depend on."""

    layer: str
    first: tuple[str, ...] = ()
    """Columns by which the table's own reads and writes skip files, so that they must have statistics."""
    rewrites: bool = False
    """Rows that are stored are changed: by `merge` or `aggregate`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Stored columns -> type, in the table's order; empty where they are not known yet."""
    partitioned_by: tuple[str, ...] = ()
    read_by_changes: bool = False
    """Another table reads this one's change feed."""


@dataclass(frozen=True)
class View:
    """One look at a table's log; nothing below needs Spark."""

    layer: str
    files: pa.Table
    """Live files as `Log.files` gives them."""
    commits: Sequence[Commit]
    """Newest first."""
    removed: pa.Table
    """Files that the log lists as removed: path, removed_at."""
    partitioned_by: tuple[str, ...]
    cluster_by: tuple[str, ...]
    retain: timedelta
    """For how long removed files are kept."""
    now: datetime
    readers: Mapping[TableName, datetime] = field(default_factory=dict)
    """Table that reads this one -> when the version was made from which on it has still to read (S103)."""

    @classmethod
    def of(
        cls,
        log: Log,
        layer: str,
        cluster_by: Sequence[str],
        retain: timedelta,
        now: datetime,
        readers: Mapping[TableName, datetime] | None = None,
    ) -> View:
        """The table as this log shows it."""
        return cls(
            layer,
            log.files(),
            log.commits,
            log.removed(),
            log.partitioned_by,
            tuple(cluster_by),
            retain,
            now,
            readers or {},
        )

    def recent(self) -> Iterator[Commit]:
        """The newest commits, as many as a decision may read."""
        return islice(iter(self.commits), LOOK_BACK)


@dataclass(frozen=True)
class Decision:
    """Whether an operation is due, and the figures that say so."""

    operation: str
    due: bool
    reason: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Parts of the statement that `decide` settled."""


def interval(length: timedelta) -> str:
    """The length as Delta's properties have it."""
    seconds = round(length.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600)):
        if seconds % size == 0:
            return f"interval {seconds // size} {unit}"
    return f"interval {seconds} seconds"


def count(number: int, noun: str) -> str:
    """`1 file`, `3,000 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size: float) -> str:
    """A number of bytes for people."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "bytes" or size >= 10 else f"{size:.1f} {units[0]}"
