"""Rows read ahead are those that reading one table after the other gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.control import commits, store
from lakehouse.control.ahead import ReadAhead
from lakehouse.control.commits import Confirmation
from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from tests.control.test_ledger import ONE

IDS = ["t3", "t1", "none", "it's"]


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(f"{tmp_path}/_lakehouse")


@pytest.fixture
def written(control: Control) -> Control:
    """Rows of three tables, of different number and mixed, and of one that nobody asks for."""
    for number in range(3):
        for table_id in ("t1", "it's", "other", "t3")[number:]:
            seen = Confirmation(number, f"a{number}", number + 1, {"x": {"version": number}})
            commits.confirm(control, table_id, [seen], table="x", run="r")
    commits.project(control)
    ledger = Ledger.open(control, "t1", table="x")
    ledger.base = 0
    ledger.plan(1, "a1", [ONE])
    return control


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the engine from now on."""
    found: list[str] = []
    execute = store._execute

    def noted(tables: Any, sql: str) -> Any:
        found.append(sql)
        return execute(tables, sql)

    monkeypatch.setattr(store, "_execute", noted)
    return found


def sorted_rows(control: Control, table_id: str) -> Any:
    """Rows come in no order."""
    found = commits.read(control, table_id)
    rows = Ledger.open(control, table_id, table="x").rows
    return sorted(found.confirmed, key=lambda c: c.sequence), rows.to_pylist(), rows.schema


def test_the_rows_of_each_table_are_its_own(written: Control) -> None:
    ahead = ReadAhead(written.root)
    ahead.expect(IDS)
    for table_id in (*IDS, "other", "t1"):
        assert sorted_rows(ahead, table_id) == sorted_rows(written, table_id), table_id
    assert [len(commits.read(ahead, table_id).confirmed) for table_id in IDS] == [3, 1, 0, 2]
    assert ahead.read("commits").num_rows == written.read("commits").num_rows


def test_one_query_brings_the_rows_of_all(written: Control, queries: list[str]) -> None:
    ahead = ReadAhead(written.root)
    ahead.expect(IDS)
    for table_id in IDS:
        commits.read(ahead, table_id)
        Ledger.open(ahead, table_id, table="x")
    assert len(queries) == 3, "of commits, of files, and once of the project's id"
    ahead.expect(["other"])
    assert len(commits.read(ahead, "other").confirmed) == 3
    assert len(queries) == 4


def test_it_stays_at_its_first_look(written: Control) -> None:
    ahead = ReadAhead(written.root)
    ahead.expect(["t1"])
    before = commits.read(ahead, "t1")
    for table_id in ("t1", "t3"):
        commits.confirm(written, table_id, [Confirmation(9, "a9", 9)], table="x", run="r")
    ahead.expect(IDS)
    assert commits.read(ahead, "t1").confirmed == before.confirmed
    assert len(commits.read(ahead, "t3").confirmed) == 3


def test_without_a_control_plane_there_is_no_row(control: Control) -> None:
    ahead = ReadAhead(control.root)
    assert commits.read(ahead, "t1") == commits.CommitRows()
    ahead.expect(IDS)
    assert commits.read(ahead, "t1") == commits.CommitRows()
    assert Ledger.open(ahead, "t1", table="x").rows.num_rows == 0
    assert not Path(control.root).exists()
