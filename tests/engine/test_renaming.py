"""`renamed_from`: a table gets another name, and nothing is read again (S94)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import MachineError
from lakehouse.names import TableName
from tests.engine.lake import Lake

RULES = "expectations: {small: {expect: n < 25, on_violation: quarantine}}\n"


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """Bronze `a`, Silver `s` that reads on from it and rejected a row, and Gold over `s`."""
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a\n" + RULES}, gold={"g": "sql: SELECT count(*) AS c FROM silver.s"})
    lake.file("1.csv", "1,10,x", "2,30,y")
    lake.run()
    return lake


def renamed(lake: Lake) -> None:
    """Both tables that keep rows get other names."""
    lake.forget("bronze", "a")
    lake.forget("silver", "s")
    source = 'source: {format: csv, path: "${landing}/a", options: {header: true}}\n'
    hints = "auto_loader: {schema_hints: {id: int, n: int}}\nrenamed_from: bronze.a"
    lake.tables(
        bronze={"b": source + hints},
        silver={"t": "renamed_from: silver.s\nfrom: bronze.b\n" + RULES},
        gold={"g": "sql: SELECT count(*) AS c FROM silver.t"},
    )


def test_s94_a_renamed_table_keeps_rows_history_ledger_and_readers(loaded: Lake) -> None:
    ids = {name: loaded.log(name).table_id for name in ("bronze.a", "silver.s")}
    renamed(loaded)
    planned = lakehouse.plan(loaded.project())
    assert [(str(e.step.name), e.action, e.reason) for e in planned.steps[:2]] == [
        ("bronze.b", "rename", "bronze.a gets its new name; no new files among 1 file"),
        ("silver.t", "rename", "silver.s gets its new name; no new rows in bronze.b"),
    ]
    assert planned.gone == ()
    done = loaded.run()
    assert {str(n): s.status for n, s in done.steps.items() if n.layer != "gold"} == {
        "bronze.b": Status.COMPLETED, "silver.t": Status.COMPLETED
    }  # fmt: skip
    assert loaded.rows("silver.t", "id") == [(1,)]
    assert {name: loaded.log(new).table_id for name, new in (("bronze.a", "bronze.b"), ("silver.s", "silver.t"))} == ids
    assert loaded.kinds("silver.t") == ["create", "data"]
    assert [r["n"] for r in lakehouse.quarantine(loaded.project(), "silver.t", spark=loaded.spark)] == [30]
    assert not (loaded.root / "lake/silver/s").exists()
    assert not (loaded.root / "lake/silver/s_quarantine").exists()
    assert loaded.run().status is Status.IDLE
    loaded.file("2.csv", "3,5,z")
    loaded.run()
    assert loaded.rows("bronze.b", "id", "_batch") == [(1, 1), (2, 1), (3, 2)]
    assert loaded.rows("silver.t", "id") == [(1,), (3,)]
    assert loaded.rows("gold.g") == [(2,)]


def test_s94_killed_between_two_folders_the_next_run_moves_the_rest(
    loaded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed(loaded)
    rename, moved = Path.rename, []

    def dies(self: Path, target: Any) -> Any:
        if self.name == "s":
            raise ZeroDivisionError
        moved.append(self.name)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dies)
        assert loaded.run(ok=False)["silver.t"].status is Status.FAILED
    assert moved == ["a", "s_quarantine"]
    loaded.run()
    assert loaded.rows("silver.t", "id") == [(1,)]
    assert [r["n"] for r in lakehouse.quarantine(loaded.project(), "silver.t", spark=loaded.spark)] == [30]


def test_s94_what_is_in_the_way_is_named_and_nothing_is_lost(loaded: Lake) -> None:
    renamed(loaded)
    (loaded.root / "lake/silver/t").mkdir()
    (loaded.root / "lake/silver/t/notes.txt").write_text("mine")
    error = loaded.run(ok=False)["silver.t"].error
    assert isinstance(error, MachineError)
    assert (error.code, "lake/silver/t: Directory not empty" in error.message) == ("table.rename", True)
    assert loaded.rows("silver.s", "id") == [(1,)]


def test_s94_a_table_that_has_its_name_leaves_the_one_before_alone(loaded: Lake) -> None:
    loaded.tables(silver={"t": "from: bronze.a\n" + RULES})
    loaded.run()
    loaded.forget("silver", "s")
    loaded.tables(
        silver={"t": "renamed_from: silver.s\nfrom: bronze.a\n" + RULES},
        gold={"g": "sql: SELECT count(*) AS c FROM silver.t"},
    )
    assert lakehouse.plan(loaded.project()).gone == (TableName("silver", "s"),)
    loaded.run()
    assert loaded.exists("silver.s")


def test_s94_a_companion_that_is_in_the_way_is_not_forgotten(loaded: Lake) -> None:
    renamed(loaded)
    (loaded.root / "lake/silver/t_quarantine/_delta_log").mkdir(parents=True)
    assert isinstance(loaded.run(ok=False)["silver.t"].error, MachineError)
    assert loaded.exists("silver.s")
    assert loaded.exists("silver.s_quarantine")


def test_s94_a_table_that_has_not_moved_yet_is_neither_maintained_nor_replayed(loaded: Lake) -> None:
    renamed(loaded)
    for done in (
        lakehouse.maintain(loaded.project(), loaded.spark, select="bronze.b silver.t", rewrite=True),
        lakehouse.maintain(loaded.project(), loaded.spark, select="bronze.b silver.t"),
    ):
        assert "still lies under the name that it had before" in str(done["bronze.b"].error)
    assert loaded.exists("silver.s")
