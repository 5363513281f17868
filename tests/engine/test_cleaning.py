"""`clean_source`: what leaves the source, when, what stays, and what the ledger says of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

import lakehouse
from lakehouse.engine import cleaning, points
from lakehouse.engine.results import Status
from lakehouse.names import TableName
from lakehouse.planning import explain
from tests.engine.lake import START, Lake

DELETE = "clean_source: {action: delete}"
MOVE = 'clean_source: {action: move, retention_duration: 0 days, move_destination: "${landing}-done/a"}'


def there(lake: Lake, folder: str = "landing/a") -> list[str]:
    top = lake.root / folder
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file())


@contextmanager
def days_later(monkeypatch: pytest.MonkeyPatch, days: int) -> Iterator[None]:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(days=days)

    with monkeypatch.context() as patch:
        patch.setattr(cleaning, "datetime", Later)
        patch.setattr(explain, "datetime", Later)
        yield


@contextmanager
def dying(where: str) -> Iterator[None]:
    """The step ends at this point; tests/crash kills the process there."""

    def listen(at: str, _: TableName) -> None:
        if at == where:
            raise RuntimeError(where)

    points.listener = listen
    try:
        yield
    finally:
        points.listener = None


def test_files_are_deleted_when_they_were_loaded_long_enough_ago(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.bronze(options=DELETE)
    lake.file("1.csv", "1,10,x")
    lake.file("2.csv.gz", "no gzip")
    first = lake.run()["bronze.a"]
    assert (there(lake), lake.ledger("path", kind="cleaned")) == (["1.csv", "2.csv.gz"], [])
    assert [(m.due, m.reason) for m in first.maintenance if m.operation == "clean_source"] == [
        (False, "no file that is still there was loaded more than 30 days ago")
    ]
    commits = lake.control.open("files").version()  # type: ignore[union-attr]
    with days_later(monkeypatch, 29):
        idle = lake.run()
    assert (there(lake), idle["bronze.a"].maintenance) == (["1.csv", "2.csv.gz"], [])
    assert lake.control.open("files").version() == commits, "nothing to do writes nothing"  # type: ignore[union-attr]
    with days_later(monkeypatch, 31):
        assert "1 file was loaded more than 30 days ago and is deleted" in str(lakehouse.plan(lake.project()))
        done = lake.run()
        assert "clean_source" not in str(lakehouse.plan(lake.project()))
        again = lake.run()
    assert there(lake) == ["2.csv.gz"], "a file that failed stays"
    assert (done["bronze.a"].status, done.used_spark, done["bronze.a"].warnings) == (Status.IDLE, False, [])
    assert [(m.operation, m.reason) for m in done["bronze.a"].maintenance] == [
        ("clean_source", "1 file was loaded more than 30 days ago and is deleted")
    ]
    assert [(r["operation"], r["metrics"]) for r in lake.audit("maintenance", done)] == [
        ("clean_source", '{"deleted":1}')
    ]
    assert lake.ledger("path", "batch", "work", "moved_to", kind="cleaned") == [("1.csv", 1, "deleted", None)]
    assert lake.files() == {"1.csv": "cleaned", "2.csv.gz": "failed"}
    assert again["bronze.a"].maintenance == []
    assert lake.rows("bronze.a", "id") == [(1,)]
    assert lake.version("bronze.a") == first.version


def test_files_are_moved_with_their_folders_right_after_they_were_loaded(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    lake.file("d=1/1.csv", "1,10,x")
    lake.file("d=2/1.csv", "2,20,y")
    done = lake.run()["bronze.a"]
    assert (there(lake), there(lake, "landing-done/a")) == ([], ["d=1/1.csv", "d=2/1.csv"])
    assert [m.reason for m in done.maintenance if m.operation == "clean_source"] == [
        f"2 files were loaded and are moved to {lake.root}/landing-done/a"
    ]
    assert lake.rows("bronze.a", "id") == [(1,), (2,)]
    found = lakehouse.files(lake.project(), "bronze.a", status="cleaned")
    assert [r["moved_to"] for r in found] == [f"{lake.root}/landing-done/a/d={i}/1.csv" for i in (1, 2)]
    assert not lake.run().used_spark
    assert lake.ledger("path", kind="changed") == []


def test_a_file_that_comes_again_under_a_cleaned_name_is_told_and_stays(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    lake.file("1.csv", "1,10,x")
    lake.run()
    path = lake.file("1.csv", "1,11,x")
    said = lake.run()["bronze.a"]
    assert said.warnings == [f"{path} was loaded and has changed since; it is not read again"]
    assert (there(lake), lake.files()) == (["1.csv"], {"1.csv": "changed"})
    assert lake.run()["bronze.a"].warnings == []


def test_with_allow_overwrites_the_newest_version_of_a_file_is_cleaned(lake: Lake) -> None:
    lake.bronze(options=f"allow_overwrites: true, {MOVE}")
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.file("1.csv", "1,11,x")
    done = lake.run()["bronze.a"]
    assert lake.rows("bronze.a", "n") == [(10,), (11,)]
    assert there(lake) == ["1.csv"], "the older version is at its place"
    (kept,) = done.warnings
    assert "landing-done/a/1.csv is there already, with another content" in kept
    (lake.root / "landing-done/a/1.csv").unlink()
    assert lake.run()["bronze.a"].warnings == []
    assert there(lake) == []
    assert lake.ledger("path", "batch", kind="cleaned") == [("1.csv", 1), ("1.csv", 2)]


def test_what_cannot_be_taken_away_is_a_warning_and_is_tried_again(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    path = lake.file("1.csv", "1,10,x")
    (lake.root / "landing-done").write_text("a file where the folder should be")
    done = lake.run()["bronze.a"]
    assert done.status is Status.COMPLETED
    assert len(done.warnings) == 1
    assert done.warnings[0].startswith(f"not cleaned: {path}: ")
    assert lake.ledger("path", kind="cleaned") == []
    (lake.root / "landing-done").unlink()
    assert lake.run()["bronze.a"].warnings == []
    assert there(lake) == []


def test_a_run_that_died_between_the_files_and_the_ledger_changes_nothing(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    lake.file("1.csv", "1,10,x")
    with dying("before cleaned"):
        lake.run(ok=False)
    assert (there(lake), lake.ledger("path", kind="cleaned")) == ([], [])
    done = lake.run()["bronze.a"]
    assert (done.status, done.warnings) == (Status.IDLE, [])
    assert lake.ledger("path", "work", kind="cleaned") == [("1.csv", "moved")]
    assert lake.rows("bronze.a", "id") == [(1,)]


def test_nothing_is_cleaned_before_its_rows_are_committed(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    lake.file("1.csv", "1,10,x")
    for where in ("after ledger", "before data", "after data", "before result", "after result"):
        with dying(where):
            lake.run(ok=False)
        assert there(lake) == ["1.csv"], where
    lake.run()
    assert (there(lake), lake.rows("bronze.a", "id")) == ([], [(1,)])


def test_a_bounded_number_of_files_goes_in_one_run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MOST", 3)
    monkeypatch.setattr(cleaning, "CHUNK", 2)
    lake.bronze(options=MOVE)
    for n in range(5):
        lake.file(f"{n}.csv", f"{n},10,x")
    (found,) = (m for m in lake.run()["bronze.a"].maintenance if m.operation == "clean_source")
    assert found.reason.endswith("3 were looked at, the next run goes on")
    assert there(lake) == ["3.csv", "4.csv"]
    lake.run()
    assert there(lake) == []


def test_files_of_another_path_are_left_where_they_are(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.run()
    (lake.landing / "b").mkdir()
    text = 'source: {format: csv, path: "${landing}/b", options: {header: true}}\n'
    lake.tables(bronze={"a": text + f"auto_loader: {{schema_hints: {{id: int, n: int}}, {MOVE}}}"})
    lake.file("2.csv", "2,20,y", table="b")
    lake.run()
    assert (there(lake), there(lake, "landing/b")) == (["1.csv"], [])


def test_the_path_of_a_source_that_moves_with_the_date_is_cleaned_from_its_fixed_part_on(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    text = 'source: {format: csv, path: "${landing}/a/${run.date}", options: {header: true}}\n'
    lake.tables(bronze={"a": text + f"auto_loader: {{schema_hints: {{id: int, n: int}}, {MOVE}}}"})
    (lake.landing / "a").mkdir(exist_ok=True)
    day = datetime.now().astimezone().strftime("%Y-%m-%d")
    lake.file(f"{day}/1.csv", "1,10,x")
    lake.run()
    assert there(lake, "landing-done/a") == [f"{day}/1.csv"]


def test_s80_files_of_an_undone_batch_that_were_cleaned_are_told(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    lake.file("1.csv", "1,10,x")
    lake.run()
    path = lake.file("2.csv", "2,20,y")
    lake.run()
    lake.sql("RESTORE TABLE {bronze.a} TO VERSION AS OF 1")
    assert "2.csv, which it loaded, is not in the source any more" in str(lakehouse.plan(lake.project()))
    said = lake.run()["bronze.a"]
    moved = f"{lake.root}/landing-done/a/2.csv"
    (warning,) = said.warnings
    assert warning == (
        f"{path} is not loaded again: batch 2, which it was in, is undone by a RESTORE, and clean_source moved it to"
        f" {moved}; put it back to have it loaded, or RESTORE the table to version 2, which has its rows"
    )
    assert lake.run()["bronze.a"].warnings == []
    assert lake.files() == {"1.csv": "cleaned", "2.csv": "undone"}
    Path(moved).rename(path)
    lake.run()
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 3)]
    assert lake.files() == {"1.csv": "cleaned", "2.csv": "cleaned"}


def test_s80_rows_of_cleaned_files_come_back_by_another_restore(lake: Lake) -> None:
    lake.bronze(options=MOVE)
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.file("2.csv", "2,20,y")
    said = lake.run()["bronze.a"]
    lake.sql("RESTORE TABLE {bronze.a} TO VERSION AS OF 1")
    (warning,) = lake.run()["bronze.a"].warnings
    version = re.search(r"RESTORE the table to version (\d+)", warning)
    assert version is not None
    assert int(version[1]) == said.version
    lake.sql(f"RESTORE TABLE {{bronze.a}} TO VERSION AS OF {version[1]}")
    assert lake.run()["bronze.a"].warnings == []
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 2)]
    assert lake.files() == {"1.csv": "cleaned", "2.csv": "cleaned"}


def test_a_file_whose_batch_is_not_committed_is_never_cleaned(lake: Lake) -> None:
    """Not in its own run, nor as a skipped one, nor when the table is loaded by another."""
    lake.bronze(options=f"include_existing_files: false, {MOVE}")
    lake.file("1.csv", "1,10,x")
    lake.run()
    bad = lake.landing / "a" / "2.csv.gz"
    bad.write_bytes(b"\x1f\x8b\x08\x00this is no gzip")
    os.utime(bad, (START + 99, START + 99))
    lake.file("3.csv", "3,30,z")
    lake.run()
    assert there(lake) == ["1.csv", "2.csv.gz"]
    assert lake.files() == {"1.csv": "skipped", "2.csv.gz": "failed", "3.csv": "cleaned"}
