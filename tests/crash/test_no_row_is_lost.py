"""Rows in are rows stored and all that became of the others, for tables and rows made by dice, also when a run is killed
between companions and data, and when the rules are others when it is run again (issue "Silver, first half", proof)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import lakehouse
from lakehouse.control.store import Control
from lakehouse.engine.catalog import read_table
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from tests.crash import lakes, project
from tests.crash.child import Task
from tests.crash.generated import Dice

SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 60))]
POINTS = ("planned", "companions", "data", "confirmed", "audit")
FATES = ("written", "updated", "rejected", "dropped", "filtered", "superseded", "late", "equal", "deleted", "left_out")


@dataclass
class World:
    """One seed's project and its lakes."""

    root: Path
    dice: Dice
    spark: SparkSession

    def rules(self, version: int) -> None:
        (self.root / "pipelines" / "crash.yaml").write_text(self.dice.pipeline(version))

    def lake(self, name: str, like: Path | None = None) -> Path:
        lake = self.root.parent / name
        return lake if like is None else lakes.copy(like, lake)

    def run(self, lake: Path, select: str = "") -> None:
        """An undisturbed run, in which every row that is read has a fate."""
        done = lakes.run(self.root, lake, self.spark, select=select)
        assert done.ok, [str(step.error) for step in done.steps.values() if step.error]
        control = Control(project.load(self.root, lake).environment.control_path)
        for row in control.read("steps", where=f"run_id = '{done.id}'").to_pylist():
            if row["status"] == "completed":
                fates = {name: row[f"rows_{name}"] for name in FATES}
                assert None not in fates.values(), row
                assert row["rows_read"] == sum(fates.values()), f"{row['step']}: {row['rows_read']} are not {fates}"

    def contents(self, lake: Path, table: str) -> list[Counter[str]]:
        """Rows that are stored, rows in quarantine with all that they broke, and tombstones."""
        found, stored = project.load(self.root, lake), TableName.parse(table)
        contents = []
        for name in (stored, stored.companion("_quarantine"), stored.companion("_tombstones")):
            if Log.open(found.environment.table_path(name)) is None:
                contents.append(Counter[str]())
                continue
            frame = read_table(found, name, self.spark)
            kept = sorted(c for c in frame.columns if c not in lakes.VOLATILE)
            contents.append(Counter(str(row) for row in frame.select(*kept).collect()))
        return contents

    def ids(self, lake: Path, table: str) -> Counter[int]:
        """The ids of all rows that are stored or in quarantine."""
        found = project.load(self.root, lake)
        ids: Counter[int] = Counter()
        for name in (TableName.parse(table), TableName.parse(table).companion("_quarantine")):
            if Log.open(found.environment.table_path(name)) is not None:
                ids.update(row[0] for row in read_table(found, name, self.spark).select("id").collect())
        return ids


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_has_one_fate_killed_or_not_and_by_old_rules_or_new(
    spark: SparkSession, tmp_path: Path, seed: int
) -> None:
    dice, choice = Dice(seed), random.Random(seed)
    world = World(project.make(tmp_path / "project"), dice, spark)
    landing = world.root / "landing" / "orders"
    tables = [f"silver.{way}" for way in dice.ways]
    world.rules(1)
    dice.instalment(landing, 1)
    base = world.lake("base")
    world.run(base)
    dice.instalment(landing, 2)
    world.run(base, "bronze.orders")

    old, new = world.lake("old", base), world.lake("new", base)
    world.run(old)
    world.rules(2)
    world.run(new)
    possible = {table: [world.contents(lake, table) for lake in (old, new)] for table in tables}

    killed, table = world.lake("killed", base), choice.choice(tables)
    where = f"{choice.choice(('before', 'after'))} {choice.choice(POINTS)}"
    world.rules(1)
    code = lakes.killed(Task(world.root, killed, where, table, java=lakes.java(spark)))
    quarantines = where.endswith("companions")
    assert code == -9 or (quarantines and code == 0), "nothing was rejected, so nothing was written there"
    changed = seed % 2 == 1
    world.rules(2 if changed else 1)
    world.run(killed)
    for name in tables:
        assert world.contents(killed, name) in (possible[name] if changed else possible[name][:1]), name
        if name == "silver.log":
            ids = world.ids(killed, name)
            assert max(ids.values(), default=1) == 1, "no row twice, and none stored and rejected"
    if "silver.mirror" in tables:
        assert world.contents(killed, "silver.mirror")[0] == possible["silver.mirror"][changed][0]
    versions = lakes.commits_of(world.root, killed)
    idle = lakes.run(world.root, killed, spark)
    assert not idle.used_spark
    assert lakes.commits_of(world.root, killed) == versions
    assert lakehouse.plan(project.load(world.root, killed)) is not None
