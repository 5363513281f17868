"""`files TABLE --rebuild`: `_lakehouse` was deleted, or is older than the table."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import lakehouse
from lakehouse.cli import app
from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.engine import rebuild as module
from lakehouse.engine.rebuild import RebuiltLedger
from lakehouse.engine.results import Status
from lakehouse.errors import LakehouseError, LockTaken, OffsetError
from tests.engine.lake import Lake


def rebuilt(lake: Lake, table: str = "bronze.a") -> RebuiltLedger:
    return lakehouse.rebuild_ledger(lake.project(), table, spark=lake.spark)


def lost(lake: Lake) -> None:
    """Somebody deletes the control plane; the next run refuses, and names the command."""
    lake.delete("_lakehouse")
    error = lake.run(ok=False)["bronze.a"].error
    assert isinstance(error, OffsetError)
    assert error.code == "ledger.empty"
    assert "run `lakehouse files bronze.a --rebuild`" in error.fix


def test_nothing_loads_twice_and_nothing_is_lost_when_the_control_plane_was_deleted(lake: Lake) -> None:
    lake.bronze(options="max_files_per_trigger: 2")
    lake.file("1.csv", "1,10,x", "1,11,x")
    gone = lake.file("2 ü.csv", "2,20,y")
    lake.file("3.csv", "3,30,z")
    lake.file("empty.csv")
    lake.file("bad.csv.gz", "no gzip")
    lake.file("rejected.csv", "1,2,3,4,5")
    lake.run()
    before, kinds, rows = lake.files(), lake.kinds("bronze.a"), lake.rows("bronze.a", "id", "n", "_batch")
    rejected = len(lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark))
    gone.unlink()
    late = lake.file("4.csv", "4,40,w")
    lost(lake)
    done = rebuilt(lake)
    assert (done.needed, done.files, done.batches, done.gone, done.skipped) == (True, 4, 3, 1, 0)
    assert [Path(p).name for p in done.new] == ["4.csv", "bad.csv.gz", "empty.csv"]
    assert lake.files() == {name: before[name] for name in ("1.csv", "2 ü.csv", "3.csv", "rejected.csv")}
    assert [r[:2] for r in lake.ledger("batch", "rows", kind="result")] == [(1, 3), (2, 1), (3, 0)]
    assert lake.kinds("bronze.a") == [*kinds, "alter"], "no row was written: it is only of another project now (S96)"
    again = lake.run()["bronze.a"]
    assert again.files_read == 2
    assert lake.rows("bronze.a", "id", "n", "_batch") == [*rows, (4, 40, 5)]
    assert lake.files() == before | {late.name: "loaded"}
    assert lake.run()["bronze.a"].status is Status.IDLE
    assert len(lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark)) == rejected


def test_a_ledger_that_is_not_lost_stays_as_it_is(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    with pytest.raises(LakehouseError, match="does not exist yet"):
        rebuilt(lake)
    lake.run()
    before = lake.audit("files")
    assert rebuilt(lake) == RebuiltLedger("bronze.a", needed=False)
    assert lake.audit("files") == before
    lost(lake)
    assert rebuilt(lake).needed
    before = lake.audit("files")
    assert not rebuilt(lake).needed
    assert lake.audit("files") == before


def test_an_older_copy_of_the_control_plane_is_refused_and_gets_what_it_lacks(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.run()
    shutil.copytree(lake.root / "lake/_lakehouse", lake.root / "backup")
    lake.file("2.csv", "2,20,y")
    lake.run()
    lake.delete("_lakehouse")
    shutil.copytree(lake.root / "backup", lake.root / "lake/_lakehouse")
    error = lake.run(ok=False)["bronze.a"].error
    assert isinstance(error, OffsetError)
    assert (error.code, error.message) == (
        "ledger.behind", "bronze.a has loaded 2 batches and its ledger knows 1: it is older than the table",
    )  # fmt: skip
    assert rebuilt(lake).batches == 1
    assert lake.run()["bronze.a"].status is Status.IDLE
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 2)]


def test_after_a_restore_only_what_is_in_the_table_is_loaded(lake: Lake) -> None:
    lake.bronze()
    for n in (1, 2, 3):
        lake.file(f"{n}.csv", f"{n},10,x")
        lake.run()
    lake.sql("RESTORE TABLE {bronze.a} TO VERSION AS OF 1")
    lost(lake)
    assert [Path(p).name for p in rebuilt(lake).new] == ["2.csv", "3.csv"]
    lake.run()
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 4), (3, 4)]


def test_s1_a_file_that_changed_since_is_told_and_with_allow_overwrites_loaded_once(lake: Lake) -> None:
    lake.bronze()
    lake.bronze("b", options="allow_overwrites: true")
    for table in ("a", "b"):
        lake.file("1.csv", "1,10,x", table=table)
        lake.file("2.csv", "2,20,y", table=table)
    lake.run()
    lake.file("1.csv", "1,11,x", table="b")
    lake.run()
    lost(lake)
    lake.file("1.csv", "1,11,x")
    rebuilt(lake)
    assert rebuilt(lake, "bronze.b").files == 2
    done = lake.run()
    assert [w.partition(" was")[2] for w in done["bronze.a"].warnings] == [
        " loaded and has changed since; it is not read again"
    ]
    assert done["bronze.b"].status is Status.IDLE
    assert lake.rows("bronze.b", "n", "_batch") == [(10, 1), (11, 2), (20, 1)]


def test_s26_files_older_than_the_table_stay_out(lake: Lake) -> None:
    lake.bronze(options="include_existing_files: false")
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.file("2.csv", "2,20,y", at=10**9)
    lake.run()
    lost(lake)
    done = rebuilt(lake)
    assert (done.files, done.skipped, done.new) == (1, 1, ())
    lake.run()
    assert lake.rows("bronze.a", "id") == [(2,)]
    assert lake.files() == {"1.csv": "skipped", "2.csv": "loaded"}


def test_killed_before_its_commit_it_has_changed_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.run()
    lost(lake)

    def dies(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "rebuilt", dies)
        with pytest.raises(ZeroDivisionError):
            rebuilt(lake)
    assert isinstance(lake.run(ok=False)["bronze.a"].error, OffsetError)
    assert rebuilt(lake).files == 1
    assert lake.run()["bronze.a"].status is Status.IDLE


def test_history_that_has_expired_is_vouched_for(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.bronze()
    for n in (1, 2):
        lake.file(f"{n}.csv", f"{n},10,x")
        lake.run()
    lake.sql("ALTER TABLE {bronze.a} SET TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    lake.file("3.csv", "3,10,x")
    lake.run()
    for version in range(3):
        (lake.root / f"lake/bronze/a/_delta_log/{version:020d}.json").unlink()
    lost(lake)
    told: list[Any] = []
    confirm = commits.confirm
    monkeypatch.setattr(module.commits, "confirm", lambda *a, **k: (told.append(a[2]), confirm(*a, **k)))
    assert rebuilt(lake).files == 3
    assert [c.version for c in told[0]] == [2]
    assert lake.run()["bronze.a"].status is Status.IDLE
    lake.file("4.csv", "4,10,x")
    lake.run()
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_run_at_work_is_not_disturbed(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.run()
    with module.locked(lake.control.root, [*lake.project().tables], run="other"), pytest.raises(LockTaken):
        rebuilt(lake)


def test_the_command_says_what_it_did(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.run()
    lost(lake)
    lake.file("2.csv", "2,20,y")
    monkeypatch.chdir(lake.root)
    said = CliRunner().invoke(app, ["files", "bronze.a", "--rebuild"])
    assert said.exit_code == 0, said.output
    assert said.output.splitlines() == [
        "in the ledger of bronze.a again: 1 file with rows in it; batches that were lost: 1",
        f"without a row in the table, so the next run loads them: 1 file: {lake.landing}/a/2.csv",
        "files that were loaded and had no row, or whose rows were deleted since, cannot be told from new ones",
    ]
    again = CliRunner().invoke(app, ["files", "bronze.a", "--rebuild"])
    assert again.output == "the ledger of bronze.a is not lost: nothing was written\n"
