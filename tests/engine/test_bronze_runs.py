"""Files into Bronze: batches, replays, files that change, vanish or cannot be read, and what the ledger says of them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import lakehouse
from lakehouse.control.ledger import Ledger
from lakehouse.engine import bronze
from lakehouse.engine.results import Status
from lakehouse.errors import LakehouseError
from lakehouse.ingest.batch import BatchRequest
from lakehouse.names import TableName
from lakehouse.sources.base import SourceFile
from lakehouse.state.ledger import stand
from lakehouse.state.observe import listed
from lakehouse.state.place import Commits
from tests.engine.lake import START, Lake, failures


def test_s1_a_loaded_file_that_changes_is_noted_once_with_a_warning_and_not_read_again(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.run()
    path = lake.file("1.csv", "1,11,x")
    said = lake.run()["bronze.a"]
    assert said.warnings == [f"{path} was loaded and has changed since; it is not read again"]
    assert said.status is Status.IDLE
    assert lake.ledger("path", kind="changed") == [("1.csv",)]
    again = lake.run()["bronze.a"]
    assert again.warnings == []
    assert lake.ledger("path", kind="changed") == [("1.csv",)]
    assert lake.files() == {"1.csv": "changed"}
    lake.file("1.csv", "1,12,x")
    assert len(lake.run()["bronze.a"].warnings) == 1, "another change is another warning"
    assert lake.rows("bronze.a") == [(1, 10, "x")]


def test_s2_files_are_cut_into_batches_by_time_and_all_of_them_load_in_one_run(lake: Lake) -> None:
    lake.bronze(options="max_files_per_trigger: 2")
    for name, at in (("c.csv", 1), ("a.csv", 2), ("b.csv", 2), ("d.csv", 3), ("e.csv", 0)):
        lake.file(name, f"1,{at},{name}", at=at)
    result = lake.run()["bronze.a"]
    assert lake.rows("bronze.a", "_batch", "t") == [
        (1, "c.csv"), (1, "e.csv"), (2, "a.csv"), (2, "b.csv"), (3, "d.csv"),
    ]  # fmt: skip
    assert lake.kinds("bronze.a") == ["create", "data", "data", "data"]
    assert (result.files_read, result.rows_written, result.commits, result.sequence) == (5, 5, 3, 3)
    assert [r[:2] for r in lake.ledger("batch", "rows", kind="result")] == [(1, 2), (2, 2), (3, 1)]


def planned(lake: Lake, at: datetime) -> list[SourceFile]:
    """The files of the landing folder, planned by a run that died before it read them."""
    project, name = lake.project(), TableName.parse("bronze.a")
    log = lake.log("bronze.a")
    files = list(listed(project.environment, project.tables[name]))
    ledger = Ledger.open(lake.control, log.table_id or "", table="bronze.a", run="died")
    standing = stand(ledger, log, Commits.read(lake.control, log.table_id or ""))
    ledger.plan(standing.next_batch, "", standing.new_files(files), ingested_at=at)
    return files


def test_s3_s4_a_batch_that_was_planned_is_replayed_with_its_files_its_number_and_its_time(lake: Lake) -> None:
    """A file that came later waits for the next batch, one that is gone is failed, and comes back when it is asked for."""
    at = datetime(2024, 2, 29, 12, tzinfo=UTC)
    lake.bronze()
    (lake.landing / "a").mkdir(exist_ok=True)
    lake.run()
    lake.file("1.csv", "1,10,x")
    gone = lake.file("2.csv", "2,20,y")
    planned(lake, at)
    lake.file("3.csv", "3,30,z", at=-5)
    kept, when = gone.read_bytes(), gone.stat().st_mtime
    gone.unlink()
    result = lake.run()["bronze.a"]
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (3, 2)]
    (found,) = lake.spark.read.format("delta").load(lake.path("bronze.a")).where("_batch = 1").collect()
    assert found["_ingested_at"].astimezone(UTC) == at
    assert lake.ledger("batch", "path", "error", kind="failed") == [
        (1, "2.csv", "the file is gone since it was planned")
    ]
    assert f"{gone} could not be read and is left out: the file is gone since it was planned" in result.warnings
    gone.write_bytes(kept)
    os.utime(gone, (when, when))
    assert lake.files() == {"1.csv": "loaded", "2.csv": "failed", "3.csv": "loaded"}
    assert lake.run()["bronze.a"].status is Status.IDLE, "it is as it was when it failed"
    assert lake.run(retry_failed=True)["bronze.a"].files_read == 1
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 3), (3, 2)]


def test_s1_with_allow_overwrites_a_file_that_changed_is_another_file(lake: Lake) -> None:
    lake.bronze(options="allow_overwrites: true")
    lake.file("1.csv", "1,10,x")
    lake.file("2.csv", "2,20,y")
    lake.run()
    lake.file("1.csv", "1,11,x")
    result = lake.run()["bronze.a"]
    assert (result.files_read, result.warnings) == (1, [])
    assert lake.rows("bronze.a", "n", "_batch") == [(10, 1), (11, 2), (20, 1)]
    assert lake.files() == {"1.csv": "loaded", "2.csv": "loaded"}
    assert lake.run()["bronze.a"].status is Status.IDLE


def test_failed_files_of_several_batches_are_tried_again_once_each(lake: Lake) -> None:
    lake.bronze(options="max_files_per_trigger: 1")
    for name in ("1.csv.gz", "2.csv.gz", "3.csv.gz"):
        lake.file(name, "1,10,x")  # no gzip
    lake.run()
    result = lake.run(retry_failed=True)["bronze.a"]
    assert lake.ledger("batch", "path", kind="failed") == [(n, f"{(n - 1) % 3 + 1}.csv.gz") for n in range(1, 7)]
    assert (result.commits, result.sequence) == (3, 6)


def test_force_loads_the_files_of_copy_into_again_and_no_others(lake: Lake) -> None:
    lake.bronze()
    source = 'source: {format: csv, path: "${landing}/a", options: {header: true}}\n'
    lake.tables(bronze={"copied": source + "copy_into: {}\nschema: {id: int, n: int}"})
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.file("2.csv", "2,20,y")
    result = lake.run(force=True)
    assert (result["bronze.a"].files_read, result["bronze.copied"].files_read) == (1, 2)
    assert lake.rows("bronze.copied", "id", "_batch") == [(1, 1), (1, 2), (2, 2)]
    assert lake.rows("bronze.a", "id") == [(1,), (2,)]
    assert not lake.run().used_spark
    with pytest.raises(LakehouseError, match="no chosen table is loaded by `copy_into`"):
        lake.run(force=True, select="bronze.a")


def test_s5_a_batch_without_rows_takes_its_number_and_is_not_loaded_again(lake: Lake) -> None:
    lake.bronze()
    lake.file("empty.csv")
    lake.file("nothing.csv").write_bytes(b"")
    result = lake.run()["bronze.a"]
    assert (result.status, result.rows_written, result.files_read) == (Status.COMPLETED, 0, 2)
    assert lake.kinds("bronze.a") == ["create", "data"]
    assert lake.ledger("batch", "rows", kind="result") == [(1, 0)]
    assert lake.files() == {"empty.csv": "loaded", "nothing.csv": "loaded"}
    assert lake.run()["bronze.a"].status is Status.IDLE
    assert lake.version("bronze.a") == 1


def test_s26_files_that_were_there_before_the_table_are_skipped_and_never_loaded(lake: Lake) -> None:
    lake.bronze(options="include_existing_files: false")
    lake.file("1.csv", "1,10,x")
    lake.run()
    assert lake.files() == {"1.csv": "skipped"}
    lake.file("2.csv", "2,20,y")
    lake.run()
    assert lake.rows("bronze.a") == [(2, 20, "y")]
    assert lake.files() == {"1.csv": "skipped", "2.csv": "loaded"}


def test_s25_copy_into_takes_what_its_pattern_names_and_auto_loader_goes_on_from_there(lake: Lake) -> None:
    lake.bronze()
    source = 'source: {format: csv, path: "${landing}/a", options: {header: true}}\n'
    lake.tables(bronze={"a": source + 'copy_into: {pattern: "new-*.csv"}'})
    lake.file("new-1.csv", "1,10,x")
    lake.file("old-2.csv", "2,20,y")
    lake.run()
    assert lake.files() == {"new-1.csv": "loaded"}
    lake.tables(bronze={"a": source})
    lake.run()
    assert lake.rows("bronze.a", "id", "_batch") == [("1", 1), ("2", 2)]


def test_on_bad_file_a_file_that_cannot_be_read_is_left_out_or_fails_the_step(lake: Lake) -> None:
    lake.bronze()
    lake.bronze("strict", more="on_bad_file: fail")
    for table in ("a", "strict"):
        lake.file("1.csv", "1,10,x", table=table)
        bad = lake.landing / table / "2.csv.gz"
        bad.write_bytes(b"\x1f\x8b\x08\x00this is no gzip")
        os.utime(bad, (START + 99, START + 99))
    done = lake.run(ok=False)
    assert done["bronze.a"].status is Status.COMPLETED
    assert lake.rows("bronze.a") == [(1, 10, "x")]
    assert lake.files() == {"1.csv": "loaded", "2.csv.gz": "failed"}
    assert "1 file(s) cannot be loaded" in str(done["bronze.strict"].error)
    assert "2.csv.gz" in str(done["bronze.strict"].error)
    assert lake.kinds("bronze.strict") == ["create"]
    assert lake.files("bronze.strict") == {"1.csv": "planned", "2.csv.gz": "planned"}


def test_s12_on_bad_record_the_line_is_kept_dropped_or_fails_the_step(lake: Lake) -> None:
    for action in ("quarantine", "drop", "fail"):
        lake.bronze(action, more=f"on_bad_record: {action}")
        bad = lake.file("1.csv", "1,10,x", "2,20,y,too,many", "3,30,z", table=action)
    done = lake.run(ok=False)
    assert lake.rows("bronze.quarantine") == lake.rows("bronze.drop") == [(1, 10, "x"), (3, 30, "z")]
    (kept,) = lakehouse.quarantine(lake.project(), "bronze.quarantine", spark=lake.spark)
    assert kept["_raw"] == "2,20,y,too,many"
    assert (Path(kept["_source_file"]).name, kept["_stage"], kept["_batch"]) == ("1.csv", "record", 1)
    assert len(failures(kept)) == 1
    assert not lake.exists("bronze.drop_quarantine")
    assert "1 bad record(s)" in str(done["bronze.fail"].error)
    assert lake.kinds("bronze.fail") == ["create"]
    # the file is repaired: the planned batch goes without it, as S4 says, and it is read as it is now
    bad.write_text("id,n,t\n1,10,x\n2,20,y\n")
    lake.run()
    assert lake.rows("bronze.fail", "id", "_batch") == [(1, 2), (2, 2)]


def test_s12_a_big_batch_is_read_once_until_one_has_a_bad_record(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[tuple[bool, bool]] = []

    def watched(*args: Any, **keys: Any) -> BatchRequest:
        request = asked(*args, **keys)
        looks.append((request.trusts, request.look))
        return request

    asked = bronze.request_of
    monkeypatch.setattr(bronze, "BIG", 0)
    monkeypatch.setattr(bronze, "request_of", watched)
    lake.bronze()
    for batch, rows in enumerate([["1,10,x"], ["2,20,y", "3,30"], ["4,40,w"], ["5,50,v", "6,x,u"]], start=1):
        lake.file(f"{batch}.csv", *rows)
        result = lake.run()["bronze.a"]
    assert looks == [(True, False), (True, False), (True, True), (False, False), (True, False)]
    assert lake.rows("bronze.a") == [(1, 10, "x"), (2, 20, "y"), (4, 40, "w"), (5, 50, "v"), (6, None, "u")]
    (kept,) = lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark)
    assert (kept["_raw"], kept["_batch"]) == ("3,30", 2)
    done = [row for row in lake.control.read("files").to_pylist() if row["kind"] == "result"]
    assert [(r["batch"], r["rows"], r["rejected"], r["rescued"]) for r in sorted(done, key=lambda r: r["batch"])] == [
        (1, 1, 0, 0), (2, 1, 1, 0), (3, 1, 0, 0), (4, 2, 0, 1),
    ]  # fmt: skip
    assert (result.rows_written, result.rows_rescued) == (2, 1)


def test_rules_on_a_bronze_table_sort_rows_and_every_one_of_them_is_counted(lake: Lake) -> None:
    rules = "expectations:\n  kept: {expect: n > 0, on_violation: quarantine}\n  gone: {expect: id > 1, on_violation: drop}\n"
    lake.bronze(more=rules)
    lake.file("1.csv", "1,10,x", "2,-1,y", "3,30,z")
    result = lake.run()["bronze.a"]
    assert lake.rows("bronze.a") == [(3, 30, "z")]
    assert (result.rows_read, result.rows_written, result.rows_rejected, result.rows_dropped) == (3, 1, 1, 1)
    (kept,) = lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark)
    assert (kept["id"], failures(kept)) == (2, [("kept", "-1")])


def test_s6_s17_a_new_column_comes_with_the_first_value_and_keeps_the_name_it_came_by_as_its_comment(
    lake: Lake,
) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x,", header="id,n,t,a b")
    lake.run()
    assert "a_b" not in lake.columns("bronze.a")
    lake.file("2.csv", "2,20,y,1", header="id,n,t,a b")
    lake.run()
    assert lake.rows("bronze.a", "id", "a_b") == [(1, None), (2, "1")]
    assert lake.log("bronze.a").comments["a_b"] == "a b"
    assert lake.run()["bronze.a"].status is Status.IDLE
    assert lake.kinds("bronze.a") == ["create", "data", "data"]
