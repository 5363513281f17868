"""Killed while rows are taken out of the quarantine, and replayed again, with a run before it or not (S58)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.names import TableName
from tests.crash import lakes, project
from tests.crash.child import Task

REPLAYED = ("marked", "replayed")
"""The points at which `test_kill.py` does not kill."""
STRICT = """\
pipeline: crash
run: {max_parallel: 1}
bronze:
  orders:
    source: {format: csv, path: "${landing}/orders", options: {header: true}}
    auto_loader: {schema_hints: {id: int, amount: double}}
    expectations: {known: {expect: trim(customer) <> 'c5', on_violation: quarantine}}
silver:
  orders:
    from: bronze.orders
    schema: {id: int, customer: string, amount: double}
    expectations: {large: {expect: amount > 40, on_violation: quarantine}}
    merge: {keys: id, sequence_by: _source_modified}
  log:
    from: bronze.orders
    schema: {id: int, amount: double}
    expectations: {large: {expect: amount > 40, on_violation: quarantine}}
"""
LOOSE = STRICT.replace("trim(customer) <> 'c5'", "id > 30").replace("amount > 40", "amount > 20")
KILLS = [
    ("before marked", "silver.log", "replay"),
    ("after marked", "silver.log", "replay"),
    ("after marked", "silver.orders", "run"),
    ("after data", "silver.orders", "replay"),
    ("before replayed", "silver.log", "run"),
    ("after replayed", "silver.log", "replay"),
    ("after ledger", "bronze.orders", "run"),
    ("before marked", "bronze.orders", "run"),
    ("after marked", "bronze.orders", "replay"),
    ("after data", "bronze.orders", "run"),
    ("after data", "bronze.orders", "replay"),
]
QUICK = 8


@dataclass
class World:
    """A lake in which rows wait, and rules that many of them keep now."""

    root: Path
    base: Path
    spark: SparkSession
    numbers: Iterator[int]
    expected: dict[str, tuple[Counter[str], Counter[str]]]

    def lake(self) -> Path:
        return lakes.copy(self.base, self.root.parent / f"lake{next(self.numbers)}")

    def replay(self, lake: Path, table: str) -> lakehouse.StepResult:
        found = lakehouse.replay(project.load(self.root, lake), table, self.spark)[table]
        assert found.error is None
        return found

    def contents(self, lake: Path, table: str) -> tuple[Counter[str], Counter[str]]:
        """The rows of the table, and those that wait, without what no two replays have in common."""
        found = project.load(self.root, lake)
        stored = self.spark.read.format("delta").load(found.environment.table_path(TableName.parse(table)))
        kept = [c for c in stored.columns if c not in (*lakes.VOLATILE, "_batch")]
        rows = Counter(str(row) for row in stored.select(*kept).collect())
        waiting = lakehouse.quarantine(found, table, rows=1000, spark=self.spark)
        return rows, Counter(str((r["_quarantine_id"], r["_failures"])) for r in waiting)

    def undisturbed(self, table: str) -> tuple[Counter[str], Counter[str]]:
        if table not in self.expected:
            lake = self.lake()
            self.replay(lake, table)
            self.expected[table] = self.contents(lake, table)
        return self.expected[table]


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    root = project.make(tmp_path_factory.mktemp("crash") / "project")
    (root / "pipelines" / "crash.yaml").write_text(STRICT)
    project.first_instalment(root)
    project.second_instalment(root)
    base = root.parent / "base"
    assert lakes.run(root, base, spark).ok
    (root / "pipelines" / "crash.yaml").write_text(LOOSE)
    return World(root, base, spark, count(), {})


@pytest.mark.parametrize(
    ("where", "table", "then"),
    [pytest.param(*k, marks=[] if i < QUICK else pytest.mark.soak) for i, k in enumerate(KILLS)],
)
def test_killed_and_replayed_again_equals_undisturbed(world: World, where: str, table: str, then: str) -> None:
    rows, waiting = world.undisturbed(table)
    assert rows, "something goes in"
    assert waiting or table == "bronze.orders", "and something does not"
    lake = world.lake()
    code = lakes.killed(Task(world.root, lake, where, table, java=lakes.java(world.spark), replays=True))
    assert code == -9
    if then == "run":
        assert lakes.run(world.root, lake, world.spark, select=table).ok
    world.replay(lake, table)
    assert world.contents(lake, table) == (rows, waiting)
    lakes.check_control_plane(world.root, lake, table)
    versions = lakes.commits_of(world.root, lake)
    assert world.replay(lake, table).rows_written in (0, None)
    assert lakes.commits_of(world.root, lake) == versions, "what went in is not taken twice"
    idle = lakes.run(world.root, lake, world.spark, select=table)[table]
    assert idle.status is Status.IDLE
