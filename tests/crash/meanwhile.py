"""What the world does to a run while it goes on: acts at a point, before the process is killed at a later one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import SparkSession

import lakehouse
from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from lakehouse.engine import points
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.state.observe import listed
from tests.crash import guards, project

Act = Callable[[lakehouse.Project, SparkSession], None]


def restore(found: lakehouse.Project, spark: SparkSession) -> None:
    """Somebody restores silver.log to its empty beginning."""
    spark.sql(f"RESTORE TABLE delta.`{found.environment.table_path(TableName.parse('silver.log'))}` TO VERSION AS OF 0")


def hide_file(found: lakehouse.Project, spark: SparkSession) -> None:
    """A planned file is moved away; `show_file` brings it back with its time and size."""
    place = Path(str(found.environment.variables["landing"])) / "orders" / "day3.csv"
    place.rename(place.with_name("_day3.hidden"))


def show_file(root: Path) -> None:
    """The file that was moved away is back as it was."""
    place = root / "landing" / "orders" / "day3.csv"
    place.with_name("_day3.hidden").rename(place)


def other_planner(found: lakehouse.Project, spark: SparkSession) -> None:
    """Another run, without a lock, plans the same files under the same number."""
    _planned(found, {2: {project.BAD, "day3.csv", "day4.csv"}})


def planner_of_two(found: lakehouse.Project, spark: SparkSession) -> None:
    """Another run, without a lock, plans the same files as two batches."""
    _planned(found, {2: {project.BAD, "day3.csv"}, 3: {"day4.csv"}})


def _planned(found: lakehouse.Project, batches: Mapping[int, set[str]]) -> None:
    log = Log.open(found.environment.table_path(TableName.parse("bronze.orders")))
    assert log is not None
    assert log.table_id is not None
    there = listed(found.environment, found.tables[TableName.parse("bronze.orders")])
    for batch, names in batches.items():
        ledger = Ledger.open(Control(found.environment.control_path), log.table_id, table="bronze.orders")
        ledger.base = log.version
        files = [file for file in there if Path(file.path).name in names]
        assert len(files) == len(names), there
        ledger.plan(batch, "", files, ingested_at=datetime.now(UTC))


def other_run(found: lakehouse.Project, spark: SparkSession) -> None:
    """Another run, without a lock, does the step from beginning to end."""
    listener, points.listener = points.listener, None
    try:
        with guards.without_locks():
            assert lakehouse.run(found, spark=spark, select="silver.log").ok
    finally:
        points.listener = listener


ACTS: Mapping[str, Mapping[tuple[str, str], Act]] = {
    "restore": {("before data", "silver.log"): restore},
    "hide file": {("after ledger", "bronze.orders"): hide_file},
    "other planner": {("before ledger", "bronze.orders"): other_planner},
    "planner of two": {("before ledger", "bronze.orders"): planner_of_two},
    "other run": {("before data", "silver.log"): other_run},
}
