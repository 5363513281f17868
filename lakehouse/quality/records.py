"""Records that could not be read at all, and the columns that every quarantine table has."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from lakehouse.names import TableName

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


FAILURES = "array<struct<name:string,column:string,value:string,message:string>>"
"""Type of `_failures`."""


def address(content: str, table: TableName, batch: int) -> Column:
    """The address of a rejected row: a hash over table, the column `content`, ordinal among equal rows, and batch."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    among_equals = F.row_number().over(Window.partitionBy(content).orderBy(content))
    parts = F.struct(
        F.lit(str(table)).alias("table"), F.col(content), among_equals.alias("ordinal"), F.lit(batch).alias("batch")
    )
    return F.sha2(F.to_json(parts), 256)


def origin(batch: int, attempt: str, run: str, at: Column) -> dict[str, Column]:
    """Whence a rejected row comes, and the marks of a replay that is still to come."""
    from pyspark.sql import functions as F

    return {
        "_batch": F.lit(batch).cast("bigint"),
        "_attempt": F.lit(attempt),
        "_run_id": F.lit(run),
        "_quarantined_at": at,
        "_replay_id": F.lit(None).cast("string"),
        "_replayed_at": F.lit(None).cast("timestamp"),
    }


def records(rows: DataFrame, table: TableName, batch: int, attempt: str, run: str, at: datetime) -> DataFrame:
    """`rows` (`_raw`, `_source_file`, …, `_failures`, `_stage`) with their address and whence they come (S12, S54)."""
    from pyspark.sql import functions as F

    content = F.sha2(F.to_json(F.struct("_raw", "_source_file"), {"ignoreNullFields": "false"}), 256)
    addressed = rows.withColumn("__content", content).withColumn("_quarantine_id", address("__content", table, batch))
    return addressed.drop("__content").withColumns(origin(batch, attempt, run, F.lit(at)))
