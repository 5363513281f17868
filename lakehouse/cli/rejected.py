"""Commands about rows that were rejected: to look at them, and to take them back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lakehouse.cli.options import Env, Json, Limit, LogLevel, TableArgument, examples, load_project
from lakehouse.cli.output import draw
from lakehouse.cli.program import app
from lakehouse.cli.running import Told, carry_out


class By(StrEnum):
    """What rejected rows are counted by."""

    RULE = "rule"
    RUN = "run"


Where = Annotated[
    str | None,
    typer.Option(metavar="SQL", help="Only rows of the quarantine for which this is true: `amount < 0`."),
]
Rule = Annotated[str | None, typer.Option(metavar="NAME", help="Only rows that broke this rule: `schema.amount`.")]
OfRun = Annotated[str | None, typer.Option("--run", metavar="ID", help="Only rows that this run rejected.")]


@app.command(
    epilog=examples(
        "lakehouse quarantine silver.orders",
        "lakehouse quarantine silver.orders --by rule",
        "lakehouse quarantine silver.orders --rule schema.amount --rows 5 --json",
    )
)
def quarantine(
    table: TableArgument,
    env: Env = "local",
    by: Annotated[By | None, typer.Option(help="Count the rows instead, with a sample of what broke.")] = None,
    where: Where = None,
    rule: Rule = None,
    run: OfRun = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Show also rows that a replay took in.")] = False,
    rows: Limit = 20,
    as_json: Json = False,
) -> None:
    """Show the rows that a table rejected, and why.

    Each is as it came in, with every rule that it broke; the newest first. Rows that a replay took in are left out.
    """
    from lakehouse import api

    project = load_project(None, env)
    found = api.quarantine(
        project, table, rows=rows, where=where, rule=rule, run=run, replayed=replayed, by=by.value if by else None
    )
    draw(found, f"{table}_quarantine" + (f" by {by.value}" if by else ""), as_json)


@app.command(
    epilog=examples(
        "lakehouse replay silver.orders",
        "lakehouse replay silver.orders --rule known_country",
        'lakehouse replay bronze.orders --where "_batch = 7" --json',
    )
)
def replay(
    table: TableArgument,
    env: Env = "local",
    where: Where = None,
    rule: Rule = None,
    run: OfRun = None,
    as_json: Json = False,
    log_level: Told = LogLevel.INFO,
) -> None:
    """Take rejected rows through today's definition once more.

    After the rows were repaired by UPDATE on the quarantine table, or the rule was changed. What keeps all rules now
    goes into the table, exactly once, also when this is killed and run again; the others stay, with their new reasons.
    Ends as `run` does.
    """
    from lakehouse import api

    project = load_project(None, env)
    carry_out(
        lambda listener: api.replay(
            project, table, where=where, rule=rule, run=run, listener=listener, log_level=log_level.value
        ),
        f"lakehouse replay {table}",
        log_level,
        as_json=as_json,
    )
