"""Reading a Delta table at a pinned version: whole, or only what came after an offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def pinned(spark: SparkSession, path: str, version: int) -> DataFrame:
    """The whole table as of the version."""
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def after_batch(spark: SparkSession, path: str, version: int, batch: int) -> DataFrame:
    """Rows of a Bronze table, as of the version, whose `_batch` is above the offset's (S74).

    One ordinary read: files are skipped by the statistics of `_batch`, so it is right after OPTIMIZE, with deletion
    vectors and after any pause.
    """
    from pyspark.sql import functions as f

    return pinned(spark, path, version).where(f.col("_batch") > batch)
