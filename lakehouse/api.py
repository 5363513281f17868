"""The public verbs: load, plan, run, session, and looking at what is there."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lakehouse.errors import LakehouseError, Position, Problem, SpecError, suggestion, without_secrets
from lakehouse.names import COMPANIONS, TableName
from lakehouse.planning.compile import compile, problems_of
from lakehouse.planning.refresh import refreshed
from lakehouse.planning.steps import Plan
from lakehouse.spec.environment import Environment
from lakehouse.spec.load import Project, Survey, survey, survey_of
from lakehouse.spec.models import Pipeline
from lakehouse.state.asked import Asked
from lakehouse.state.known import Again

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.engine.check import DataCheck
    from lakehouse.engine.rebuild import RebuiltLedger
    from lakehouse.engine.results import Listener, RunResult
    from lakehouse.planning.explain import Explanation
    from lakehouse.planning.lineage import Lineage

Source = Project | Pipeline | str | os.PathLike[str]
Selectors = str | Iterable[str]
P = ParamSpec("P")
T = TypeVar("T")


def _without_secrets(verb: Callable[P, T]) -> Callable[P, T]:
    """What leaves the library quotes no secret, whoever raised it: an object store's client quotes what it is given."""

    @functools.wraps(verb)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return verb(*args, **kwargs)
        except Exception as error:
            if (told := without_secrets(error)) is error:
                raise
        raise told

    return called


