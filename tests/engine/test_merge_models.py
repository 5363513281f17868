"""Merges equal the model for hundreds of histories in every run: late rows, repeats, deletes, truncates, ties, NULLs, cut
into files and batches in any way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.lake import Lake
from tests.models.histories import HINTS, Histories
from tests.models.merged import TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 40))]
FATES = ("written", "updated", "deleted", "rejected", "dropped", "filtered", "superseded", "late", "equal", "left_out")


class World:
    """One seed's lake and what was delivered to it."""

    def __init__(self, root: Path, spark: SparkSession, histories: Histories, *tables: str, files: int = 0) -> None:
        self.lake = Lake(root, spark)
        self.histories = histories
        self.tables = {name: table for name, table in TABLES.items() if name in (tables or TABLES)}
        per_batch = files or histories.dice.randrange(2, 4)
        self.lake.bronze(hints=HINTS, options=f"max_files_per_trigger: {per_batch}")
        self.lake.tables(silver={name: table.yaml("bronze.a") for name, table in self.tables.items()})

    def deliver(self, delivery: int) -> None:
        self.histories.deliver(self.lake.landing / "a", delivery)

    def run(self, select: str = "") -> None:
        """A run in which every row that is read has one fate."""
        done = self.lake.run(select=select)
        for row in self.lake.audit("steps", done):
            if row["status"] == "completed":
                fates = {name: row.get(f"rows_{name}") or 0 for name in FATES}
                assert row["rows_read"] == sum(fates.values()), f"{row['step']}: {row['rows_read']} read, {fates}"

    def check(self) -> None:
        """Every table is what the model says, for what Bronze has by now."""
        bronze = self.read("bronze.a")
        told = [
            line for name, table in self.tables.items() for line in table.wrong(bronze, self.read(f"silver.{name}"))
        ]
        assert not told, "\n".join(told)

    def read(self, table: str) -> list[Any]:
        return self.lake.spark.read.format("delta").load(self.lake.path(table)).collect()


@pytest.mark.parametrize("seed", SEEDS)
def test_s61_to_s70_merges_equal_the_model_after_every_run(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    histories = Histories(seed)
    world = World(tmp_path, spark, histories)
    for delivery in range(histories.deliveries):
        world.deliver(delivery)
        if delivery + 1 < histories.deliveries and histories.dice.random() < 0.25:
            world.run("bronze.a")  # Silver takes several deliveries at once
            continue
        world.run()
        world.check()
    assert len(world.read("bronze.a")) == sum(len(rows) for rows in histories.files.values())


def test_s61_to_s70_the_same_histories_at_once_equal_the_model(spark: SparkSession, tmp_path: Path) -> None:
    world = World(tmp_path, spark, Histories(0), files=1000)
    for delivery in range(world.histories.deliveries):
        world.deliver(delivery)
    world.run()
    world.check()
