"""Commands that run something: their progress on the way, what became of it at the end, and their exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.cli.options import LogLevel
from lakehouse.cli.output import console, dump
from lakehouse.errors import MachineError

if TYPE_CHECKING:
    from lakehouse.engine.results import Listener, RunResult

Told = Annotated[LogLevel, typer.Option("--log-level", help="How much to tell on the way.")]


def carry_out(do: Callable[[Listener], RunResult], command: str, told: LogLevel, *, as_json: bool) -> None:
    """Do it with a listener, and end the command; `command` is how to type it once more where something failed."""
    from lakehouse.report.progress import Progress
    from lakehouse.report.summary import show, to_dict

    screen = console()
    with Progress(screen, quiet=as_json or told is LogLevel.ERROR) as progress:
        result = do(progress)
    if as_json:
        dump(to_dict(result))
    else:
        show(screen, result, command)
    raise typer.Exit(exit_code(result))


def exit_code(result: RunResult) -> int:
    """1 when a step failed, but 3 when nothing was wrong except the machine, as without Java."""
    failures = [step.error for step in result.steps.values() if step.error is not None]
    if failures and all(isinstance(error, MachineError) for error in failures):
        return MachineError.exit_code
    return 0 if result.ok else 1
