"""The program: its name, its help, and what becomes of an error. The only module that exits."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from lakehouse.errors import LakehouseError, SpecError

app = typer.Typer(
    name="lakehouse",
    help="Medallion lakehouse pipelines on Spark and Delta, from one YAML file.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TERMINATED = 143
_STOPPED = {130: "interrupted", TERMINATED: "terminated"}
"""Exit code -> what happened; Typer makes 130 of an interrupt."""


def main() -> None:
    """Run a command and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(prog_name="lakehouse")
    except SpecError as error:
        _print_problems(error)
        sys.exit(error.exit_code)
    except LakehouseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as left:
        if left.code in _STOPPED:
            print(f"{_STOPPED[left.code]}; run again to go on where this stopped", file=sys.stderr)
        raise


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _print_problems(error: SpecError) -> None:
    from lakehouse.spec.render import render

    count = len(error.problems)
    print(render(error.problems), file=sys.stderr)
    print(f"\n{count} problem{'' if count == 1 else 's'} found; nothing was run", file=sys.stderr)
