"""One lock per table that a run may write: `flock` on a file, so it is gone with the process, however that ended."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lakehouse.errors import LockTaken, MachineError
from lakehouse.lake.storage import is_local, local_path
from lakehouse.names import TableName


@contextmanager
def locked(root: str, tables: Iterable[TableName], *, run: str) -> Iterator[None]:
    """Hold the locks of all these tables, taken in one order so that two runs cannot wait for each other.

    `root` is the control plane's folder. Raises LockTaken, with the holder's run, host and time, when one is taken;
    then none is held.
    """
    if not is_local(root):
        raise MachineError(
            f"locks on {root} are not available yet", code="lock.unavailable", fix="use a lake on a local disk"
        )
    folder = Path(local_path(root), "locks")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for table in sorted(set(tables)):
            file = held.enter_context((folder / str(table)).open("a+", encoding="utf-8"))
            _take(file, table)
            held.callback(_forget, file)
            _sign(file, run)
        yield


def holder(root: str, table: TableName) -> str:
    """Who holds the lock of a table, in words; empty when nobody does."""
    path = Path(local_path(root), "locks", str(table))
    if not path.exists():
        return ""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file)
    return ""


def _take(file: IO[str], table: TableName) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockTaken(
            f"{table} is being written by {_read(file)}", code="lock.taken", fix="wait until it has ended"
        ) from None


def _sign(file: IO[str], run: str) -> None:
    signature = {
        "run": run,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    file.truncate(0)
    file.write(json.dumps(signature))
    file.flush()


def _forget(file: IO[str]) -> None:
    # the file itself stays: removing it would let two processes lock two files of one name
    file.truncate(0)
    file.flush()


def _read(file: IO[str]) -> str:
    file.seek(0)
    try:
        found = json.loads(file.read())
        return f"run {found['run']} on {found['host']} (process {found['process']}) since {found['at']}"
    except (ValueError, KeyError, TypeError):
        return "another run"  # it has the lock and has not signed yet
