"""Creating a table, and altering it by what differs and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.errors import StepError
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.lake.table import Column, Definition, alter, create, differences, enable, features
from lakehouse.lake.target import Target
from lakehouse.names import TableName

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FULL = Definition(
    columns={
        "k": Column("int", nullable=False, comment="it's \\ a key"),
        "day": Column("date"),
        "na`me": Column("struct<a:int,b:string>", comment="nested"),
    },
    partitioned_by=("day",),
    comment="what it's for",
    properties={"delta.enableDeletionVectors": "true", "parquet.bloom.filter.enabled#k": "true", "team": "o'brien"},
)


def signature(kind: str) -> Signature:
    return Signature("id-1", "run-1", "a1", kind, 0, 0, "hash", {})


def made(spark: SparkSession, path: Path, definition: Definition) -> Log:
    create(spark, str(path), "id-1", definition, signature("create"))
    return Log.require(str(path))


def altered(spark: SparkSession, log: Log, definition: Definition) -> tuple[list[str], Log]:
    done = alter(spark, log, definition, signature("alter"))
    return done, Log.require(log.path)


def test_create_stores_the_whole_definition_in_one_commit(spark: SparkSession, tmp_path: Path) -> None:
    definition = replace(FULL, properties={**FULL.properties, "delta.columnMapping.mode": "name"})
    log = made(spark, tmp_path / "it's `a` table", definition)
    assert (log.version, log.table_id, log.description) == (0, "id-1", "what it's for")
    assert log.columns == {"k": "int", "day": "date", "na`me": "struct<a:int,b:string>"}
    assert log.nullable == {"k": False, "day": True, "na`me": True}
    assert log.comments == {"k": "it's \\ a key", "na`me": "nested"}
    assert log.partitioned_by == ("day",)
    assert log.properties["team"] == "o'brien"
    assert log.commits[0].signature == signature("create")
    assert log.sequence is None, "a CREATE carries no txn"


def test_create_with_liquid_clustering(spark: SparkSession, tmp_path: Path) -> None:
    clustered = Definition({"a": Column("int"), "b": Column("string")}, cluster_by=("b", "a"))
    assert made(spark, tmp_path / "c", clustered).clustered_by == ("b", "a")


def test_a_table_that_is_there_is_not_created_again(spark: SparkSession, tmp_path: Path) -> None:
    log = made(spark, tmp_path / "t", Definition({"a": Column("int")}))
    with pytest.raises(Exception, match="ALREADY_EXISTS"):
        made(spark, tmp_path / "t", Definition({"b": Column("int")}))
    assert Log.require(log.path).version == 0
    with pytest.raises(ValueError, match="needs a column"):
        made(spark, tmp_path / "e", Definition({}))


def test_an_unchanged_definition_makes_no_commit(spark: SparkSession, tmp_path: Path) -> None:
    definition = replace(FULL, columns={n: c for n, c in FULL.columns.items() if n != "na`me"}, cluster_by=())
    log = made(spark, tmp_path / "t", definition)
    done, after = altered(spark, log, definition)
    assert (done, after.version) == ([], 0)


def test_alter_does_what_differs_one_commit_per_kind(spark: SparkSession, tmp_path: Path) -> None:
    before = Definition(
        {"a": Column("int", nullable=False), "b": Column("string", comment="old")},
        properties={"x": "1", "y": "2", "delta.appendOnly": "true"},
        comment="old",
    )
    log = made(spark, tmp_path / "t", before)
    now = Definition(
        {"a": Column("int", comment="first"), "b": Column("string", comment="new"), "c": Column("int")},
        properties={"x": "1", "y": "3", "z": "4"},
        comment="new",
    )
    done, after = altered(spark, log, now)
    assert done == ["unset delta.appendOnly", "set comment, y, z", "comment a, b", "allow NULL in a"]
    assert after.version == len(done)
    assert {n: after.properties.get(n) for n in ("x", "y", "z", "delta.appendOnly")} == {
        "x": "1", "y": "3", "z": "4", "delta.appendOnly": None,
    }  # fmt: skip
    assert after.comments == {"a": "first", "b": "new"}
    assert after.description == "new"
    assert after.nullable["a"]
    assert list(after.columns) == ["a", "b"], "a new column is added by the write that fills it"
    assert [c.signature for c in after.commits[: len(done)]] == [signature("alter")] * len(done)
    assert differences(after, now) == {}


def test_properties_and_comments_of_others_are_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    log = made(spark, tmp_path / "t", Definition({"a": Column("int")}))
    spark.sql(f"ALTER TABLE delta.`{log.path}` SET TBLPROPERTIES ('theirs' = '1')")
    spark.sql(f"ALTER TABLE delta.`{log.path}` ALTER COLUMN a COMMENT 'theirs'")
    assert differences(Log.require(log.path), Definition({"A": Column("int")})) == {}


def test_s92_cluster_by_is_altered_partitioned_by_is_not(spark: SparkSession, tmp_path: Path) -> None:
    log = made(spark, tmp_path / "t", Definition({"a": Column("int"), "b": Column("int")}, cluster_by=("a",)))
    done, after = altered(spark, log, Definition({"a": Column("int"), "b": Column("int")}, cluster_by=("b",)))
    assert (done, after.clustered_by, after.version) == (["cluster by b"], ("b",), 1)
    done, after = altered(spark, after, Definition({"a": Column("int"), "b": Column("int")}))
    assert (done, after.clustered_by) == (["cluster by nothing"], ())
    assert differences(after, Definition({"a": Column("int"), "b": Column("int")})) == {}
    with pytest.raises(StepError, match="partitioned by nothing, its definition says b"):
        differences(after, Definition({"a": Column("int"), "b": Column("int")}, partitioned_by=("b",)))


def test_new_columns_compare_without_case() -> None:
    target = Target(TableName("bronze", "t"), "/lake/t", {"A": "int", "b": "int"}, {"a": "int"})
    assert target.new_columns == ("b",)
    assert Target(TableName("bronze", "t"), "/la`ke", {}, {}).sql == "delta.`/la``ke`"


def test_a_table_feature_is_enabled_once_for_the_types_that_need_it(spark: SparkSession, tmp_path: Path) -> None:
    log = made(spark, tmp_path / "t", Definition({"id": Column("int")}))
    assert features(log, ["struct<timestamp_ntz:int,variant:array<string>>", "timestamp"]) == {}
    wanted = ["array<struct<at:timestamp_ntz>>", "variant"]
    assert enable(spark, log, wanted, signature("alter")) == 1
    rows = spark.sql("SELECT 1 AS id, array(named_struct('at', TIMESTAMP_NTZ'2024-01-01')) AS n, parse_json('1') AS v")
    rows.write.format("delta").mode("append").option("mergeSchema", "true").save(log.path)
    again = Log.require(log.path)
    assert again.version == 2
    assert enable(spark, again, wanted, signature("alter")) == 0
    definition = Definition({"n": Column(wanted[0]), "v": Column(wanted[1])})
    assert list(differences(log, definition)) == ["enable timestampNtz, variantType"]
    assert differences(again, definition) == {}
