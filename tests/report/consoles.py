"""Consoles that record what is printed, and results to print."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from lakehouse.engine.results import RunResult, Status, StepResult
from lakehouse.names import TableName

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def pipe(width: int = 200) -> Console:
    """What a pipe or a file gets."""
    return Console(file=io.StringIO(), width=width, highlight=False, soft_wrap=True)


def terminal(width: int = 120) -> Console:
    """What a person sees, colours included."""
    return Console(file=io.StringIO(), width=width, highlight=False, force_terminal=True, color_system="standard")


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def step(name: str, status: Status = Status.COMPLETED, **values: Any) -> StepResult:
    return StepResult(TableName.parse(name), status, **values)


def run(*steps: StepResult, **values: Any) -> RunResult:
    return RunResult("run-1", "local", NOON, {s.name: s for s in steps}, lake="/lake", **values)
