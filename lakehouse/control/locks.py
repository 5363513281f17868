"""One lock per table that a run may write: `flock` on a file, so it is gone with the process, however that ended."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from lakehouse.errors import LockTaken, MachineError
from lakehouse.lake.storage import is_local, local_path
from lakehouse.names import TableName


@contextmanager
def locked(root: str, tables: Iterable[TableName], *, run: str) -> Iterator[None]:
    """Hold the locks of all these tables, taken in one order so that two runs cannot wait for each other.

    `root` is the control plane's folder. Raises LockTaken, with the holder's run, host and time, when one is taken;
    then none is held. Raises MachineError when a lock cannot be made.
    """
    if not is_local(root):
        raise MachineError(
            f"locks on {root} are not available yet", code="lock.unavailable", fix="use a lake on a local disk"
        )
    folder = Path(local_path(root), "locks")
    with ExitStack() as held:
        for table in sorted(set(tables)):
            file = held.enter_context(_opened(folder, table))
            _take(file, table)
            held.callback(_forget, file)
            _sign(file, run)
        yield


def holder(root: str, table: TableName) -> str:
    """Who holds the lock of a table, in words; empty when nobody does."""
    path = Path(local_path(root), "locks", str(table))
    if not path.exists():
        return ""
    with path.open("ab+", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file)
    return ""


def _opened(folder: Path, table: TableName) -> FileIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / str(table)).open("ab+", buffering=0)
    except OSError as error:
        raise MachineError(
            f"the lock of {table} cannot be made: {error}",
            code="lock.unavailable",
            fix="let the lake's folder be written, and have room on its disk",
        ) from error


def _take(file: FileIO, table: TableName) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockTaken(
            f"{table} is being written by {_read(file)}", code="lock.taken", fix="wait until it has ended"
        ) from None


def _sign(file: FileIO, run: str) -> None:
    signature = {
        "run": run,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with suppress(OSError):  # on a full disk: the lock is held all the same, by "another run"
        file.truncate(0)
        file.write(json.dumps(signature).encode())


def _forget(file: FileIO) -> None:
    # the file itself stays: removing it would let two processes lock two files of one name
    with suppress(OSError):
        file.truncate(0)


def _read(file: FileIO) -> str:
    file.seek(0)
    try:
        found = json.loads(file.read() or b"")
        return f"run {found['run']} on {found['host']} (process {found['process']}) since {found['at']}"
    except (ValueError, KeyError, TypeError):
        return "another run"  # it has the lock and has not signed yet
