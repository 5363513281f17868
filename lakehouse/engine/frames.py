"""The DataFrame of a step: its inputs at their pins, then cleansing, schema, merge controls and expectations (S27)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from lakehouse import cleanse
from lakehouse.engine import changes
from lakehouse.engine.run import Run
from lakehouse.errors import StepError
from lakehouse.lake import increment, types
from lakehouse.names import TableName, quoted
from lakehouse.planning.definition import stored_columns
from lakehouse.planning.ranges import Range
from lakehouse.planning.steps import Step
from lakehouse.quality import schema
from lakehouse.quality.binding import bound
from lakehouse.quality.checks import Checks
from lakehouse.quality.references import parse_query, replaced, view_name
from lakehouse.quality.rows import COMMIT_VERSION, DELETE, WAS, keep_input, types_of
from lakehouse.quality.tally import Tally
from lakehouse.spec.leaves import WAYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def variables_of(run: Run, step: Step) -> Mapping[str, Any]:
    """The variables of the step's pipeline, with the values that this run gives to those that its expressions use."""
    return {**run.plan.project.variables_of(step.name), **step.variables}


def options_of(run: Run, step: Step) -> Any:
    """The options of the step's way to write, with values in place of variables and of the time of the run."""
    way = WAYS[step.way]
    if not hasattr(way, "with_values"):
        return step.options
    return way.with_values(step.options, variables_of(run, step), run.started_at)


def checks_of(run: Run, step: Step) -> Checks:
    """An empty collection of checks for one attempt of the step."""
    spec = step.spec
    loader = spec.auto_loader
    return Checks(
        variables=variables_of(run, step),
        now=run.started_at,
        on_schema_violation=spec.on_schema_violation,
        on_violation=spec.expectations_on_violation,
        pii=[name for name, column in (spec.schema_ or {}).items() if column.pii],
        rescued_column=loader.rescued_data_column if loader else "_rescued_data",
        tally=Tally(whole=not step.incremental),
        root=run.plan.project.root,
    )


def read(session: SparkSession, step: Step, inputs: Sequence[Range], checks: Checks) -> DataFrame:
    """The step's inputs, as decided: what is new in them, or the query over them at their pins.

    Tables that its rules read beside the rows go into the checks.
    """
    checks.tables = {i.table: increment.pinned(session, i.path, i.version) for i in inputs if i.lookup}
    inputs = [item for item in inputs if not item.lookup]
    if step.spec.sql is not None:
        for item in inputs:
            increment.pinned(session, item.path, item.version).createOrReplaceTempView(view_name(item.table))
        # named parameters of `spark.sql` do not work with Delta's extension (Spark 4.1.4): typed literals instead
        query = replaced(step.spec.sql, view_name)
        return session.sql(bound(query, checks.variables, checks.now, parse_query))
    frame = united({item.table: _range(session, item) for item in inputs})
    checks.follows = "changes" in step.feeds
    return _by_batch(frame) if step.by_batch else frame


def _by_batch(frame: DataFrame) -> DataFrame:
    """With the commit of each row, which is its batch: nothing else orders the rows of the step."""
    from pyspark.sql import functions as F

    return frame.withColumn(COMMIT_VERSION, F.col("_batch"))


def _as_partitioned(frame: DataFrame, by: Sequence[str]) -> DataFrame:
    """With NULL for an empty text in partition columns, as Delta stores it: otherwise keys would not meet again."""
    from pyspark.sql import functions as F

    named = {name.casefold() for name in by}
    texts = [name for name, text in types_of(frame).items() if name.casefold() in named and text == "string"]
    return frame.withColumns({name: F.nullif(F.col(quoted(name)), F.lit("")) for name in texts})


def _marked(frame: DataFrame) -> DataFrame:
    """With the marks of a change feed also on rows that do not come by one: of other inputs, and of the quarantine."""
    from pyspark.sql import functions as F

    there = {name: F.col(name) if name in frame.columns else F.lit(None).cast("boolean") for name in (WAS, DELETE)}
    marks = {name: F.coalesce(mark, F.lit(False)) for name, mark in there.items()}
    if changes.INPUT_NAME not in frame.columns:
        marks[changes.INPUT_NAME] = F.lit(None).cast("string")
    return frame.withColumns(marks)


def _range(session: SparkSession, item: Range) -> DataFrame:
    if item.feed:
        return changes.read(session, item)
    if item.nothing:
        return increment.pinned(session, item.path, item.version).where("false")
    if item.since is None:
        return increment.pinned(session, item.path, item.version)
    return increment.after_batch(session, item.path, item.version, item.since["batch"])


def united(frames: Mapping[TableName, DataFrame]) -> DataFrame:
    """The rows of several tables, their columns matched by name; one that a table does not have is NULL there.

    Where types differ, the one of them to which the others widen without loss counts; raises StepError where there is
    none, because Spark would choose one and change values.
    """
    from pyspark.sql import functions as F

    there: dict[str, dict[TableName, str]] = {}
    spelled: dict[str, str] = {}
    for table, frame in frames.items():
        for name, text in types_of(frame).items():
            spelled.setdefault(name.casefold(), name)
            there.setdefault(name.casefold(), {})[table] = text
    common = {spelled[name]: _common(spelled[name], found) for name, found in there.items()}
    parts = []
    for frame in frames.values():
        casts = {
            name: F.col(quoted(name)).cast(common[spelled[name.casefold()]])
            for name, text in types_of(frame).items()
            if text != common[spelled[name.casefold()]]
        }
        parts.append(frame.withColumns(casts) if casts else frame)
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), parts)


def _common(name: str, found: Mapping[TableName, str]) -> str:
    """The type that a column has in all tables."""
    text = types.widest(found.values())
    if text is not None:
        return text
    texts = dict.fromkeys(found.values())
    told = " and ".join(f"{text} in {next(t for t in found if found[t] == text)}" for text in texts)
    raise StepError(
        f"the tables in `from` have different columns {name!r}: {told}",
        code="input.types",
        fix="give them one type, as by `schema_hints` of Bronze tables",
    )


def shaped(frame: DataFrame, step: Step, checks: Checks, rules: Sequence[Any] | None = None) -> DataFrame:
    """The rows as they will be stored, with a hidden column for every check but those of `expectations`.

    `rules` are those of `cleanse` that are still to be applied, all by default.
    """
    spec, way = step.spec, WAYS[step.way]
    if checks.follows:
        frame = _marked(frame)
    if not step.is_bronze:
        if step.incremental and any(map(cleanse.changes_rows, spec.cleanse)):
            frame = checks.tally.reads(frame)
        frame = keep_input(frame)
    for rule in spec.cleanse if rules is None else rules:
        frame = cleanse.apply(rule, frame, checks)
        checks.tally.passed(changes_rows=cleanse.changes_rows(rule))
    if hasattr(way, "result"):
        frame = checks.insist(frame)
        frame = way.result(frame, step.options, checks.variables, checks.now)
    if spec.partitioned_by and not step.is_bronze:
        frame = _as_partitioned(frame, spec.partitioned_by)
    if spec.schema_ is not None and not step.is_bronze:
        frame = schema.enforce(frame, spec.schema_, checks, keep_others=step.keeps_others)
    if spec.merge is not None and not spec.merge.order:
        checks.stored = frozenset(name.casefold() for name in stored_columns(step, types_of(frame)))
    if checks.follows:
        frame = changes.settled(frame, step.options, checks)
    if hasattr(way, "controls"):
        frame = way.controls(frame, step.options, checks)
    if checks.follows and step.options.sequence_by:
        frame = changes.placed(frame, checks)
    return frame
