"""The control plane's tables: other engines read them, any number of processes write them, newer ones are refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakehouse.control import commits
from lakehouse.control.store import Control, PlanConflict, to_arrow
from lakehouse.control.tables import FILES, FORMAT_PROPERTY, TABLES
from lakehouse.errors import MachineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(str(tmp_path / "lake" / "_lakehouse"))


def fill(control: Control) -> None:
    """A row in every table, every column with a value."""
    values = {"int64": 1, "string": "é'\"", "timestamp[us, tz=UTC]": NOW, "bool": True, "double": 0.5}
    for name, spec in TABLES.items():
        control.append(name, [{c: values[str(kind)] for c, kind in spec.columns.items()}])
        control.append(name, [{}])


def test_spark_reads_every_control_table_by_path_and_by_sql(control: Control, spark: SparkSession) -> None:
    fill(control)
    for name, spec in TABLES.items():
        frame = spark.read.format("delta").load(control.path(name))
        assert frame.columns == list(spec.columns)
        rows = spark.sql(f"SELECT * FROM delta.`{control.path(name)}` ORDER BY at").collect()
        assert [len([v for v in row if v is None]) for row in rows] == [0, len(spec.columns) - 1]
        assert frame.where("at = '2024-05-06T07:08:09.123456Z'").count() == 1
    DeltaTable(control.path("files")).create_checkpoint()
    control.append("files", [{"table_id": "t", "kind": "planned", "batch": 3}])
    spark.sql("CREATE DATABASE IF NOT EXISTS control")
    spark.sql(f"CREATE TABLE control.files USING delta LOCATION '{control.path('files')}'")
    try:
        assert spark.sql("SELECT batch FROM control.files WHERE table_id = 't'").collect() == [(3,)]
    finally:
        spark.sql("DROP TABLE control.files")
        spark.sql("DROP DATABASE control")


def test_duckdb_reads_every_control_table(control: Control) -> None:
    duckdb = pytest.importorskip("duckdb")
    fill(control)
    for name, spec in TABLES.items():
        arrow_rows = DeltaTable(control.path(name)).to_pyarrow_table()  # its Delta extension may be out of reach
        found = duckdb.sql('SELECT count(*), epoch_us(max("at")) FROM arrow_rows').fetchall()
        assert found[0][0] == 2
        assert set(arrow_rows.column_names) == set(spec.columns)
        parquet = [uri.removeprefix("file://") for uri in DeltaTable(control.path(name)).file_uris()]
        assert duckdb.sql(f"SELECT count(*) FROM read_parquet({parquet}, hive_partitioning = true)").fetchall() == [
            (2,)
        ]


def test_what_is_written_is_read(control: Control) -> None:
    assert control.read("runs").num_rows == 0
    control.append("runs", [{"run_id": "a", "details": {"n": [1, 2]}, "at": NOW}, {"run_id": "b'", "at": None}])
    rows = {r["run_id"]: r for r in control.read("runs").to_pylist()}
    assert (rows["a"]["details"], rows["a"]["at"]) == ('{"n":[1,2]}', NOW)
    assert rows["b'"]["at"] is not None
    assert control.read("runs", where="run_id = 'b'''", columns=["run_id"]).to_pylist() == [{"run_id": "b'"}]
    control.append("runs", [])
    assert DeltaTable(control.path("runs")).version() == 1


def test_sql_over_tables_of_which_some_are_not_made_yet(control: Control) -> None:
    control.append("runs", [{"run_id": "a"}])
    found = control.query(
        "SELECT r.run_id, count(s.step) AS n FROM runs r LEFT JOIN steps s ON r.run_id = s.run_id GROUP BY 1"
    )
    assert found.to_pylist() == [{"run_id": "a", "n": 0}]
    assert not Path(control.path("steps")).exists()


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="'run'"):
        to_arrow(TABLES["runs"], [{"run": "x"}])


def test_a_newer_format_is_refused(control: Control) -> None:
    control.append("runs", [{"run_id": "a"}])
    DeltaTable(control.path("runs")).alter.set_table_properties({FORMAT_PROPERTY: "2"}, raise_if_not_exists=False)
    for use in (
        lambda: control.read("runs"),
        lambda: control.append("runs", [{"run_id": "b"}]),
        lambda: control.query("SELECT * FROM runs"),
    ):
        with pytest.raises(MachineError, match="newer version"):
            use()


def test_a_column_added_by_a_later_library_is_added_and_an_older_table_is_read(
    control: Control, tmp_path: Path
) -> None:
    older = pa.schema([f for f in FILES.schema if f.name != "rescued"])
    DeltaTable.create(
        control.path("files"),
        older,
        partition_by=["table_id"],
        configuration={FORMAT_PROPERTY: "1"},
        raise_if_key_not_exists=False,
    )
    assert control.read("files").column_names == list(FILES.columns)
    control.append("files", [{"table_id": "t", "rescued": 7}])
    assert control.read("files", columns=["rescued"]).to_pylist() == [{"rescued": 7}]


CHILD = """
import sys
from lakehouse.control.store import Control
control = Control(sys.argv[1])
for i in range(15):
    control.append("runs", [{"run_id": sys.argv[2], "process": i}])
"""


def test_a_table_whose_metadata_changes_at_the_same_moment_is_written_all_the_same(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = control.create("runs")
    DeltaTable(control.path("runs")).alter.set_table_properties({"delta.logRetentionDuration": "interval 9 days"})
    whole = control.create
    opened = iter([stale])
    monkeypatch.setattr(control, "create", lambda name: next(opened, None) or whole(name))
    control.append("runs", [{"run_id": "r"}])
    assert control.read("runs")["run_id"].to_pylist() == ["r"]
    assert next(opened, None) is None, "the stale one was tried first"


def test_a_plan_decided_before_the_metadata_changed_is_a_conflict(control: Control) -> None:
    stale = control.create("files")
    DeltaTable(control.path("files")).alter.set_table_properties({"delta.logRetentionDuration": "interval 9 days"})
    with pytest.raises(PlanConflict):
        control.append("files", [{"kind": "planned"}], through=stale, transaction=("files/t", 1))


def test_many_processes_write_at_once_and_nothing_is_lost_or_doubled(control: Control) -> None:
    children = [subprocess.Popen([sys.executable, "-c", CHILD, control.root, str(n)]) for n in range(4)]
    assert [c.wait(120) for c in children] == [0] * 4
    rows = control.read("runs").to_pylist()
    assert sorted((r["run_id"], r["process"]) for r in rows) == [(str(n), i) for n in range(4) for i in range(15)]


def test_many_that_come_first_at_once_agree_on_the_projects_id(tmp_path: Path) -> None:
    for number in range(5):
        found: list[str] = []
        start = threading.Barrier(6)
        root = f"{tmp_path}/{number}/_lakehouse"

        def one(root: str = root, found: list[str] = found, start: threading.Barrier = start) -> None:
            start.wait()
            found.append(commits.project(Control(root)))

        threads = [threading.Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [commits.project(Control(root))] * 6
