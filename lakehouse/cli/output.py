"""What a command prints: text for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """A terminal to draw in, or a pipe that gets plain lines."""
    from rich.console import Console

    class Lasting(Console):
        def on_broken_pipe(self) -> None:
            """Nobody reads any more: the command goes on to its end, and its exit code is still true."""
            with suppress(SystemExit):
                super().on_broken_pipe()

    if sys.stdout.isatty():
        return Lasting(highlight=False)
    # a pipe has no edge to fold lines at, and what reads it wants whole values
    return Lasting(highlight=False, soft_wrap=True, width=1000)


def dump(value: object) -> None:
    """Print a value as JSON; what JSON has no form for is printed as text."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def draw(rows: list[dict[str, Any]], title: str, as_json: bool) -> None:
    """Rows as a table for people or as JSON for programs."""
    from lakehouse.report.rows import show_rows

    if as_json:
        dump(rows)
    else:
        show_rows(console(), rows, title)
