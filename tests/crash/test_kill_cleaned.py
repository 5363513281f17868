"""Killed while files leave the source: on a project of its own, because the files of a landing zone go only once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import lakehouse
from lakehouse.names import TableName
from tests.crash import lakes, project
from tests.crash.child import Task

CLEANED = "cleaned"
"""The point at which `test_kill.py` does not kill."""
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
      clean_source: {action: move, retention_duration: 0 days, move_destination: "${landing}/done"}
"""


@pytest.mark.parametrize("where", [f"before {CLEANED}", f"after {CLEANED}", "after maintenance"])
def test_killed_while_files_leave_and_run_again(spark: SparkSession, tmp_path: Path, where: str) -> None:
    root, lake = project.make(tmp_path / "project"), tmp_path / "lake"
    (root / "pipelines" / "crash.yaml").write_text(PIPELINE)
    landing = root / "landing"
    for n in (1, 2):
        path = landing / "orders" / f"{n}.csv"
        path.write_text(f"id\n{n}\n")
        os.utime(path, (project.START + n,) * 2)
    known = spark.sparkContext._gateway.gateway_parameters
    code = lakes.killed(Task(root, lake, where, TABLE, java=(known.port, known.auth_token)))
    assert code == -9
    moved = where != "after maintenance"
    assert _names(landing / "orders") == ([] if moved else ["1.csv", "2.csv"])
    assert set(lakes.statuses(root, lake).values()) == {"cleaned" if where == f"after {CLEANED}" else "loaded"}
    again = lakes.run(root, lake, spark)
    assert (again.ok, again.used_spark, again[TABLE].warnings) == (True, False, [])
    assert (_names(landing / "orders"), _names(landing / "done")) == ([], ["1.csv", "2.csv"])
    assert lakes.statuses(root, lake) == {"1.csv": "cleaned", "2.csv": "cleaned"}
    found = project.load(root, lake)
    path = found.environment.table_path(TableName.parse(TABLE))
    rows = spark.read.format("delta").load(path).select("id", "_batch").collect()
    assert sorted(map(tuple, rows)) == [(1, 1), (2, 2)]
    assert lakehouse.plan(found)[TABLE].maintenance == ()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
