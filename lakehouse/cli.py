"""The commands. The only module that exits; with the report's progress the only one that prints."""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.errors import LakehouseError, MachineError, SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from lakehouse.engine.results import RunResult
    from lakehouse.spec.load import Project

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


def _variables(items: list[str] | None) -> dict[str, str]:
    from lakehouse.errors import Position, Problem

    bad = [i for i in items or () if "=" not in i]
    if bad:
        raise SpecError(
            [Problem(Position("--var", 1, 1), "variable", f"{i!r} is not of the form key=value") for i in bad]
        )
    return dict(i.split("=", 1) for i in items or ())


def _load(paths: list[Path] | None, env: str, variables: list[str] | None = None) -> Project:
    from lakehouse import api

    return api.load(*(paths or []), env=env, variables=_variables(variables))


def _console() -> Console:
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    # a pipe has no edge to fold lines at, and what reads it wants whole values
    return Console(highlight=False, soft_wrap=True, width=1000)


def _dump(value: object) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


@app.command()
def validate(paths: Paths = None, env: Env = "local", var: Var = None, as_json: Json = False) -> None:
    """Find every mistake in the files, with its place; starts no Spark."""
    from lakehouse import api

    try:
        project = _load(paths, env, var)
        plan = api.compiled(project)
    except SpecError as error:
        if not as_json:
            raise
        _dump([_problem(p) for p in error.problems])
        raise typer.Exit(error.exit_code) from error
    if as_json:
        _dump([])
    else:
        print(f"ok: {len(plan.steps)} tables in {len(project.pipelines)} pipeline(s), no problems")


def _problem(problem: Any) -> dict[str, Any]:
    where = problem.position
    return {
        "file": where.file, "line": where.line, "column": where.column,
        "code": problem.code, "message": problem.message, "fix": problem.fix,
    }  # fmt: skip


@app.command()
def plan(
    paths: Paths = None,
    env: Env = "local",
    var: Var = None,
    select: Select = None,
    exclude: Exclude = None,
    as_json: Json = False,
) -> None:
    """Show what a run would do now and why, step by step; starts no Spark."""
    from lakehouse import api
    from lakehouse.report.explanation import show

    explained = api.plan(_load(paths, env, var), select=select or (), exclude=exclude or ())
    if as_json:
        _dump(explained.to_dict())
    else:
        show(_console(), explained)


@app.command()
def run(
    paths: Paths = None,
    env: Env = "local",
    var: Var = None,
    select: Select = None,
    exclude: Exclude = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Take files again that could not be read.")
    ] = False,
    as_json: Json = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="How much to tell on the way.")] = LogLevel.INFO,
) -> None:
    """Run the pipelines: only what is new is read, and what is done is not done twice."""
    from lakehouse import api
    from lakehouse.report.progress import Progress
    from lakehouse.report.summary import show, to_dict

    project = _load(paths, env, var)
    console = _console()
    with Progress(console, quiet=as_json or log_level is LogLevel.ERROR) as progress:
        result = api.run(
            project,
            select=select or (),
            exclude=exclude or (),
            retry_failed=retry_failed,
            listener=progress,
            log_level=log_level.value,
        )
    if as_json:
        _dump(to_dict(result))
    else:
        show(console, result, " ".join(["lakehouse run", *(str(p) for p in paths or ())]))
    raise typer.Exit(_exit_code(result))


def _exit_code(result: RunResult) -> int:
    """1 when a step failed, but 3 when nothing was wrong except the machine, as without Java."""
    failures = [step.error for step in result.steps.values() if step.error is not None]
    if failures and all(isinstance(error, MachineError) for error in failures):
        return MachineError.exit_code
    return 0 if result.ok else 1


@app.command()
def show(
    table: TableArgument,
    env: Env = "local",
    rows: Limit = 20,
    version: Annotated[int | None, typer.Option(help="The table as of this version.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="The table as of this time.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only the number of rows.")] = False,
    as_json: Json = False,
) -> None:
    """Show rows of a table."""
    from lakehouse import api

    found = api.show(_load(None, env), table, rows=rows, version=version, timestamp=timestamp, count=count)
    _draw(found, table, as_json)


@app.command()
def quarantine(table: TableArgument, env: Env = "local", rows: Limit = 20, as_json: Json = False) -> None:
    """Show rejected rows of a table, each with every rule that it broke."""
    from lakehouse import api

    _draw(api.quarantine(_load(None, env), table, rows=rows), f"{table}_quarantine", as_json)


@app.command()
def files(
    table: TableArgument,
    env: Env = "local",
    status: Annotated[FileStatus | None, typer.Option(help="Only files of this status.")] = None,
    rows: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the ledger of a Bronze table: every file and what became of it; starts no Spark."""
    from lakehouse import api

    _draw(api.files(_load(None, env), table, status=status, rows=rows), f"files of {table}", as_json)


@app.command()
def history(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only steps of this table.")] = None,
    env: Env = "local",
    rows: Limit = 20,
    as_json: Json = False,
) -> None:
    """Show past runs, or the steps of one table; starts no Spark."""
    from lakehouse import api

    _draw(api.history(_load(None, env), table, rows=rows), "history", as_json)


def _draw(rows: list[dict[str, Any]], title: str, as_json: bool) -> None:
    """Rows as a table for people or as JSON for programs."""
    from lakehouse.report.rows import show_rows

    if as_json:
        _dump(rows)
    else:
        show_rows(_console(), rows, title)


if __name__ == "__main__":
    main()
