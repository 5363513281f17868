"""Audit rows: collected by any thread, written in batches by one thread per process."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lakehouse.control.store import Control, to_arrow
from lakehouse.control.tables import TABLES

_BATCH = 2000
_log = logging.getLogger(__name__)


class Audit:
    """Rows for `runs`, `steps`, `expectations`, `maintenance`, `errors` of one control plane.

    A row is durable once `flush` has returned. Rows that could not be written are kept and tried again at the next
    `flush`; those left at the end of the process are written then, or logged as lost.
    """

    def __init__(self, control: Control) -> None:
        self.control = control

    def add(self, table: str, /, **row: Any) -> None:
        """Take a row; raises ValueError at once for a column that is not there or a value that does not fit."""
        row.setdefault("at", datetime.now(UTC))
        to_arrow(TABLES[table], [row])
        _writer().queue.put((self.control, table, row))

    def flush(self) -> None:
        """Wait until every row added so far is written. Raises what writing raised."""
        ticket = _Ticket(self.control.root)
        _writer().queue.put(ticket)
        ticket.done.wait()
        if ticket.error is not None:
            raise ticket.error


@dataclass
class _Ticket:
    root: str
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class _Writer(threading.Thread):
    """Drains the queue; writes when somebody waits or enough has come together."""

    def __init__(self) -> None:
        super().__init__(name="lakehouse-audit", daemon=True)
        self.queue: queue.SimpleQueue[tuple[Control, str, Mapping[str, Any]] | _Ticket] = queue.SimpleQueue()
        self.pending: dict[tuple[str, str], tuple[Control, list[Mapping[str, Any]]]] = {}

    def run(self) -> None:
        while True:
            tickets = self.collect()
            errors = self.write()
            for ticket in tickets:
                ticket.error = errors.get(ticket.root)
                ticket.done.set()

    def collect(self) -> list[_Ticket]:
        """Take what there is, at least one thing, until somebody waits for it or a batch is full."""
        tickets: list[_Ticket] = []
        count = 0
        while not (tickets and self.queue.empty()) and count < _BATCH:
            item = self.queue.get()
            if isinstance(item, _Ticket):
                tickets.append(item)
            else:
                control, table, row = item
                self.pending.setdefault((control.root, table), (control, []))[1].append(row)
                count += 1
        return tickets

    def write(self) -> dict[str, Exception]:
        """Write all pending rows, one commit per table; what fails stays pending. Root -> its first error."""
        errors: dict[str, Exception] = {}
        for (root, table), (control, rows) in list(self.pending.items()):
            try:
                control.append(table, rows)
                del self.pending[root, table]
            except Exception as error:  # whatever it is, it belongs to the thread that waits in flush
                errors.setdefault(root, error)
        return errors


_lock = threading.Lock()
_writers: dict[int, _Writer] = {}


def _writer() -> _Writer:
    """The process's writer, started at the first row; a forked process gets its own."""
    with _lock:
        if os.getpid() not in _writers:
            _writers[os.getpid()] = _Writer()
            _writers[os.getpid()].start()
        return _writers[os.getpid()]


@atexit.register
def _finish() -> None:
    writer = _writers.get(os.getpid())
    if writer is None:
        return
    ticket = _Ticket("")
    writer.queue.put(ticket)
    ticket.done.wait(60)
    for (root, table), (_, rows) in list(writer.pending.items()):
        _log.error("%d rows of %s/%s could not be written and are lost", len(rows), root, table)
