"""A table's log as the library sees it: tables of Spark, of others, and logs of which a part has expired."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import MachineError, OffsetError
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = '{"type":"struct","fields":[{"name":"x","type":"long","nullable":true,"metadata":{"comment":"an x"}}]}'


def write(folder: Path, version: int, *actions: dict[str, Any]) -> None:
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps(a, separators=(",", ":")) for a in actions)
    (log / f"{version:020d}.json").write_text(text + "\n")


def table(folder: Path, *commits: tuple[dict[str, Any], ...]) -> Log:
    metadata = {
        "id": "d",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": SCHEMA,
        "partitionColumns": [],
    }
    start = {"metaData": metadata | {"configuration": {"lakehouse.id": "t"}, "createdTime": 0}}
    write(folder, 0, info("CREATE TABLE"), {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, start)
    for version, actions in enumerate(commits, 1):
        write(folder, version, *actions)
    return Log.require(str(folder))


def info(operation: str, mine: Signature | None = None, **more: Any) -> dict[str, Any]:
    signed = {"userMetadata": mine.to_json()} if mine else {}
    return {
        "commitInfo": {"timestamp": 1_700_000_000_000, "operation": operation, "operationParameters": more} | signed
    }


def add(name: str, data_change: bool = True) -> dict[str, Any]:
    # the statistics hold the very words that are looked for in the actions
    stats = '{"numRecords":3,"note":"\\"dataChange\\":true"}'
    return {
        "add": {
            "path": name,
            "partitionValues": {},
            "size": 9,
            "modificationTime": 5,
            "dataChange": data_change,
            "stats": stats,
        }
    }


def remove(name: str, data_change: bool = True) -> dict[str, Any]:
    return {
        "remove": {
            "path": name,
            "deletionTimestamp": 7,
            "dataChange": data_change,
            "extendedFileMetadata": True,
            "partitionValues": {},
            "size": 9,
        }
    }


def test_there_is_no_table(tmp_path: Path) -> None:
    assert Log.open(str(tmp_path)) is None
    assert Log.open(str(tmp_path / "nowhere")) is None
    with pytest.raises(MachineError, match="no Delta table"):
        Log.require(str(tmp_path))


def test_a_log_that_cannot_be_read_is_not_no_table(tmp_path: Path) -> None:
    write(tmp_path, 0, {"commitInfo": {}})
    with pytest.raises(MachineError):
        Log.open(str(tmp_path))


def test_columns_properties_and_sequence(tmp_path: Path) -> None:
    log = table(tmp_path, (info("WRITE"), {"txn": {"appId": "lakehouse/t", "version": 4}}, add("a")))
    assert (log.columns, log.comments, log.nullable) == ({"x": "bigint"}, {"x": "an x"}, {"x": True})
    assert (log.table_id, log.delta_id, log.sequence, log.transaction("other")) == ("t", "d", 4, None)
    assert log.files().to_pylist()[0] | {"modified": None} == {
        "path": "a", "size_bytes": 9, "num_records": 3, "deleted": 0, "modified": None,
    }  # fmt: skip


def test_a_commit_without_commit_info_or_with_it_last_keeps_its_version(tmp_path: Path) -> None:
    mine = Signature("t", "r", "a", "data", 1, 0, "d")
    log = table(tmp_path, (add("a"),), (add("b"), info("WRITE", mine)), (info("OPTIMIZE"),))
    assert [(c.version, c.operation) for c in log.commits] == [
        (3, "OPTIMIZE"),
        (2, "WRITE"),
        (1, ""),
        (0, "CREATE TABLE"),
    ]
    assert log.commits[1].signature == mine
    assert log.oldest == 0


def test_a_commit_info_longer_than_what_is_read_first(tmp_path: Path) -> None:
    log = table(
        tmp_path,
        (info("WRITE", predicate="x" * 200_000), add("a")),
        ({"txn": {"appId": "y" * 99_000, "version": 1}}, info("MERGE")),
    )
    assert [c.operation for c in log.commits] == ["MERGE", "WRITE", "CREATE TABLE"]


def test_history_ends_at_the_first_gap(tmp_path: Path) -> None:
    table(tmp_path, *((info("WRITE"), add(f"f{i}")) for i in range(1, 200)))
    DeltaTable(str(tmp_path)).create_checkpoint()
    for version in (0, 1, 2, 50):
        (tmp_path / "_delta_log" / f"{version:020d}.json").unlink()
    log = Log.require(str(tmp_path))
    assert (log.oldest, len(log.commits), log.commits[-1].version, log.commits[0].version) == (51, 149, 51, 199)
    assert log.timestamp(50) is None
    assert log.timestamp(51) is not None


def test_data_version_passes_over_what_changed_no_rows(tmp_path: Path) -> None:
    log = table(
        tmp_path,
        (info("WRITE"), add("a")),
        (info("OPTIMIZE"), remove("a", False), add("b", False)),
        (info("VACUUM END"),),
        (info("WRITE"),),
    )
    assert (log.data_version(), log.data_version(0), log.data_version(1)) == (1, 1, None)


def test_data_version_does_not_rule_out_a_change_that_expired(tmp_path: Path) -> None:
    table(tmp_path, (info("WRITE"), add("a")), (info("OPTIMIZE"),), (info("OPTIMIZE"),))
    DeltaTable(str(tmp_path)).create_checkpoint()
    for version in (0, 1):
        (tmp_path / "_delta_log" / f"{version:020d}.json").unlink()
    log = Log.require(str(tmp_path))
    assert (log.data_version(0), log.data_version(1), log.data_version(2)) == (1, None, None)


def test_s75_changes_tell_where_the_change_feed_goes_on_and_off(tmp_path: Path) -> None:
    def described(**properties: str) -> dict[str, Any]:
        return {
            "metaData": {
                "id": "i", "format": {"provider": "parquet", "options": {}}, "schemaString": SCHEMA,
                "partitionColumns": [], "configuration": properties,
            }
        }  # fmt: skip

    on = {"delta.enableChangeDataFeed": "TRUE", "note": '"delta.enableChangeDataFeed":"false"'}
    log = table(
        tmp_path,
        (info("SET TBLPROPERTIES"), described(**on)),
        (info("WRITE"), add("a")),
        (info("SET TBLPROPERTIES"), described(other="true")),
    )
    assert [change.feed for change in log.changes(0, 3)] == [True, None, False]
    assert not log.feeds


def test_s74_changes_tell_appends_from_the_rest(tmp_path: Path) -> None:
    rewrite = Signature("t", "r", "a", "rewrite", 1, 0, "d")
    log = table(
        tmp_path,
        (info("WRITE"), add("a")),
        (info("OPTIMIZE"), remove("a", False), add("b", False)),
        (info("UPDATE"), remove("b"), add("c")),
        (info("DELETE"), remove("c")),
        (info("WRITE", rewrite), add("d")),
    )
    found = [(c.version, c.operation, c.kind, c.data_change, c.append_only) for c in log.changes(0, 5)]
    assert found == [
        (1, "WRITE", None, True, True),
        (2, "OPTIMIZE", None, False, False),
        (3, "UPDATE", None, True, False),
        (4, "DELETE", None, True, False),
        (5, "WRITE", "rewrite", True, True),
    ]
    assert log.changes(5, 5) == []
    with pytest.raises(OffsetError, match="no version 6"):
        log.changes(0, 6)


def test_s79_changes_of_expired_history_are_refused(tmp_path: Path) -> None:
    table(tmp_path, *((info("WRITE"), add(f"f{i}")) for i in range(1, 4)))
    DeltaTable(str(tmp_path)).create_checkpoint()
    for version in (0, 1):
        (tmp_path / "_delta_log" / f"{version:020d}.json").unlink()
    log = Log.require(str(tmp_path))
    assert [c.version for c in log.changes(1, 3)] == [2, 3]
    with pytest.raises(OffsetError, match="expired"):
        log.changes(0, 3)


def test_removed_files(tmp_path: Path) -> None:
    table(tmp_path, (info("WRITE"), add("a"), add("b")), (info("DELETE"), remove("a")))
    DeltaTable(str(tmp_path)).create_checkpoint()
    write(tmp_path, 3, info("DELETE"), remove("b"))
    write(tmp_path, 4, info("RESTORE", version=1), add("a"))
    assert Log.require(str(tmp_path)).removed()["path"].to_pylist() == ["b"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["WRITE", "OPTIMIZE", ""]), min_size=1, max_size=30), st.integers(0, 40))
def test_commits_are_the_files_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, operations: list[str], look: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = table(
        folder, *(((info(o),) if o else ({"txn": {"appId": "x", "version": i}},)) for i, o in enumerate(operations))
    )
    if look < len(operations):
        assert log.commits[look].version == len(operations) - look
    assert [c.operation for c in log.commits] == [*reversed(operations), "CREATE TABLE"]


# --- tables of Spark ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spark_table(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = str(tmp_path_factory.mktemp("spark") / "t")
    name = f"delta.`{path}`"
    spark.sql(
        f"CREATE TABLE {name} (id bigint NOT NULL COMMENT 'the id', n decimal(10,2), at timestamp, clock timestamp_ntz, "
        "list array<struct<a:int,b:string>>, m map<string,int>, v variant, part string, `odd name` string) USING delta "
        "PARTITIONED BY (part) TBLPROPERTIES ('lakehouse.id'='t', 'delta.enableDeletionVectors'='true', 'delta.columnMapping.mode'='name')"
    )
    txn = "spark.databricks.delta.write"
    mine = Signature("t", "r", "a", "data", 1, 0, "hash", {"x": {"version": 3}})
    spark.conf.set(f"{txn}.txnAppId", mine.app_id)
    spark.conf.set(f"{txn}.txnVersion", "1")
    spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", mine.to_json())
    spark.sql(
        f"INSERT INTO {name} SELECT id, 1.5, now(), current_timestamp(), null, null, null, if(id % 2 = 0, 'x y', 'z'), 'w' FROM range(100)"
    )
    for key in (f"{txn}.txnAppId", f"{txn}.txnVersion", "spark.databricks.delta.commitInfo.userMetadata"):
        spark.conf.unset(key)
    spark.sql(f"DELETE FROM {name} WHERE id < 10")
    spark.sql(f"OPTIMIZE {name}")
    spark.sql(f"RESTORE TABLE {name} TO VERSION AS OF 2")
    yield path
    shutil.rmtree(path)


def test_a_table_of_spark_is_read_right(spark_table: str) -> None:
    log = Log.require(spark_table)
    assert log.columns == {
        "id": "bigint", "n": "decimal(10,2)", "at": "timestamp", "clock": "timestamp_ntz", "list": "array<struct<a:int,b:string>>",
        "m": "map<string,int>", "v": "variant", "part": "string", "odd name": "string",
    }  # fmt: skip
    assert (log.nullable["id"], log.nullable["n"], log.comments, log.partitioned_by) == (
        False,
        True,
        {"id": "the id"},
        ("part",),
    )
    assert (log.table_id, log.sequence, log.clustered_by) == ("t", 1, ())
    assert log.properties["delta.enableDeletionVectors"] == "true"
    assert [c.operation for c in log.commits] == ["RESTORE", "OPTIMIZE", "DELETE", "WRITE", "CREATE TABLE"]
    assert log.commits[3].signature == Signature("t", "r", "a", "data", 1, 0, "hash", {"x": {"version": 3}})
    assert log.commits[0].parameters["version"] == 2
    files = log.files()
    assert sum(files["num_records"].to_pylist()) - sum(files["deleted"].to_pylist()) == 90
    assert set(files["partition.part"].to_pylist()) == {"x y", "z"}
    assert [(c.version, c.append_only) for c in log.changes(0, 4) if c.data_change] == [
        (1, True),
        (2, False),
        (4, False),
    ]


def test_clustering_survives_checkpoints_and_is_seen_when_an_overwrite_drops_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "c")
    spark.sql(f"CREATE TABLE delta.`{path}` (id bigint, x string) USING delta CLUSTER BY (x, id)")
    assert Log.require(path).clustered_by == ("x", "id")
    spark.range(1).selectExpr("id", "'a' x").write.format("delta").mode("append").save(path)
    DeltaTable(path).create_checkpoint()
    spark.range(1).selectExpr("id", "'a' x").write.format("delta").mode("append").save(path)
    assert Log.require(path).clustered_by == ("x", "id")
    spark.range(1).selectExpr("id", "'a' x").write.format("delta").mode("overwrite").save(path)
    assert Log.require(path).clustered_by == ()


def test_deleted_rows_are_counted_where_types_are_widened_too(spark: SparkSession, tmp_path: Path) -> None:
    """`deltalake` refuses to tell of deletion vectors of such a table."""
    path = str(tmp_path / "t")
    switches = (
        "'delta.enableDeletionVectors' = 'true', 'delta.enableTypeWidening' = 'true', 'delta.checkpointInterval' = '3'"
    )
    spark.sql(f"CREATE TABLE delta.`{path}` (a int, p int) USING delta PARTITIONED BY (p) TBLPROPERTIES ({switches})")
    rows = spark.range(0, 20, 1, 2).selectExpr("CAST(id AS int) AS a", "CAST(id % 2 AS int) AS p")
    for _ in range(2):
        rows.write.format("delta").mode("append").save(path)
    for a in (3, 4, 5, 5):
        spark.sql(f"DELETE FROM delta.`{path}` WHERE a = {a}")
        files = Log.require(path).files()
        left = sum(files["num_records"].to_pylist()) - sum(files["deleted"].to_pylist())
        assert left == spark.read.format("delta").load(path).count()
    spark.sql(f"DELETE FROM delta.`{path}` WHERE p = 1")
    assert sum(Log.require(path).files()["deleted"].to_pylist()) == 2
