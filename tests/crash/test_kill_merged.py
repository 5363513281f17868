"""Killed between the tombstones and the data of a merge, and run again: late rows find what an undisturbed run leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.crash import lakes
from tests.crash.child import Task
from tests.crash.merged import World

MERGED = ("latest", "history")
KILLS = [
    *((where, table) for where in ("after companions", "before data") for table in MERGED),
    *(
        pytest.param(where, table, marks=pytest.mark.soak)
        for where in ("before companions", "after data", "before confirmed", "after confirmed")
        for table in MERGED
    ),
]


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("merged"), spark, MERGED)


@pytest.fixture(scope="module")
def undisturbed(world: World) -> Path:
    lake = lakes.copy(world.base, world.root.parent / "undisturbed")
    world.run(lake)
    return lake


@pytest.mark.parametrize(("where", "table"), KILLS)
def test_s67_killed_and_run_again_equals_undisturbed(
    world: World, undisturbed: Path, tmp_path: Path, where: str, table: str
) -> None:
    lake, name = lakes.copy(world.base, tmp_path / "lake"), f"silver.{table}"
    assert lakes.killed(Task(world.root, lake, where, name, name, java=lakes.java(world.spark))) == -9
    world.run(lake)
    for one in (name, f"{name}_quarantine", f"{name}_tombstones"):
        assert world.rows(lake, one) == world.rows(undisturbed, one), one
    lakes.check_control_plane(world.root, lake)
    assert not lakes.run(world.root, lake, world.spark).used_spark


def test_s67_after_a_kill_late_rows_find_what_they_need(world: World, tmp_path: Path) -> None:
    lake = lakes.copy(world.base, tmp_path / "lake")
    for table in MERGED:
        name = f"silver.{table}"
        task = Task(world.root, lake, "after companions", name, name, java=lakes.java(world.spark))
        assert lakes.killed(task) == -9
    world.run(lake)
    world.deliver(2)
    world.run(lake)
    for table in MERGED:
        assert not (told := world.wrong(lake, table)), "\n".join(told)
