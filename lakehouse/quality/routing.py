"""Rows sorted by what the checks found: those to store, and those for the quarantine table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.names import TableName, quoted
from lakehouse.quality.checks import Checks
from lakehouse.quality.evaluate import Evaluated, broken
from lakehouse.quality.records import address, origin
from lakehouse.quality.rows import INPUT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

OWN = (
    "_failures", "_quarantine_id", "_stage", "_batch", "_attempt", "_run_id", "_quarantined_at", "_replay_id",
    "_replayed_at",
)  # fmt: skip
"""Columns of a quarantine table beside those of the row."""


def stored_as(name: str) -> str:
    """What a column of the input is called in the quarantine table: `_batch` of Bronze would meet the table's own."""
    return f"_input{name}" if name.casefold() in OWN else name


def accepted(frame: DataFrame, checks: Checks, evaluated: Evaluated | None = None) -> DataFrame:
    """The rows to store. With the counts of job 0, checks that nothing broke cost no filter."""
    from functools import reduce
    from operator import and_

    from pyspark.sql import functions as F

    counted = evaluated.of_rows if evaluated is not None else ()
    clean = {result.check.index for result in counted if not result.violations}
    kept = [~F.col(check.broken) for check in checks.all if check.removes and check.index not in clean]
    return frame.filter(reduce(and_, kept)) if kept else frame


def failures(checks: Checks) -> Column:
    """Every rule that the row broke, in the order of the rules: array of struct of name, column, value, message."""
    from pyspark.sql import functions as F

    shown = []
    for check in checks.all:
        found = F.col(check.found)
        shown.append(found.withField("value", F.lit(None).cast("string")) if checks.secret(check) else found)
    return F.array_compact(F.array(*shown))


def rejected(
    frame: DataFrame, checks: Checks, table: TableName, batch: int, attempt: str, run: str, stage: str
) -> DataFrame:
    """The rows for the quarantine table: each as it came in, with all the rules it broke (S52, S54, S55).

    Columns of the input whose name is one of `OWN` are called `_input<name>`.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    wanted = broken(checks, "quarantine")
    if wanted is None or INPUT not in frame.columns:
        raise StepError(f"{table}: there is no rule that puts rows in quarantine", code="quarantine")
    struct = frame.schema[INPUT].dataType
    assert isinstance(struct, StructType)
    content = F.sha2(F.to_json(F.col(INPUT), {"ignoreNullFields": "false"}), 256)
    rows = frame.filter(wanted).select(F.col(INPUT), failures(checks).alias("_failures"), content.alias("__content"))
    at = F.lit(checks.now) if checks.now is not None else F.current_timestamp()
    return rows.select(
        *[F.col(f"{INPUT}.{quoted(name)}").alias(stored_as(name)) for name in struct.names],
        F.col("_failures"),
        address("__content", table, batch).alias("_quarantine_id"),
        F.lit(stage).alias("_stage"),
        *[column.alias(name) for name, column in origin(batch, attempt, run, at).items()],
    )


def samples(frame: DataFrame, checks: Checks, evaluated: Evaluated, limit: int = 100) -> list[dict[str, str | None]]:
    """The findings of the first rows that break a failing check (S53): name, column, value and message; one job."""
    from functools import reduce
    from operator import or_

    from pyspark.sql import functions as F

    failing = {result.check.index for result in evaluated.of_rows if result.fails}
    found = [F.col(check.broken) for check in checks.all if check.index in failing]
    if not found:
        return []
    rows = frame.filter(reduce(or_, found)).select(F.explode(failures(checks)).alias("f")).select("f.*").limit(limit)
    return [row.asDict() for row in rows.collect()]