def load(
    *paths: str | os.PathLike[str],
    env: str = "local",
    variables: Mapping[str, Any] | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Project:
    """Read pipeline files or folders (`pipelines/` of `root` by default) under an environment.

    Raises SpecError with every problem found in all files, each with its place and what to do.
    """
    return _whole(survey(paths, env, variables, root))


def project(*pipelines: Pipeline, environment: Environment | None = None) -> Project:
    """The project of pipelines built from the typed classes; raises SpecError as `load` does."""
    return _whole(survey_of(*pipelines, environment=environment))


def _whole(found: Survey) -> Project:
    """The project; where reading found problems, those that compiling finds are told with them, all in one go."""
    if found.problems:
        raise SpecError([*found.problems, *problems_of(found)])
    return found.project


def compiled(source: Source, select: Selectors = (), exclude: Selectors = ()) -> Plan:
    """The inert steps of a project in the order in which they can run; raises SpecError."""
    return compile(_project(source), _many(select), _many(exclude))


@_without_secrets
def plan(source: Source, select: Selectors = (), exclude: Selectors = ()) -> Explanation:
    """What a run would do now and why, step by step. Prints readably; starts no Spark."""
    from lakehouse.planning.explain import explain

    return explain(compiled(source, select, exclude))


@_without_secrets
def run(
    source: Source,
    spark: SparkSession | None = None,
    *,
    select: Selectors = (),
    exclude: Selectors = (),
    retry_failed: bool = False,
    force: bool = False,
    take_over: bool = False,
    full_refresh: Selectors = (),
    allow_data_loss: bool = False,
    listener: Listener | None = None,
    log_level: str = "info",
) -> RunResult:
    """Run the selected steps; only what is new is read.

    `retry_failed` takes files again that could not be read; `force` all files of `copy_into` tables, whose rows are
    then in the table twice; `take_over` makes tables of another project, or of a control plane that is lost, this
    project's. `full_refresh` selects tables to be made anew from their whole inputs, each in one commit; where these
    may not have all rows any more SpecError is raised without `allow_data_loss`.

    `spark` is a session of the caller's own, otherwise one is started if anything has to be done. A step that fails is
    in the result with its error; SpecError, MachineError and LockTaken are raised before any step starts.
    """
    from lakehouse.engine.execute import execute

    plan = compiled(source, select, exclude)
    if force and not any(step.spec.copy_into for step in plan.chosen()):
        raise LakehouseError(
            "`force` has nothing to load again: no chosen table is loaded by `copy_into`",
            code="run.force",
            fix="choose such a table; what `auto_loader` has loaded is not loaded again",
        )
    anew = refreshed(plan, _many(full_refresh), allow_data_loss=allow_data_loss)
    asked = Asked(Again(failed=retry_failed, loaded=force), take_over, anew, allow_data_loss)
    return execute(plan, spark, asked=asked, listener=listener, log_level=log_level)


@_without_secrets
def validate_data(
    source: Source, table: str, *, rows: int | None = None, spark: SparkSession | None = None
) -> DataCheck:
    """Read what a run would load into a Bronze table, and tell what would not load as it is; nothing is written.

    All new files are read whole, or about `rows` records of them.
    """
    from lakehouse.engine.catalog import session_of
    from lakehouse.engine.check import check

    found = _project(source)
    name = _with_ledger(found, table)
    return check(compiled(found), name, session_of(found, spark), rows)


@_without_secrets
def session(source: Source, spark: SparkSession | None = None) -> SparkSession:
    """A session in which every table of the lake that exists has its name: `spark.table("silver.flights")`."""
    from lakehouse.engine.catalog import registered

    return registered(_project(source), spark)


@_without_secrets
def show(
    source: Source,
    table: str,
    *,
    rows: int = 20,
    version: int | None = None,
    timestamp: str | None = None,
    count: bool = False,
    spark: SparkSession | None = None,
) -> list[dict[str, Any]]:
    """Some rows of a table, or with `count` only their number, as it is or was at a version or time."""
    from lakehouse.engine.catalog import read_table

    found = _project(source)
    frame = read_table(found, known_table(found, table, companions=True), spark, version=version, timestamp=timestamp)
    return [{"rows": frame.count()}] if count else _rows(frame, rows)


@_without_secrets
def quarantine(
    source: Source,
    table: str,
    *,
    rows: int = 20,
    where: str | None = None,
    rule: str | None = None,
    run: str | None = None,
    replayed: bool = False,
    by: str | None = None,
    spark: SparkSession | None = None,
) -> list[dict[str, Any]]:
    """Rejected rows of a table, the newest first, each with every rule that it broke.

    Of these those for which the SQL condition `where` is true, that broke the `rule`, that the `run` rejected; those
    that were replayed only with `replayed`. `by` gives numbers instead: per `rule` the rows that broke it, with a
    message and a sample of its values, or per `run` the rows that it rejected, with the rules.
    """
    from lakehouse.engine.quarantine import Choice, counts, rejected

    if by not in (None, "rule", "run"):
        raise _argument(f"`by` is `rule` or `run`, not {by!r}", "")
    found = _project(source)
    frame = rejected(found, known_table(found, table), spark, Choice(where, rule, run), replayed=replayed)
    if by is not None:
        return _rows(counts(frame, by), rows)
    return _rows(frame.orderBy("_batch", "_quarantine_id", ascending=[False, True]), rows)


@_without_secrets
def replay(
    source: Source,
    table: str,
    spark: SparkSession | None = None,
    *,
    where: str | None = None,
    rule: str | None = None,
    run: str | None = None,
    listener: Listener | None = None,
    log_level: str = "info",
) -> RunResult:
    """Take rejected rows of a table through today's definition once more, exactly once; all that were not replayed.

    Of these those for which the SQL condition `where` over the quarantine is true, that broke the `rule`, that the
    `run` rejected. Rows that still break a rule stay, with their new reasons. The result has the one step. Raises as
    `run` does.
    """
    from lakehouse.engine.execute import execute
    from lakehouse.engine.quarantine import Choice
    from lakehouse.engine.replay import perform

    found = _project(source)
    name, choice = known_table(found, table), Choice(where, rule, run)
    return execute(
        compiled(found, str(name)), spark,
        listener=listener, log_level=log_level, perform=functools.partial(perform, choice), command="replay",
    )  # fmt: skip


@_without_secrets
def maintain(
    source: Source,
    spark: SparkSession | None = None,
    *,
    select: Selectors = (),
    exclude: Selectors = (),
    rewrite: bool = False,
    listener: Listener | None = None,
    log_level: str = "info",
) -> RunResult:
    """Do the maintenance that is due on the selected tables, and nothing else.

    `rewrite` first lays tables out anew whose `partitioned_by` was changed, each in one commit that readers pass over.
    Raises as `run` does.
    """
    from lakehouse.engine.execute import execute
    from lakehouse.engine.upkeep import perform

    return execute(
        compiled(source, select, exclude), spark,
        listener=listener, log_level=log_level, perform=functools.partial(perform, rewrite), command="maintain",
    )  # fmt: skip


@_without_secrets
def maintenance_due(
    source: Source, *, select: Selectors = (), exclude: Selectors = (), rewrite: bool = False
) -> list[dict[str, Any]]:
    """What `maintain` would do to the selected tables now, and why, or why not. Starts no Spark."""
    from lakehouse.planning.upkeep import due

    found = due(compiled(source, select, exclude), rewriting=rewrite)
    return [{"table": str(n), "operation": d.operation, "due": d.due, "reason": d.reason} for n, d in found]


@_without_secrets
def files(source: Source, table: str, *, status: str | None = None, rows: int = 50) -> list[dict[str, Any]]:
    """The ledger of a Bronze table: each file, the newest first, and what became of it. Starts no Spark."""
    from lakehouse.state.look import ledger_rows

    found = _project(source)
    return ledger_rows(found, _with_ledger(found, table), status, rows)


@_without_secrets
def rebuild_ledger(source: Source, table: str, *, spark: SparkSession | None = None) -> RebuiltLedger:
    """Make the ledger of a Bronze table anew from its own rows, where `_lakehouse` was lost; else nothing is written.

    Afterwards nothing is loaded twice and nothing is lost. Files that were loaded and have no row in the table cannot
    be known and are loaded again, which brings no row unless they changed. No run may write the table meanwhile.
    """
    from lakehouse.engine.rebuild import rebuilt

    found = _project(source)
    return rebuilt(found, _with_ledger(found, table), spark)


@_without_secrets
def history(source: Source, table: str | None = None, *, rows: int = 20) -> list[dict[str, Any]]:
    """Past runs, or the steps of one table, the newest first. Starts no Spark."""
    from lakehouse.state.look import past_runs, past_steps

    found = _project(source)
    return past_runs(found, rows) if table is None else past_steps(found, known_table(found, table), rows)


@_without_secrets
def expectations(source: Source, table: str | None = None, *, run: str | None = None) -> list[dict[str, Any]]:
    """What the rules of a table, or of all tables, found in a run, by default the newest that judged them.

    Starts no Spark. Rows of the audit table `expectations`, in the order of the rules.
    """
    rows = _expectations(_project(source), table, run)
    names = ("table", "name", "action", "passed", "judged", "violations", "mostly", "observed", "run_id")
    return [{name: row[name] for name in names} for found in rows.values() for row in found]


@_without_secrets
def validations(source: Source, table: str | None = None, *, run: str | None = None) -> list[dict[str, Any]]:
    """The same in Great Expectations' own result format: one validation result per table. Starts no Spark."""
    from lakehouse.report.validation import validation

    project = _project(source)
    rules = {str(name): found.expectations for name, found in project.tables.items()}
    return [validation(name, rules[name], rows) for name, rows in _expectations(project, table, run).items()]


def data_docs(source: Source, folder: str | Path, table: str | None = None, *, run: str | None = None) -> Path:
    """Write Great Expectations' Data Docs about the same into the folder; gives the first page.

    Raises MachineError when Great Expectations is not installed.
    """
    from lakehouse.report import validation

    return validation.data_docs(validations(source, table, run=run), Path(folder))


def _expectations(project: Project, table: str | None, run: str | None) -> dict[str, list[dict[str, Any]]]:
    from lakehouse.state.look import past_expectations

    names = [str(name) for name in project.tables] if table is None else [str(known_table(project, table))]
    return past_expectations(project, names, run)


def lineage(source: Source, column: str, *, upstream: bool = True, downstream: bool = True) -> Lineage:
    """Where `layer.table.column`, or each column of `layer.table`, comes from and goes to; told from the files alone.

    Prints readably; raises SpecError, with the nearest name, for a table or column that is not there.
    """
    from lakehouse.planning.lineage import lineage_of

    return lineage_of(compiled(source), column, upstream=upstream, downstream=downstream)


def known_table(project: Project, text: str, *, companions: bool = False) -> TableName:
    """The table of that name; raises SpecError with the nearest one when the project has none such."""
    names = [str(name) for name in project.tables]
    suffix = next((end for end in COMPANIONS if text.endswith(end)), "") if companions else ""
    base = text.removesuffix(suffix)
    if base not in names:
        raise _argument(f"there is no table {text!r} in this project", suggestion(text, names))
    return TableName.parse(text)


def _with_ledger(project: Project, table: str) -> TableName:
    name = known_table(project, table)
    if project.tables[name].source is None:
        raise _argument(f"{name} is not a Bronze table, so it has no ledger of files", "")
    return name


def _argument(message: str, fix: str) -> SpecError:
    return SpecError([Problem(Position("TABLE", 1, 1), "unknown-table", message, fix)])


def _rows(frame: DataFrame, limit: int) -> list[dict[str, Any]]:
    return [row.asDict(recursive=True) for row in frame.limit(limit).collect()]


def _project(source: Source) -> Project:
    if isinstance(source, Project):
        return source
    return project(source) if isinstance(source, Pipeline) else load(source)


def _many(selectors: Selectors) -> tuple[str, ...]:
    if isinstance(selectors, str):
        return tuple(selectors.split())
    return tuple(s for text in selectors for s in text.split())
