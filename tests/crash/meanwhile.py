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


def restore(table: str, version: int) -> Act:
    """Somebody restores the table to this version."""

    def act(found: lakehouse.Project, spark: SparkSession) -> None:
        path = found.environment.table_path(TableName.parse(table))
        spark.sql(f"RESTORE TABLE delta.`{path}` TO VERSION AS OF {version}")

    return act


def hide_file(found: lakehouse.Project, spark: SparkSession) -> None:
    """A planned file is moved away; `show_file` brings it back with its time and size."""
    place = _day3(found)
    place.rename(place.with_name("_day3.hidden"))


def show_file(found: lakehouse.Project, spark: SparkSession) -> None:
    """The file that was moved away is back as it was."""
    place = _day3(found)
    place.with_name("_day3.hidden").rename(place)


def _day3(found: lakehouse.Project) -> Path:
    return Path(str(found.environment.variables["landing"])) / "orders" / "day3.csv"


def other_planner(found: lakehouse.Project, spark: SparkSession) -> None:
    """Another run, without a lock, plans the same files under the same number."""
    _planned(found, {project.BAD, "day3.csv", "day4.csv"})


def later_planner(found: lakehouse.Project, spark: SparkSession) -> None:
    """Another run, without a lock, plans another file under the same number."""
    _planned(found, {"day5.csv"})


def _planned(found: lakehouse.Project, names: set[str]) -> None:
    log = Log.open(found.environment.table_path(TableName.parse("bronze.orders")))
    assert log is not None
    assert log.table_id is not None
    ledger = Ledger.open(Control(found.environment.control_path), log.table_id, table="bronze.orders")
    ledger.base = log.version
    there = listed(found.environment, found.tables[TableName.parse("bronze.orders")])
    files = [file for file in there if Path(file.path).name in names]
    assert len(files) == len(names), there
    ledger.plan(2, "", files, ingested_at=datetime.now(UTC))


def other_run(found: lakehouse.Project, spark: SparkSession) -> None:
    """Another run, without a lock, does the step from beginning to end."""
    listener, points.listener = points.listener, None
    try:
        with guards.without_locks():
            assert lakehouse.run(found, spark=spark, select="silver.log").ok
    finally:
        points.listener = listener


START = ("start", "")
ACTS: Mapping[str, Mapping[tuple[str, str], Act]] = {
    "restore": {("before data", "silver.log"): restore("silver.log", 0)},
    "restore twice": {START: restore("bronze.orders", 1)},
    "hide file": {("after ledger", "bronze.orders"): hide_file},
    "other planner": {("before ledger", "bronze.orders"): other_planner},
    "later planner": {("before ledger", "bronze.orders"): later_planner},
    "other run": {("before data", "silver.log"): other_run},
}
"""Name -> what is done at which point of which table, or before the run starts."""
AFTERWARDS: Mapping[str, Act] = {"hide file": show_file, "restore twice": restore("bronze.orders", 3)}
"""What is done when the process is dead."""
