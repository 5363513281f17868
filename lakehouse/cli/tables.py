"""Commands about one table and what happened to it: show, quarantine, files, history."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli.options import Env, FileStatus, Json, Limit, TableArgument, load_project
from lakehouse.cli.output import draw
from lakehouse.cli.program import app


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

    found = api.show(load_project(None, env), table, rows=rows, version=version, timestamp=timestamp, count=count)
    draw(found, table, as_json)


@app.command()
def quarantine(table: TableArgument, env: Env = "local", rows: Limit = 20, as_json: Json = False) -> None:
    """Show rejected rows of a table, each with every rule that it broke."""
    from lakehouse import api

    draw(api.quarantine(load_project(None, env), table, rows=rows), f"{table}_quarantine", as_json)


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

    draw(api.files(load_project(None, env), table, status=status, rows=rows), f"files of {table}", as_json)


@app.command()
def history(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only steps of this table.")] = None,
    env: Env = "local",
    rows: Limit = 20,
    as_json: Json = False,
) -> None:
    """Show past runs, or the steps of one table; starts no Spark."""
    from lakehouse import api

    draw(api.history(load_project(None, env), table, rows=rows), "history", as_json)
