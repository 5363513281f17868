"""Upkeep of the control tables: few files, short logs, aged rows, and a ledger that says what it said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.control.store import Control
from lakehouse.control.tables import TABLES
from lakehouse.control.upkeep import DUE, upkeep


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(str(tmp_path))


def test_it_is_due_after_so_many_commits_and_free_until_then(control: Control) -> None:
    assert upkeep(control) == []
    for i in range(DUE - 2):  # making the table is a commit too
        control.append("files", [{"table_id": "t", "batch": i}])
    version = DeltaTable(control.path("files")).version()
    assert (upkeep(control), DeltaTable(control.path("files")).version()) == ([], version)
    control.append("files", [{"table_id": "t", "batch": 99}])
    assert any("compacted" in done for done in upkeep(control))
    table = DeltaTable(control.path("files"))
    assert len(table.file_uris()) == 1
    assert sorted(control.read("files", columns=["batch"])["batch"].to_pylist()) == [*range(DUE - 2), 99]
    assert list(Path(control.path("files"), "_delta_log").glob("*.checkpoint.parquet"))
    assert upkeep(control) == []


def test_it_keeps_the_application_transactions(control: Control) -> None:
    table = control.create("files")
    control.append("files", [{"table_id": "t"}], through=table, transaction=("files/t", 5))
    for _ in range(DUE):
        control.append("files", [{"table_id": "t"}])
    upkeep(control)
    assert DeltaTable(control.path("files")).transaction_version("files/t") == 5


def test_one_key_ages_what_happened_and_never_what_was_loaded(control: Control) -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    for name in TABLES:
        control.append(name, [{"at": now - timedelta(days=400)}, {"at": now - timedelta(days=10)}])
    upkeep(control, retain=timedelta(days=365), force=True, now=now)
    left = {name: control.read(name).num_rows for name in TABLES}
    assert left == {
        "files": 2, "commits": 2, "erasures": 2, "runs": 1, "steps": 1, "expectations": 1, "maintenance": 1, "errors": 1,
    }  # fmt: skip


def test_a_reader_of_before_still_finds_its_files(control: Control) -> None:
    for i in range(DUE + 1):
        control.append("runs", [{"process": i}])
    before = control.open("runs")
    upkeep(control, retain=timedelta(days=1))
    assert control.read("runs", through=before).num_rows == DUE + 1
