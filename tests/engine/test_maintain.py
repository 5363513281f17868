"""Maintenance after a data commit: signed with its offsets, without a txn, and only when it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.engine import maintain
from lakehouse.maintenance import Decision
from lakehouse.names import TableName
from tests.engine.lake import Lake


def test_optimize_runs_when_it_is_due_with_the_tables_place_and_without_a_txn(lake: Lake) -> None:
    lake.bronze(more="maintenance: {optimize: never}")
    lake.tables(silver={"s": "from: bronze.a\nmaintenance: {optimize: {min_files: 2}, zorder_by: id}"})
    lake.file("1.csv", "1,10,x")
    first = lake.run()["silver.s"]
    assert lake.kinds("silver.s") == ["create", "data"]
    assert [(m.operation, m.due) for m in first.maintenance] == [("optimize", False), ("vacuum", False)]
    assert "1 under 32 MiB (due at 2)" in first.maintenance[0].reason
    lake.file("2.csv", "2,20,y")
    second = lake.run()["silver.s"]
    assert lake.kinds("silver.s") == ["create", "data", "data", "optimize"]
    optimize, data = lake.log("silver.s").commits[:2]
    assert optimize.signature is not None
    assert data.signature is not None
    assert (optimize.signature.sequence, optimize.signature.attempt) == (2, data.signature.attempt)
    assert optimize.signature.offsets == data.signature.offsets
    assert '"txn"' not in (lake.root / "lake/silver/s/_delta_log" / f"{3:020}.json").read_text()
    assert (lake.log("silver.s").sequence, second.version, second.commits) == (2, 3, 2)
    assert second.maintenance[0].reason == "2 files under 32 MiB"
    assert second.maintenance[0].version == 3
    (row,) = [r for r in lake.audit("maintenance") if r["due"]]
    assert (row["table"], row["operation"], row["status"], row["version"]) == ("silver.s", "optimize", "completed", 3)
    assert lake.rows("silver.s") == [(1, 10, "x"), (2, 20, "y")]
    lake.run()
    assert lake.version("silver.s") == 3, "it stands where its data commit stood"


def test_maintenance_gives_way_to_another_writer_and_the_step_is_done(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.bronze(more="maintenance: {optimize: always}")
    lake.file("1.csv", "1,10,x")

    def conflict(*_: object) -> None:
        raise RuntimeError("[DELTA_CONCURRENT_DELETE_READ] somebody else removed the file")

    monkeypatch.setattr(maintain.maintenance, "run", conflict)
    monkeypatch.setattr(
        maintain.maintenance, "decide", lambda view, keys: [Decision("optimize", due=True, reason="2 files")]
    )
    result = lake.run()["bronze.a"]
    assert [(m.due, m.reason) for m in result.maintenance] == [(False, "gave way to another writer; 2 files")]
    assert lake.kinds("bronze.a") == ["create", "data"]


def test_s103_vacuum_is_told_from_when_on_the_readers_have_still_to_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a"}, gold={"g": "sql: SELECT count(*) AS c FROM bronze.a"})
    lake.file("1.csv", "1,10,x")
    lake.run()
    seen = {}
    decide = maintain.maintenance.decide

    def noted(view: object, keys: object) -> object:
        seen.update(view.readers)  # type: ignore[attr-defined]
        return decide(view, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(maintain.maintenance, "decide", noted)
    lake.file("2.csv", "2,20,y")
    lake.run(select="bronze.a")
    assert seen == {TableName("silver", "s"): lake.log("bronze.a").timestamp(1)}, "gold reads it whole, as it then is"
    assert datetime.now(UTC) - seen[TableName("silver", "s")] < timedelta(minutes=30)
