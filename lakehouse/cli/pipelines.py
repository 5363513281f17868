"""Commands about whole pipelines: validate, plan, run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import completion
from lakehouse.cli.options import Env, Exclude, Json, LogLevel, Paths, Select, Var, examples, load_project
from lakehouse.cli.output import console, dump
from lakehouse.cli.program import app
from lakehouse.cli.running import Told, carry_out
from lakehouse.errors import SpecError

if TYPE_CHECKING:
    from lakehouse.engine.check import DataCheck


@app.command(
    epilog=examples(
        "lakehouse validate",
        "lakehouse validate pipelines/shop.yaml --env cluster",
        "lakehouse validate --json",
        "lakehouse validate --data bronze.orders --rows 1000",
    )
)
def validate(
    paths: Paths = None,
    env: Env = "local",
    var: Var = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="TABLE", help="Read the new files of a Bronze table too; writes nothing."),
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="With --data, read about so many records.")] = None,
    as_json: Json = False,
) -> None:
    """Find every mistake in the files.

    All are told at once, each with file, line and column, what is wrong and what to do. Ends with 2 when there is one.
    Starts no Spark, unless --data asks what of a table's new files would not load as it is: bad files and records,
    values that fit no column, broken rules. Then it ends with 1 when there is something.
    """
    from lakehouse import api

    try:
        project = load_project(paths, env, var)
        plan = api.compiled(project)
    except SpecError as error:
        if not as_json:
            raise
        dump([_problem(p) for p in error.problems])
        raise typer.Exit(error.exit_code) from error
    if data is not None:
        _validate_data(api.validate_data(project, data, rows=rows), as_json)
    elif as_json:
        dump([])
    else:
        print(f"ok: {len(plan.steps)} tables in {len(project.pipelines)} pipeline(s), no problems")


def _validate_data(found: DataCheck, as_json: bool) -> None:
    from lakehouse.planning.batches import counted
    from lakehouse.report.rows import show_rows

    if as_json:
        dump(found.to_dict())
    else:
        if found.problems:
            show_rows(console(), [asdict(problem) for problem in found.problems], found.table)
        new = "".join(f"; new column {name} {text}" for name, text in found.new_columns.items())
        told = counted(len(found.problems), "problem") if found.problems else "ok"
        rows, files = counted(found.rows, "row"), counted(found.files, "new file")
        print(f"{told}: {rows} of {files} would load into {found.table}{new}")
    raise typer.Exit(0 if found.ok else 1)


def _problem(problem: Any) -> dict[str, Any]:
    where = problem.position
    return {
        "file": where.file, "line": where.line, "column": where.column,
        "code": problem.code, "message": problem.message, "fix": problem.fix,
    }  # fmt: skip


@app.command(
    epilog=examples(
        "lakehouse plan", "lakehouse plan --select '+gold.daily_sales'", "lakehouse plan --exclude tag:slow --json"
    )
)
def plan(
    paths: Paths = None,
    env: Env = "local",
    var: Var = None,
    select: Select = None,
    exclude: Exclude = None,
    as_json: Json = False,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print the graph in Mermaid, to be drawn by GitHub or an editor.")
    ] = False,
) -> None:
    """Show what a run would do now, and why.

    Step by step: new files, new versions of the tables that are read, how it is refreshed and written, what is altered,
    which checks run, what maintenance is due. Changes nothing and starts no Spark.
    """
    from lakehouse import api

    explained = api.plan(load_project(paths, env, var), select=select or (), exclude=exclude or ())
    if as_json:
        dump(explained.to_dict())
    elif as_mermaid:
        from lakehouse.report.graph import mermaid

        print(mermaid(explained))
    else:
        from lakehouse.report.explanation import show

        show(console(), explained)


@app.command(
    epilog=examples(
        "lakehouse run",
        "lakehouse run --select 'silver.orders+' --var late_days=3",
        "lakehouse run --env cluster --json",
    )
)
def run(
    paths: Paths = None,
    env: Env = "local",
    var: Var = None,
    select: Select = None,
    exclude: Exclude = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Take files again that could not be read before.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Load all files of `copy_into` tables again; their rows are doubled.")
    ] = False,
    full_refresh: Annotated[
        list[str] | None,
        typer.Option(
            "--full-refresh",
            metavar="SELECTOR",
            help="Make these tables anew from their whole inputs.",
            autocompletion=completion.selectors,
        ),
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="With --full-refresh: also where rows would be lost.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Write tables of another project, or of a `_lakehouse` that is lost.")
    ] = False,
    as_json: Json = False,
    log_level: Told = LogLevel.INFO,
) -> None:
    """Run the pipelines: read what is new, write it once.

    Killed or failed, it goes on where it stopped when it is run again, and nothing is lost or doubled. With nothing new
    it changes nothing. Ends with 0 when all went well, 1 when a step failed, 2 for mistakes in the files, 3 when the
    machine cannot (no Java, no lake), 4 when another run holds one of the tables.
    """
    from lakehouse import api

    project = load_project(paths, env, var)
    carry_out(
        lambda listener: api.run(
            project,
            select=select or (),
            exclude=exclude or (),
            retry_failed=retry_failed,
            force=force,
            take_over=take_over,
            full_refresh=full_refresh or (),
            allow_data_loss=allow_data_loss,
            listener=listener,
            log_level=log_level.value,
        ),
        " ".join(["lakehouse run", *(str(p) for p in paths or ())]),
        log_level,
        as_json=as_json,
    )
