"""The command about the files of tables: maintain."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli.options import Env, Exclude, Json, LogLevel, Select, Var, examples, load_project
from lakehouse.cli.output import draw
from lakehouse.cli.program import app
from lakehouse.cli.running import Told, carry_out


@app.command(
    epilog=examples(
        "lakehouse maintain",
        "lakehouse maintain --select layer:silver --dry-run",
        "lakehouse maintain --select silver.orders --rewrite",
    )
)
def maintain(
    env: Env = "local",
    var: Var = None,
    select: Select = None,
    exclude: Exclude = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what is due, and why. Starts no Spark.")
    ] = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Lay tables out anew whose `partitioned_by` was changed.")
    ] = False,
    as_json: Json = False,
    log_level: Told = LogLevel.INFO,
) -> None:
    """Do the maintenance that is due, without a run.

    OPTIMIZE and VACUUM, as they come after every write of a run too: for tables that others write, or that are seldom
    written. With nothing due it changes nothing. Ends as `run` does.
    """
    from lakehouse import api

    project = load_project(None, env, var)
    if dry_run:
        found = api.maintenance_due(project, select=select or (), exclude=exclude or (), rewrite=rewrite)
        draw(found, "maintenance", as_json)
        return
    carry_out(
        lambda listener: api.maintain(
            project,
            select=select or (),
            exclude=exclude or (),
            rewrite=rewrite,
            listener=listener,
            log_level=log_level.value,
        ),
        "lakehouse maintain",
        log_level,
        as_json=as_json,
    )
