"""The DataFrame of a step: its inputs at their pins, then cleansing, schema, merge controls and expectations (S27)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakehouse import cleanse
from lakehouse.engine.run import Run
from lakehouse.lake import increment
from lakehouse.names import TableName
from lakehouse.planning.ranges import Range
from lakehouse.planning.references import parse_query, replaced
from lakehouse.planning.steps import Step
from lakehouse.quality import schema
from lakehouse.quality.binding import bound
from lakehouse.quality.checks import Checks
from lakehouse.quality.rows import keep_input
from lakehouse.spec.leaves import WAYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def checks_of(run: Run, step: Step) -> Checks:
    """An empty collection of checks for one attempt of the step."""
    spec = step.spec
    loader = spec.auto_loader
    return Checks(
        variables={**run.plan.project.variables_of(step.name), **step.variables},
        now=run.started_at,
        on_schema_violation=spec.on_schema_violation,
        on_violation=spec.expectations_on_violation,
        rescued_column=loader.rescued_data_column if loader else "_rescued_data",
    )


def read(session: SparkSession, step: Step, inputs: Sequence[Range], checks: Checks) -> DataFrame:
    """The step's inputs, as decided: what is new in them, or the query over them at their pins."""
    if step.spec.sql is not None:
        for item in inputs:
            increment.pinned(session, item.path, item.version).createOrReplaceTempView(view_name(item.table))
        # named parameters of `spark.sql` do not work with Delta's extension (Spark 4.1.4): typed literals instead
        query = replaced(step.spec.sql, view_name)
        return session.sql(bound(query, checks.variables, checks.now, parse_query))
    united = _range(session, inputs[0])
    for item in inputs[1:]:
        united = united.unionByName(_range(session, item), allowMissingColumns=True)
    return united


def _range(session: SparkSession, item: Range) -> DataFrame:
    if item.since is None:
        return increment.pinned(session, item.path, item.version)
    return increment.after_batch(session, item.path, item.version, item.since["batch"])


def view_name(name: TableName) -> str:
    """The temporary view that stands for a table in a step's SQL; such names are ours in a step's own session."""
    return f"__{name.layer}_{name.table}"


def shaped(frame: DataFrame, step: Step, checks: Checks) -> DataFrame:
    """The rows as they will be stored, with a hidden column for every check but those of `expectations`."""
    spec, way = step.spec, WAYS[step.way]
    if not step.is_bronze:
        frame = keep_input(frame)
    for rule in spec.cleanse:
        frame = cleanse.apply(rule, frame, checks)
    if hasattr(way, "result"):
        frame = way.result(frame, step.options, checks.variables, checks.now)
    if spec.schema_ is not None and not step.is_bronze:
        frame = schema.enforce(frame, spec.schema_, checks, keep_others=step.keeps_others)
    if hasattr(way, "controls"):
        frame = way.controls(frame, step.options, checks)
    return frame
