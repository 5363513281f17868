"""Lakes for crash tests: made once, copied for each kill; and what must be true of a lake after it was run again."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

import lakehouse
from lakehouse.control.store import Control
from lakehouse.engine.catalog import read_table
from lakehouse.lake.lineage import lineage
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.state.place import Commits
from tests.crash import project
from tests.crash.child import Task, main

VOLATILE = {"_ingested_at", "_attempt", "_run_id", "_quarantined_at", "_quarantine_id"}
"""Times and ids of a run; the address of a quarantined row is a hash over its `_ingested_at` too."""
SERVER = multiprocessing.get_context("forkserver")
"""Makes the processes that are killed: it has everything imported, which takes a second otherwise."""
SERVER.set_forkserver_preload(["tests.crash.child"])


def run(root: Path, lake: Path, spark: SparkSession, **options: Any) -> lakehouse.RunResult:
    """An undisturbed run."""
    return lakehouse.run(project.load(root, lake), spark=spark, **options)


def killed(task: Task) -> int:
    """Do the task in a process of its own until it is killed; its exit code, -9 when that was by signal 9."""
    code, output = ended(task)
    if code != -signal.SIGKILL:
        sys.stderr.write(output)
    return code


def ended(task: Task) -> tuple[int, str]:
    """Do the task in a process of its own; its exit code and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        process = SERVER.Process(target=main, args=(task, output))
        process.start()
        process.join(240)
        code = process.exitcode
        if code is None:
            process.kill()
            code = 1
        return code, output.read_text() if output.exists() else ""


def java(spark: SparkSession) -> tuple[int, str]:
    """Port and secret of the tests' own JVM."""
    known = spark.sparkContext._gateway.gateway_parameters
    return known.port, known.auth_token


def copy(lake: Path, to: Path) -> Path:
    """The lake as it is, at another place."""
    shutil.copytree(lake, to)
    return to


def contents(root: Path, lake: Path, spark: SparkSession, only: str = "") -> dict[str, Counter[str]]:
    """Table (only one and its companions, or all) -> its rows as texts, without what no two runs have in common; of companions the rows that exist."""
    found = project.load(root, lake)
    rows: dict[str, Counter[str]] = {}
    for text in project.DATA_TABLES:
        name = TableName.parse(text)
        if not text.startswith(only) or Log.open(found.environment.table_path(name)) is None:
            continue
        frame = read_table(found, name, spark)
        kept = sorted(c for c in frame.columns if c not in VOLATILE)
        rows[text] = Counter(str(row) for row in frame.select(*kept).collect())
    return rows


def statuses(root: Path, lake: Path) -> dict[str, str]:
    """File -> its status in the ledger."""
    rows = lakehouse.files(project.load(root, lake), "bronze.orders")
    return {Path(r["path"]).name: r["status"] for r in rows}


def check_control_plane(root: Path, lake: Path, only: str = "") -> None:
    """Every commit of the lineage is confirmed, and nothing else is; each loaded batch has its result."""
    found = project.load(root, lake)
    control = Control(found.environment.control_path)
    for name, table in found.tables.items():
        if only and str(name) != only:
            continue
        log = Log.open(found.environment.table_path(name))
        assert log is not None, name
        assert log.table_id is not None, name
        commits = {(o.signature.sequence, o.signature.attempt) for o in lineage(log).commits}
        confirmed = {(c.sequence, c.attempt) for c in Commits.read(control, log.table_id).confirmed}
        assert commits == confirmed, f"{name}: committed {commits}, confirmed {confirmed}"
        if table.source is not None:
            rows = control.read("files", where=f"table_id = '{log.table_id}' AND kind = 'result'").to_pylist()
            assert {(r["batch"], r["attempt"]) for r in rows} == commits, f"{name}: results {rows}"


def commits_of(root: Path, lake: Path) -> dict[str, int]:
    """Table -> its version."""
    found = project.load(root, lake)
    logs = {str(n): Log.open(found.environment.table_path(n)) for n in found.tables}
    return {name: log.version for name, log in logs.items() if log is not None}
