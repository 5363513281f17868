"""What a person sees while a run goes on: a live table in a terminal, one line per event in a pipe."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lakehouse.engine.results import Event, Status, StepResult
from lakehouse.names import TableName

STYLES = {
    Status.COMPLETED: "green",
    Status.IDLE: "dim",
    Status.FAILED: "bold red",
    Status.SKIPPED: "yellow",
    Status.RUNNING: "cyan",
}


class Progress:
    """A listener of a run's events that draws them on the console; use as a context manager."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._running: dict[TableName, tuple[float, str]] = {}
        self._lock = threading.Lock()
        live = console.is_terminal and not quiet
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True, get_renderable=self._draw) if live else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show the event."""
        if self._quiet:
            return
        with self._lock:
            if event.kind == "step started" and event.step:
                self._running[event.step] = (time.monotonic(), event.text)
            elif event.kind == "step note" and event.step and event.step in self._running:
                self._running[event.step] = (self._running[event.step][0], event.text)
            elif event.kind == "step finished" and event.step:
                self._running.pop(event.step, None)
        if event.kind == "step finished" and event.result:
            self._console.print(finished_line(event.result))
        elif event.kind in {"step retrying", "run note"}:
            self._console.print(Text(f"  {event.step or ''}  {event.text}".rstrip(), style="yellow"))

    def _draw(self) -> RenderableType:
        with self._lock:
            running = list(self._running.items())
        rows = Table.grid(padding=(0, 1))
        for name, (since, text) in running:
            rows.add_row(Spinner("dots"), Text(str(name), style="bold"), f"{time.monotonic() - since:5.1f} s", text)
        return Group(rows) if running else Text("")


def finished_line(result: StepResult) -> Text:
    """One line about a finished step."""
    line = Text("  ")
    line.append(f"{result.status.value:<10}", style=STYLES.get(result.status, ""))
    line.append(f"{result.name!s:<26}", style="bold")
    line.append(f"{result.seconds:6.1f} s  " if result.status in (Status.COMPLETED, Status.FAILED) else " " * 10)
    line.append(figures(result) if result.status is Status.COMPLETED else result.reason)
    return line


def figures(result: StepResult) -> str:
    """`304 files, 282,042 rows read, 282,042 written, 3 rejected`; what is zero is left out."""
    parts = []
    if result.files_read:
        parts.append(_count(result.files_read, "file"))
    for value, what in (
        (result.rows_read, "read"),
        (result.rows_written, "written"),
        (result.rows_updated, "updated"),
        (result.rows_rejected or None, "rejected"),
        (result.rows_dropped or None, "dropped"),
        (result.rows_filtered, "filtered"),
        (result.rows_superseded, "superseded"),
        (result.rows_late, "late"),
        (result.rows_equal, "equal"),
        (result.rows_deleted, "deleted"),
        (result.rows_left_out, "left out"),
        (result.rows_rescued or None, "with rescued values"),
    ):
        if value is not None and (value or what in ("read", "written")):
            parts.append(f"{value:,} {what}")
    return ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
