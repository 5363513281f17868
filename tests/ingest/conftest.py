"""Fixtures for feeds of files, and a counter of Spark jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ingest.feed import Feed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def csv_feed(spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", "csv")


@pytest.fixture
def json_feed(spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", "json")


@pytest.fixture
def jobs(spark: SparkSession) -> Callable[[Callable[[], Any]], int]:
    """How many Spark jobs a call runs."""

    def count(call: Callable[[], Any]) -> int:
        group = uuid.uuid4().hex
        spark.sparkContext.setJobGroup(group, group)
        try:
            call()
        finally:
            spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    return count
