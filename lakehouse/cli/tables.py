"""Commands about one table and what happened to it: show, files, history, expectations."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.cli import completion
from lakehouse.cli.options import Env, FileStatus, Json, Limit, TableArgument, examples, load_project
from lakehouse.cli.output import draw, dump
from lakehouse.cli.program import app


@app.command(
    epilog=examples("lakehouse show gold.daily_sales", "lakehouse show silver.orders --version 3 --rows 5 --json")
)
def show(
    table: TableArgument,
    env: Env = "local",
    rows: Limit = 20,
    version: Annotated[int | None, typer.Option(metavar="N", help="The table as it was at this version.")] = None,
    timestamp: Annotated[
        str | None, typer.Option(metavar="TIME", help="The table as it was then: `2024-03-01 12:00:00`.")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Show only the number of rows.")] = False,
    as_json: Json = False,
) -> None:
    """Show rows of a table, as it is or as it was."""
    from lakehouse import api

    found = api.show(load_project(None, env), table, rows=rows, version=version, timestamp=timestamp, count=count)
    draw(found, table, as_json)


@app.command(
    epilog=examples(
        "lakehouse files bronze.orders",
        "lakehouse files bronze.orders --status failed",
        "lakehouse files bronze.orders --rebuild",
    )
)
def files(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="A Bronze table, as `bronze.orders`.", autocompletion=completion.bronze_tables
        ),
    ],
    env: Env = "local",
    status: Annotated[FileStatus | None, typer.Option(help="Show only files of this status.")] = None,
    rows: Limit = 50,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="First make the ledger anew from the table's rows, where it is lost."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every file that a Bronze table met.

    What became of it, when and in which batch, and the error of one that could not be read. Starts no Spark, except to
    rebuild a ledger that was deleted, or that is older than the table: of the files the table's own rows are asked. A
    ledger that is not lost stays as it is.
    """
    from lakehouse import api

    if rebuild:
        done = api.rebuild_ledger(load_project(None, env), table)
        if as_json:
            dump(asdict(done))
        else:
            print(*done.lines(), sep="\n")
        return
    draw(api.files(load_project(None, env), table, status=status, rows=rows), f"files of {table}", as_json)


@app.command(epilog=examples("lakehouse history", "lakehouse history silver.orders --rows 5"))
def history(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE", help="Show the steps of this table instead of runs.", autocompletion=completion.tables
        ),
    ] = None,
    env: Env = "local",
    rows: Limit = 20,
    as_json: Json = False,
) -> None:
    """Show past runs, or the steps of one table.

    The newest first, each with what it read and wrote, and why it did anything at all. Starts no Spark.
    """
    from lakehouse import api

    draw(api.history(load_project(None, env), table, rows=rows), "history", as_json)


@app.command(
    epilog=examples(
        "lakehouse expectations",
        "lakehouse expectations silver.orders --run 20240301T120000-1a2b3c4d",
        "lakehouse expectations --great-expectations > results.json",
        "lakehouse expectations --data-docs docs/quality",
    )
)
def expectations(
    table: Annotated[
        str | None,
        typer.Argument(metavar="TABLE", help="Only the rules of this table.", autocompletion=completion.tables),
    ] = None,
    env: Env = "local",
    run: Annotated[str | None, typer.Option(metavar="ID", help="A run; the newest of each table without it.")] = None,
    great_expectations: Annotated[
        bool, typer.Option("--great-expectations", help="Print JSON in Great Expectations' own result format.")
    ] = False,
    data_docs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write Great Expectations' Data Docs into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the rules of tables found.

    Each with how many rows it judged, how many broke it, and what it saw. Starts no Spark.
    """
    from lakehouse import api

    project = load_project(None, env)
    if data_docs is not None:
        print(api.data_docs(project, data_docs, table, run=run))
    elif great_expectations:
        dump(api.validations(project, table, run=run))
    else:
        draw(api.expectations(project, table, run=run), "expectations", as_json)
