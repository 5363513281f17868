"""Commands about whole pipelines: validate, plan, run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli.options import Env, Exclude, Json, LogLevel, Paths, Select, Var, load_project
from lakehouse.cli.output import console, dump
from lakehouse.cli.program import app
from lakehouse.errors import MachineError, SpecError

if TYPE_CHECKING:
    from lakehouse.engine.results import RunResult


@app.command()
def validate(paths: Paths = None, env: Env = "local", var: Var = None, as_json: Json = False) -> None:
    """Find every mistake in the files, with its place; starts no Spark."""
    from lakehouse import api

    try:
        project = load_project(paths, env, var)
        plan = api.compiled(project)
    except SpecError as error:
        if not as_json:
            raise
        dump([_problem(p) for p in error.problems])
        raise typer.Exit(error.exit_code) from error
    if as_json:
        dump([])
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

    explained = api.plan(load_project(paths, env, var), select=select or (), exclude=exclude or ())
    if as_json:
        dump(explained.to_dict())
    else:
        show(console(), explained)


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

    project = load_project(paths, env, var)
    screen = console()
    with Progress(screen, quiet=as_json or log_level is LogLevel.ERROR) as progress:
        result = api.run(
            project,
            select=select or (),
            exclude=exclude or (),
            retry_failed=retry_failed,
            listener=progress,
            log_level=log_level.value,
        )
    if as_json:
        dump(to_dict(result))
    else:
        show(screen, result, " ".join(["lakehouse run", *(str(p) for p in paths or ())]))
    raise typer.Exit(_exit_code(result))


def _exit_code(result: RunResult) -> int:
    """1 when a step failed, but 3 when nothing was wrong except the machine, as without Java."""
    failures = [step.error for step in result.steps.values() if step.error is not None]
    if failures and all(isinstance(error, MachineError) for error in failures):
        return MachineError.exit_code
    return 0 if result.ok else 1
