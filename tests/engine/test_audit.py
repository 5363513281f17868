"""What a run leaves in the control plane and in its log file; and that a second one waits for the first."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import lakehouse
from lakehouse.engine.results import Event
from lakehouse.errors import LockTaken
from tests.engine.lake import Lake, parsed

HOLD = """
import sys
from lakehouse.control.locks import locked
from lakehouse.names import TableName
with locked(sys.argv[1], [TableName("silver", "s")], run="the-other-run"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_leaves_its_rows_in_the_audit_tables_which_spark_reads_too(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,-1,y")
    lake.tables(
        silver={
            "s": "from: bronze.a\nexpectations: {positive: {expect: n > 0, on_violation: quarantine}}",
            "broken": "from: bronze.a\ncleanse: [{derive: {x: 1 / (n - 10)}}]",
            "after": "sql: SELECT * FROM silver.broken",
        }
    )
    done = lake.run(ok=False)
    began, ended = lake.audit("runs", done)
    assert (began["status"], ended["status"], ended["environment"]) == ("running", "failed", "local")
    assert began["finished_at"] is None
    assert ended["finished_at"] >= ended["started_at"] == done.started_at
    assert ended["selection"].split() == [str(n) for n in done.steps]
    steps = {r["step"]: r for r in lake.audit("steps", done)}
    assert {n: r["status"] for n, r in steps.items()} == {
        "bronze.a": "completed", "silver.s": "completed", "silver.broken": "failed", "silver.after": "skipped",
    }  # fmt: skip
    row = steps["silver.s"]
    signature = lake.signature("silver.s")
    assert (row["table_id"], row["attempt"], row["sequence"], row["version"]) == (
        signature.table_id, signature.attempt, 1, 1,
    )  # fmt: skip
    assert (row["rows_read"], row["rows_written"], row["rows_rejected"], row["attempts"]) == (2, 1, 1, 1)
    assert parsed(row["offsets"]) == signature.offsets
    assert row["definition"] == signature.definition
    assert steps["bronze.a"]["files_read"] == 1
    (rule,) = lake.audit("expectations", done)
    assert (rule["table"], rule["name"], rule["action"], rule["passed"]) == (
        "silver.s",
        "positive",
        "quarantine",
        False,
    )
    assert (rule["judged"], rule["violations"], rule["sample"]) == (2, 1, None)
    kept = {(r["table"], r["operation"], r["due"]) for r in lake.audit("maintenance", done)}
    assert kept == {(t, o, False) for t in ("bronze.a", "silver.s") for o in ("optimize", "vacuum")}
    (error,) = lake.audit("errors", done)
    assert (error["step"], error["error_class"], error["code"], error["transient"]) == (
        "silver.broken", "StepError", "DIVIDE_BY_ZERO", False,
    )  # fmt: skip
    again = lake.run(ok=False)

    def seen(sql: str) -> list[tuple[Any, ...]]:
        return [tuple(r) for r in lake.spark.sql(sql).collect()]

    runs, step_rows = (f"delta.`{lake.root}/lake/_lakehouse/{t}`" for t in ("runs", "steps"))
    history = lakehouse.history(lake.project())
    assert [r["run_id"] for r in history] == [again.id, done.id]
    assert seen(f"SELECT run_id, max(finished_at) IS NOT NULL FROM {runs} GROUP BY run_id ORDER BY run_id DESC") == [
        (r["run_id"], r["finished_at"] is not None) for r in history
    ]
    found = lakehouse.history(lake.project(), "silver.s")
    assert [(r["status"], r["rows_written"]) for r in found] == [("idle", None), ("completed", 1)]
    assert seen(f"SELECT run_id, status, rows_written FROM {step_rows} WHERE step = 'silver.s' ORDER BY at DESC") == [
        (r["run_id"], r["status"], r["rows_written"]) for r in found
    ]


def test_each_run_has_one_log_file_with_its_own_lines_and_sparks(lake: Lake) -> None:
    lake.bronze()
    (lake.landing / "a").mkdir(exist_ok=True)

    def speak(event: Event) -> None:
        if event.kind == "step note":
            lake.spark._jvm.org.apache.logging.log4j.LogManager.getLogger("x").warn("a line of Java's")

    written = []
    for n in (1, 2):
        lake.file(f"{n}.csv", "1,10,x")
        done = lake.run(spark=None, listener=speak)
        written.append(f"{done.id}.log")
    folder = Path(lake.control.root, "logs")
    assert sorted(p.name for p in folder.iterdir()) == sorted(written)
    for name in written:
        text = (folder / name).read_text()
        assert "step started bronze.a append from csv files" in text
        assert "step finished bronze.a" in text
        assert text.count("a line of Java's") >= 1
    first, second = ((folder / name).read_text() for name in written)
    assert first != second
    lake.run(spark=None, log_level="error")
    (quiet,) = {p.name for p in folder.iterdir()} - set(written)
    assert "step started" not in (folder / quiet).read_text()


def test_a_table_that_another_process_writes_is_refused_before_anything_starts(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(silver={"s": "from: bronze.a"})
    repository = Path(lakehouse.__file__).parents[1]
    command = [sys.executable, "-c", HOLD, lake.control.root]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repository) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockTaken, match=r"silver\.s is being written by run the-other-run on .* since ") as refused:
            lake.run()
        assert refused.value.exit_code == 4
        assert f"process {other.pid}" in str(refused.value)
        assert f"{datetime.now(UTC):%Y-%m-%d}" in str(refused.value)
        assert lake.versions() == {}
        assert lake.audit("runs") == []
        assert lake.run(select="bronze.a").ok, "a lock is a table's, not the lake's"
        other.communicate("")
    assert lake.run().ok
