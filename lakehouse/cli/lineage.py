"""The command about columns: where they come from and where they go."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lakehouse.cli import completion
from lakehouse.cli.options import Env, Json, Var, examples, load_project
from lakehouse.cli.output import console, dump
from lakehouse.cli.program import app


@app.command(
    epilog=examples("lakehouse lineage gold.daily_sales.revenue", "lakehouse lineage silver.orders --downstream")
)
def lineage(
    column: Annotated[
        str,
        typer.Argument(
            metavar="COLUMN",
            help="A column, as `silver.orders.amount`, or a table for all of its columns.",
            autocompletion=completion.columns,
        ),
    ],
    env: Env = "local",
    var: Var = None,
    upstream: Annotated[bool, typer.Option("--upstream", help="Only what it comes from.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="Only what it goes into.")] = False,
    as_json: Json = False,
) -> None:
    """Show where a column comes from, and where it goes.

    Up through every rule, query and merge to the source, and down to all that is made of it. Starts no Spark.
    """
    from lakehouse import api

    both = upstream == downstream
    found = api.lineage(load_project(None, env, var), column, upstream=upstream or both, downstream=downstream or both)
    if as_json:
        dump(found.to_dict())
    elif sys.stdout.isatty():
        from lakehouse.report.lineage import draw

        draw(console(), found)
    else:
        print(found)
