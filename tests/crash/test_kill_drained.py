"""Killed while file events leave their queue: on a project of its own, because the events go only once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.names import TableName
from tests.crash import lakes, project
from tests.crash.child import Task

DRAINED = ("listed", "drained")
"""The points at which `test_kill.py` does not kill."""
TABLE = "bronze.orders"
PIPELINE = """\
pipeline: crash
run: {max_parallel: 1}
bronze:
  orders:
    source: {format: csv, path: "${landing}/orders", options: {header: true}}
    auto_loader:
      schema_hints: {id: int}
      max_files_per_trigger: 1
      use_notifications: {queue_url: "${landing}/events"}
"""


@pytest.mark.parametrize(
    "where", [*(f"{side} {point}" for point in DRAINED for side in ("before", "after")), "after data"]
)
def test_killed_while_events_leave_and_run_again(spark: SparkSession, tmp_path: Path, where: str) -> None:
    root, lake = project.make(tmp_path / "project"), tmp_path / "lake"
    (root / "pipelines" / "crash.yaml").write_text(PIPELINE)
    landing = root / "landing"
    (landing / "events").mkdir()
    for n in (1, 2):
        path = landing / "orders" / f"{n}.csv"
        path.write_text(f"id\n{n}\n")
        os.utime(path, (project.START + n,) * 2)
        event = {"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": path.as_uri()}}
        (landing / "events" / f"{n}.json").write_text(json.dumps(event))
    code = lakes.killed(Task(root, lake, where, TABLE, java=lakes.java(spark)))
    assert code == -9
    assert len(list((landing / "events").iterdir())) == (0 if where == "after drained" else 2)
    again = lakes.run(root, lake, spark)
    assert (again.ok, again.used_spark, again[TABLE].warnings) == (True, where == "after data", [])
    assert list((landing / "events").iterdir()) == []
    assert lakes.statuses(root, lake) == {"1.csv": "loaded", "2.csv": "loaded"}
    path = project.load(root, lake).environment.table_path(TableName.parse(TABLE))
    rows = spark.read.format("delta").load(path).select("id", "_batch").collect()
    assert sorted(map(tuple, rows)) == [(1, 1), (2, 2)]
