"""Arguments and options that commands share, and the project that they name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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


class LogLevel(StrEnum):
    """How much is told on the way."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Pipeline files or folders; `pipelines/` when none is given.", show_default=False),
]
Env = Annotated[str, typer.Option("--env", "-e", help="The environment: `configs/<env>.yaml`.")]
Var = Annotated[list[str] | None, typer.Option("--var", help="Override a variable, as `--var key=value`.")]
Select = Annotated[
    list[str] | None, typer.Option("--select", "-s", help="Steps to take: `silver.flights`, `+gold.x`, `tag:daily`.")
]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Steps to leave out, by the same selectors.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="A table, as `silver.flights`.")]
Limit = Annotated[int, typer.Option("--rows", "-n", min=1, help="At most so many rows.")]


def _variables(items: list[str] | None) -> dict[str, str]:
    from lakehouse.errors import Position, Problem

    bad = [i for i in items or () if "=" not in i]
    if bad:
        raise SpecError(
            [Problem(Position("--var", 1, 1), "variable", f"{i!r} is not of the form key=value") for i in bad]
        )
    return dict(i.split("=", 1) for i in items or ())


def load_project(paths: list[Path] | None, env: str, variables: list[str] | None = None) -> Project:
    """The project of the given files, or of `pipelines/`; raises SpecError."""
    from lakehouse import api

    return api.load(*(paths or []), env=env, variables=_variables(variables))
