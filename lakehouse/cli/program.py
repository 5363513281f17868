"""The program: its name, its help, and what becomes of an error. The only module that exits."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from types import FrameType

import typer
from typer.core import TyperGroup

from lakehouse.errors import LakehouseError, SpecError
from lakehouse.redaction import redacted

ORDER = (
    "init",
    "validate",
    "plan",
    "run",
    "show",
    "quarantine",
    "replay",
    "maintain",
    "expectations",
    "files",
    "history",
    "lineage",
    "schema",
)
"""The commands as the help lists them: in the order in which one meets them."""


class _Commands(TyperGroup):
    """The commands in `ORDER`, whichever module brings them."""

    def list_commands(self, ctx: object) -> list[str]:
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    name="lakehouse",
    cls=_Commands,
    help="Medallion lakehouse pipelines on Spark and Delta, from one YAML file.\n\n"
    "Bronze takes in every file exactly once, Silver is typed, checked and merged, Gold is kept up to date. A command "
    "reads the project in this folder: `pipelines/*.yaml`, and `configs/` for what differs between machines.",
    epilog="Begin with `lakehouse init my-lake`: a project that runs at once. `lakehouse COMMAND --help` tells more.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TERMINATED = 143
_SELDOM = (500_000, 10, 10)
"""Reading files makes hundreds of thousands of objects that stay; looking for garbage among them takes up to a third of
the time. So many more than usual are made before it is looked for."""
_STOPPED = {130: "interrupted", TERMINATED: "terminated"}
"""Exit code -> what happened; Typer makes 130 of an interrupt."""


def main() -> None:
    """Run a command and exit with its code."""
    gc.set_threshold(*_SELDOM)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(prog_name="lakehouse")
    except SpecError as error:
        _print_problems(error)
        sys.exit(error.exit_code)
    except LakehouseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:  # a defect: its traceback, which may quote what the run knows
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
        sys.exit(1)
    except SystemExit as left:
        if left.code in _STOPPED:
            print(f"{_STOPPED[left.code]}; run again to go on where this stopped", file=sys.stderr)
        raise
    finally:
        gc.freeze()  # all of it goes with the process; looking for garbage first would take a fifth of `validate`


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _print_problems(error: SpecError) -> None:
    from lakehouse.spec.render import render

    count = len(error.problems)
    print(render(error.problems), file=sys.stderr)
    print(f"\n{count} problem{'' if count == 1 else 's'} found; nothing was done", file=sys.stderr)
