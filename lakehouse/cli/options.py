"""Arguments and options that commands share, and the project that they name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import completion
from lakehouse.errors import SpecError

if TYPE_CHECKING:
    from lakehouse.spec.load import Project


class FileStatus(StrEnum):
    """What became of a file."""

    LOADED = "loaded"
    FAILED = "failed"
    PLANNED = "planned"
    SKIPPED = "skipped"
    CHANGED = "changed"
    CLEANED = "cleaned"
    UNDONE = "undone"


class LogLevel(StrEnum):
    """How much is told on the way."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATHS",
        help="Pipeline files or their folder; `pipelines/` when none is given. A file still knows its whole folder.",
        show_default=False,
    ),
]
Env = Annotated[
    str,
    typer.Option(
        "--env",
        "-e",
        metavar="ENV",
        help="Which machine: `configs/ENV.yaml` over `configs/base.yaml`.",
        autocompletion=completion.environments,
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="Give a variable another value. May be repeated."),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        "-s",
        metavar="SELECTOR",
        help="Take only these steps: `silver.orders`, `+gold.sales` with all that it reads, `bronze.orders+` with all"
        " that reads it, `layer:gold`, `tag:daily`, `state:failed`. May be repeated.",
        autocompletion=completion.selectors,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="SELECTOR",
        help="Leave these steps out. May be repeated.",
        autocompletion=completion.selectors,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
TableArgument = Annotated[
    str,
    typer.Argument(metavar="TABLE", help="A table, as `silver.orders`.", autocompletion=completion.tables),
]
Limit = Annotated[int, typer.Option("--rows", "-n", min=1, metavar="N", help="Show at most so many rows.")]


def examples(*lines: str) -> str:
    """The end of a command's help: commands as one types them, each on a line of its own."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def _variables(items: list[str] | None) -> dict[str, Any]:
    """Names with values, each read as YAML reads it: `20` is a number, `[a, b]` a list; raises SpecError."""
    from lakehouse.errors import Position, Problem
    from lakehouse.spec.configs import parse_argument

    found: dict[str, Any] = {}
    problems = []
    for item in items or ():
        try:
            name, value = parse_argument(item)
            found[name] = value
        except ValueError as error:
            problems.append(Problem(Position("--var", 1, 1), "variable", str(error)))
    if problems:
        raise SpecError(problems)
    return found


def load_project(paths: list[Path] | None, env: str, variables: list[str] | None = None) -> Project:
    """The project of the given files, or of `pipelines/`; raises SpecError."""
    from lakehouse import api

    return api.load(*(paths or []), env=env, variables=_variables(variables))
