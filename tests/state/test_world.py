"""Many tables looked at together are decided as each of them alone, and each is opened once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import log as logs
from lakehouse.lake.log import Log
from lakehouse.planning.decide import decide
from lakehouse.state import world as worlds
from lakehouse.state.world import World
from tests.planning.projects import Lake, project

TEXT = """
bronze:
  a: {source: {format: csv, path: landing}, schema: {x: string}}
  b: {source: {format: csv, path: landing}, schema: {x: string}}
  gone: {source: {format: csv, path: nowhere}, schema: {x: string}}
silver:
  s: {from: bronze.a, schema: {x: string}}
  new: {from: bronze.b, schema: {x: string}}
gold:
  g: {from: silver.s, aggregate: {by: x, measures: {n: count(*)}}}
  both: {sql: "SELECT x FROM silver.s UNION ALL SELECT x FROM bronze.b"}
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "1.csv").write_text("x\n1\n")
    lake = Lake(project(tmp_path, TEXT))
    for name in ("bronze.a", "bronze.b"):
        lake.create(name, {"x": "string", "_batch": "bigint"})
    lake.create("silver.s", {"x": "string"})
    lake.create("gold.g", {"x": "string", "n": "string"})
    lake.write("silver.s", 1, {"bronze.a": {"id": "id-bronze.a", "version": 0, "batch": 0}})
    lake.write("gold.g", 1, {"silver.s": {"id": "id-silver.s", "version": 0}}, mode="overwrite")
    return lake


def outcome(call: Any) -> str:
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("group", [1, 2, 64])
def test_together_and_alone_come_to_the_same(lake: Lake, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    monkeypatch.setattr(worlds, "GROUP", group)
    opened: list[str] = []
    table = logs.DeltaTable
    monkeypatch.setattr(logs, "DeltaTable", lambda path, **more: opened.append(path) or table(path, **more))
    steps = lake.plan.chosen()
    world = World(lake.environment, [step.name for step in steps], {})
    together = [
        outcome(lambda s=step: decide(s, world.state(s.name, s.spec, [read.table for read in s.reads])))
        for step in steps
    ]
    assert sorted(opened) == sorted(lake.path(n) for n in ("bronze.a", "bronze.b", "silver.s", "gold.g"))
    assert together == [outcome(lambda s=step: decide(s, lake.state(str(s.name)))) for step in steps]
    assert len({text.split("(")[0] for text in together}) > 2, "a step that fails, one that waits, one that has work"


def test_others_are_taken_as_they_are_given(lake: Lake) -> None:
    step = lake.plan["gold.g"]
    given = lake.log("silver.s")
    world = World(lake.environment, [step.name], {r.table: given for r in step.reads})
    state = world.state(step.name, step.spec, [r.table for r in step.reads])
    assert list(state.inputs.values()) == [given]


def test_what_was_let_go_is_read_again_at_the_same_version(lake: Lake) -> None:
    kept, let_go = lake.log("silver.s"), lake.log("silver.s")
    let_go.let_go()
    lake.foreign("silver.s")
    assert let_go.version == kept.version == Log.require(lake.path("silver.s")).version - 1
    for name in ("sequence", "columns", "properties", "table_id", "partitioned_by", "features"):
        assert getattr(let_go, name) == getattr(kept, name), name
    assert let_go.files().equals(kept.files())
    let_go.let_go()
    let_go.let_go()
    assert let_go.files().num_rows == 1
