"""Reading a Delta table at a pinned version: whole, or only what came after an offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def pinned(spark: SparkSession, path: str, version: int) -> DataFrame:
    """The whole table as of the version."""
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def at(spark: SparkSession, path: str, version: int | None) -> DataFrame:
    """The whole table as of the version, or as it is."""
    return spark.read.format("delta").load(path) if version is None else pinned(spark, path, version)


def after_batch(spark: SparkSession, path: str, version: int, batch: int) -> DataFrame:
    """Rows of a Bronze table, as of the version, whose `_batch` is above the offset's (S74).

    One ordinary read: files are skipped by the statistics of `_batch`, so it is right after OPTIMIZE, with deletion
    vectors and after any pause.
    """
    from pyspark.sql import functions as f

    return pinned(spark, path, version).where(f.col("_batch") > batch)


CHANGE_TYPE, CHANGE_VERSION, CHANGE_TIME = "_change_type", "_commit_version", "_commit_timestamp"
"""Columns that Delta adds to a change feed."""
_OTHER_SCHEMAS = "spark.databricks.delta.changeDataFeed.unsafeBatchReadOnIncompatibleSchemaChanges.enabled"


def changes(spark: SparkSession, path: str, after: int, version: int, without: Sequence[int] = ()) -> DataFrame:
    """What the versions above `after` up to `version` did to the rows, but for those that are left out (S75).

    The table's columns, then Delta's three. The caller has made sure that the feed was on and that all these versions
    had columns of which those of today are a superset, of the same or wider types: Delta refuses wider ones otherwise.
    """
    from pyspark.sql import functions as f

    spark.conf.set(_OTHER_SCHEMAS, "true")  # asked when the rows are read, so it stays in the step's session
    reader = spark.read.format("delta").option("readChangeFeed", "true")
    found = reader.option("startingVersion", after + 1).option("endingVersion", version).load(path)
    return found.where(~f.col(CHANGE_VERSION).isin(*without)) if without else found
