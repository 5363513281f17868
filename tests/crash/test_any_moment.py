"""Killed by signal 9 at random moments, again and again until it is done; and two runs at once: every row exactly once."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.engine.catalog import read_table
from lakehouse.names import TableName
from tests.crash import lakes, project
from tests.crash.child import Task

PIPELINE = """\
pipeline: moments
run: {max_retries: 0}
bronze:
  orders:
    source: {format: csv, path: "${landing}/orders", options: {header: true}}
    auto_loader: {schema_hints: {id: int}, max_files_per_trigger: 2}
"""
FILES = 6
ROWS = 5
SEEDS = range(6)
KILLS = 4
"""At most so many for a seed in `make test`; `make soak` goes on until the run is done."""
MANY = 60


@dataclass
class World:
    """The files, how long an undisturbed run over them takes, and the lakes that the killed processes left."""

    root: Path
    spark: SparkSession
    pool: ThreadPoolExecutor
    seconds: float
    done: dict[int, Future[Path]]
    killed: list[int]
    """The seeds, each as often as one of its runs was killed."""

    def lake(self, name: str) -> Path:
        return self.root.parent / name

    def kill_often(self, seed: int, kills: int, java: bool = False) -> Path:
        """Run and kill, at random moments, until a run comes to its end or that often; the lake that is left."""
        dice, lake = random.Random(seed), self.lake(f"seed{seed}")
        for _ in range(kills):
            own = None if java else lakes.java(self.spark)
            task = Task(self.root, lake, after=dice.uniform(0, self.seconds), java=own)
            if lakes.killed(task) == 0:
                break
            self.killed.append(seed)
        return lake

    def check(self, lake: Path) -> None:
        """After one undisturbed run everything is there once, and the ledger agrees."""
        assert lakes.run(self.root, lake, self.spark).ok
        rows = [tuple(row) for row in self._read(lake, "bronze.orders").select("id", "t").collect()]
        assert len(rows) == len(set(rows)) == FILES * ROWS
        assert set(rows) == {(n * ROWS + i, f"t{n}") for n in range(FILES) for i in range(ROWS)}
        bad = [row[0] for row in self._read(lake, "bronze.orders_quarantine").select("_raw").collect()]
        assert sorted(bad) == sorted(f"{n},too,many" for n in range(FILES))
        assert lakes.statuses(self.root, lake) == {
            **{f"{n}.csv": "loaded" for n in range(FILES)},
            project.BAD: "failed",
        }
        lakes.check_control_plane(self.root, lake)
        assert not lakes.run(self.root, lake, self.spark).used_spark

    def _read(self, lake: Path, name: str) -> DataFrame:
        return read_table(project.load(self.root, lake), TableName.parse(name), self.spark)


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = project.make(tmp_path_factory.mktemp("moments") / "project")
    (root / "pipelines" / "crash.yaml").write_text(PIPELINE)
    landing = root / "landing" / "orders"
    for n in range(FILES):
        path = landing / f"{n}.csv"
        path.write_text("".join(["id,t\n", *(f"{n * ROWS + i},t{n}\n" for i in range(ROWS)), f"{n},too,many\n"]))
        os.utime(path, (project.START + n, project.START + n))
    (landing / project.BAD).write_bytes(b"\x1f\x8b\x08\x00this is no gzip")
    os.utime(landing / project.BAD, (project.START + 3.5, project.START + 3.5))
    with ThreadPoolExecutor(2) as pool:
        world = World(root, spark, pool, 0.0, {}, [])
        began = time.monotonic()
        assert lakes.run(root, world.lake("undisturbed"), spark).ok
        world.seconds = (time.monotonic() - began) / 2  # the first one is slow
        yield world


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments_every_row_is_there_once(world: World, seed: int) -> None:
    for each in SEEDS:
        if each not in world.done:
            world.done[each] = world.pool.submit(world.kill_often, each, KILLS)
    world.check(world.done[seed].result())


def test_the_kills_hit(world: World) -> None:
    assert len(world.killed) >= len(SEEDS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 300))
def test_killed_until_it_is_done_every_row_is_there_once(world: World, seed: int) -> None:
    """Every fourth time Java dies too."""
    world.check(world.kill_often(seed, MANY, java=seed % 4 == 0))


def test_of_two_runs_at_once_one_is_told_of_the_other(world: World) -> None:
    lake = world.lake("two")
    task = Task(world.root, lake, java=lakes.java(world.spark))
    both = [world.pool.submit(lakes.ended, task) for _ in range(2)]
    (won, _), (lost, said) = sorted(future.result() for future in both)
    assert (won, lost) == (0, 1), said
    assert "LockTaken: bronze.orders is being written by run" in said
    world.check(lake)


def test_two_runs_at_once_without_locks_load_every_file_once(world: World) -> None:
    """As on an object store, where a lock only saves work."""
    lake = world.lake("unlocked")
    task = Task(world.root, lake, java=lakes.java(world.spark), locks=False)
    both = [world.pool.submit(lakes.ended, task) for _ in range(2)]
    for code, said in [future.result() for future in both]:
        assert code == 0, said
    world.check(lake)
