"""What the world does to a run while it goes on: acts at a point, before the process is killed at a later one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pyspark.sql import SparkSession

import lakehouse
from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from lakehouse.engine import points
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.sources.base import SourceFile
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
    log = Log.open(found.environment.table_path(TableName.parse("bronze.orders")))
    assert log is not None
    assert log.table_id is not None
    ledger = Ledger.open(Control(found.environment.control_path), log.table_id, table="bronze.orders")
    landing = Path(str(found.environment.variables["landing"])) / "orders"
    from lakehouse.state.observe import listed

    names = {project.BAD, "day3.csv", "day4.csv"}
    files: list[SourceFile] = [
        f
        for f in listed(found.environment, found.tables[TableName.parse("bronze.orders")])
        if Path(f.path).name in names
    ]
    assert len(files) == 3, landing
    from datetime import UTC, datetime

    ledger.base = log.version
    ledger.plan(2, "", files, ingested_at=datetime.now(UTC))


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
    "other run": {("before data", "silver.log"): other_run},
}
