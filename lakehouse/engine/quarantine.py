"""Rows of a quarantine for people, and those of them that are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from lakehouse.control.store import Control
from lakehouse.engine import companions, marks
from lakehouse.engine.catalog import read_table
from lakehouse.errors import StepError
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.quality import binding
from lakehouse.quality.expressions import nondeterministic
from lakehouse.spec.load import Project
from lakehouse.state.place import Commits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Choice:
    """Which rows of the quarantine are taken; all that were not replayed by default."""

    where: str | None = None
    """A condition over the columns of the quarantine."""
    rule: str | None = None
    """Rows that broke this rule."""
    run: str | None = None
    """Rows that this run rejected."""

    def of(self, frame: DataFrame, now: datetime) -> DataFrame:
        """These rows of the quarantine; `now()` is that time, so that several queries choose the same ones.

        Raises StepError for a condition that gives another answer each time.
        """
        from pyspark.sql import functions as F

        wanted = [binding.column(self.where, {}, now)] if self.where is not None else []
        if self.where is not None and (found := nondeterministic(self.where)):
            raise StepError(
                f"`where` calls {', '.join(found)}, which gives another answer each time", code="replay.where",
                fix="choose rows by what stands in them",
            )  # fmt: skip
        if self.rule is not None:
            wanted.append(F.exists("_failures", lambda found: found["name"] == F.lit(self.rule)))
        if self.run is not None:
            wanted.append(F.col("_run_id") == F.lit(self.run))
        return frame.where(reduce(and_, wanted)) if wanted else frame


def not_replayed(frame: DataFrame, rows: Commits, log: Log) -> DataFrame:
    """The rows of a quarantine that exist and are not in their table yet."""
    return companions.existing(frame, rows.committed(log)).where(~marks.is_taken(rows.taken(log)))


def rejected(
    project: Project, name: TableName, spark: SparkSession | None, choice: Choice, *, replayed: bool = False
) -> DataFrame:
    """The chosen rows of the table's quarantine; those that were replayed only where they are asked for."""
    environment = project.environment
    frame = read_table(project, name.companion("_quarantine"), spark)
    log = Log.open(environment.table_path(name), environment.storage)
    if log is not None and not replayed:
        control = Control(environment.control_path, environment.storage)
        frame = frame.where(~marks.is_taken(Commits.read(control, log.table_id or "").taken(log)))
    return choice.of(frame, datetime.now(UTC))


def counts(frame: DataFrame, by: str) -> DataFrame:
    """Rows per `rule` that they broke (a row counts for each), the most first, or per `run` that rejected them."""
    from pyspark.sql import functions as F

    if by == "rule":
        broken = frame.select(F.explode("_failures").alias("f"), "_run_id")
        grouped = broken.groupBy(F.col("f.name").alias("rule"), F.col("f.column").alias("column"))
        found = grouped.agg(
            F.count(F.lit(1)).alias("rows"),
            F.max("f.message").alias("message"),
            F.max("f.value").alias("sample"),
            F.max("_run_id").alias("last_run"),
        )
        return found.orderBy(F.desc("rows"), "rule", "column")
    rules = F.array_sort(F.array_distinct(F.flatten(F.collect_set(F.transform("_failures", lambda f: f["name"])))))
    found = frame.groupBy(F.col("_run_id").alias("run_id")).agg(
        F.count(F.lit(1)).alias("rows"), rules.alias("rules"), F.max("_quarantined_at").alias("at")
    )
    return found.orderBy(F.desc("at"))
