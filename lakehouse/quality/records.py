"""Records that could not be read at all, with the columns that every quarantine table has."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from lakehouse.names import TableName

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def records(rows: DataFrame, table: TableName, batch: int, attempt: str, run: str, at: datetime) -> DataFrame:
    """`rows` (`_raw`, `_source_file`, …, `_failures`, `_stage`) with their address and whence they come (S12, S54)."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    content = F.sha2(F.to_json(F.struct("_raw", "_source_file"), {"ignoreNullFields": "false"}), 256)
    among_equals = F.row_number().over(Window.partitionBy("__content").orderBy("__content"))
    address = F.struct(
        F.lit(str(table)).alias("table"), F.col("__content"), among_equals.alias("ordinal"), F.lit(batch).alias("batch")
    )
    return (
        rows.withColumn("__content", content)
        .withColumn("_quarantine_id", F.sha2(F.to_json(address), 256))
        .drop("__content")
        .withColumns(
            {
                "_batch": F.lit(batch).cast("bigint"),
                "_attempt": F.lit(attempt),
                "_run_id": F.lit(run),
                "_quarantined_at": F.lit(at),
                "_replay_id": F.lit(None).cast("string"),
                "_replayed_at": F.lit(None).cast("timestamp"),
            }
        )
    )
