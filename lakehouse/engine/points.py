"""The named points of the commit protocol, in the order in which a step passes them.

Crash tests kill the process before and after each of them; `listener` is where they hold on. In production nobody
listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lakehouse.names import TableName

POINTS = (
    "create",  # the table is made, before anything is planned for it
    "ledger",  # Bronze: the batch is planned in `files`
    "planned",  # the attempt is written to `commits`
    "failed",  # Bronze: files that cannot be read are written to `files`
    "companions",  # rejected rows are appended to the quarantine, or tombstones to theirs
    "marked",  # replay: the rows that it takes are marked in the quarantine
    "data",  # the signed commit
    "confirmed",  # the commit was read back and is written to `commits`
    "result",  # Bronze: the batch's outcome is written to `files`
    "listed",  # Bronze, with events: that all files were listed is written to `files`
    "drained",  # Bronze, with events: those that have been dealt with are removed
    "replayed",  # replay: the rows that it took say so in the quarantine
    "maintenance",  # OPTIMIZE, VACUUM
    "cleaned",  # Bronze: files that left the source are written to `files`
    "audit",  # the control plane's rows about the step
)

listener: Callable[[str, TableName], None] | None = None


@contextmanager
def point(name: str, table: TableName) -> Iterator[None]:
    """Tell the listener `before <name>` and `after <name>` of this table around the block."""
    if name not in POINTS:
        raise ValueError(f"{name!r} is not a point of the protocol")
    if listener is not None:
        listener(f"before {name}", table)
    yield
    if listener is not None:
        listener(f"after {name}", table)
