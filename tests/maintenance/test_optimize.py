"""When files are rewritten, why, and that the statement does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse import maintenance
from lakehouse.lake.log import Log
from lakehouse.maintenance import Maintenance, View, optimize
from tests.maintenance.conftest import MIB, NOW, ago, commit, files, view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SMALL = (MIB, 100, 0, ago(hours=1))
LARGE = (64 * MIB, 1000, 0, ago(hours=1))


def decided(found: View, **keys: object) -> tuple[bool, str]:
    decision = optimize.decide(found, Maintenance.model_validate(keys))
    return decision.due, decision.reason


def test_auto_counts_small_files() -> None:
    assert decided(view(files(*[SMALL] * 20, LARGE))) == (True, "20 files under 32 MiB")
    assert decided(view(files(*[SMALL] * 19, LARGE))) == (
        False,
        "20 files, 19 under 32 MiB (due at 20), 0% of the rows deleted (due at 20%)",
    )
    assert decided(view(files(SMALL, SMALL)), optimize={"min_files": 2}) == (True, "2 files under 32 MiB")
    assert decided(view(files(SMALL), layer="bronze")) == (False, "1 file, 1 under 32 MiB (due at 20)")


def test_a_file_of_exactly_32_mib_is_not_small() -> None:
    assert not decided(view(files(*[(32 * MIB, 1, 0, NOW)] * 25)))[0]
    assert decided(view(files(*[(32 * MIB - 1, 1, 0, NOW)] * 20)))[0]


def test_small_files_count_per_partition_and_only_those_are_named() -> None:
    rows = [(*SMALL, "2024-01-01")] * 20 + [(*SMALL, None)] * 22 + [(*SMALL, "it's")] * 19
    decision = optimize.decide(view(files(*rows, partition="d")), Maintenance())
    assert (decision.due, decision.reason) == (True, "22 files under 32 MiB in partition d=NULL, and 1 other partition")
    assert decision.arguments == {"where": "(`d` = '2024-01-01') OR (`d` IS NULL)"}
    every = optimize.decide(view(files(*rows[:20], partition="d")), Maintenance())
    assert every.arguments == {}, "all partitions are due: no condition"
    assert decided(view(files(*rows[42:], partition="d")))[1].startswith(
        "19 files, at most 19 under 32 MiB in one partition"
    )


def test_deleted_rows_count_in_silver_and_gold_only() -> None:
    half = files((64 * MIB, 100, 40, NOW), (64 * MIB, 100, 0, NOW))
    assert decided(view(half)) == (True, "40 of 200 rows are deleted (20%)")
    assert not decided(view(half, layer="bronze"))[0]
    assert not decided(view(files((64 * MIB, None, 0, NOW))))[0], "without statistics nothing is known"


def test_never_always_and_nothing() -> None:
    assert decided(view(files(*[SMALL] * 50)), optimize="never") == (False, "`optimize: never`")
    assert decided(view(files())) == (False, "the table has no files")
    last = commit("OPTIMIZE", ago(hours=2), zOrderBy="[]", clusterBy="[]", predicate="[]")
    assert decided(view(files(SMALL, SMALL), last), optimize="always") == (True, "2 files since the last OPTIMIZE")
    newer = commit("OPTIMIZE", ago(minutes=1), zOrderBy="[]", clusterBy="[]", predicate="[]")
    assert not decided(view(files(SMALL, SMALL), newer), optimize="always")[0]
    assert not decided(view(files(SMALL)), optimize="always")[0], "one file is as few as can be"
    assert decided(view(files(SMALL)), optimize="always", zorder_by="a")[0]


def test_zorder_is_remembered_and_not_repeated_for_nothing() -> None:
    old = (1024 * MIB, 10, 0, ago(days=2))
    ordered = commit("OPTIMIZE", ago(days=1), zOrderBy='["a"]', predicate="[]")
    keys = {"zorder_by": "A"}
    few = view(files(old, *[SMALL] * 20), ordered)
    assert decided(few, **keys)[0] is False
    assert "2% of the bytes are new since the last ZORDER (due at 5%)" in decided(few, **keys)[1]
    assert decided(view(files(old, *[SMALL] * 60), ordered), **keys) == (True, "60 files under 32 MiB")
    assert decided(view(files(old, *[LARGE] * 5), ordered), **keys) == (True, "320 MiB are not in order yet (24%)")
    assert not decided(view(files(old, old), ordered), **keys)[0]
    other = commit("OPTIMIZE", ago(days=1), zOrderBy='["b"]', predicate="[]")
    assert decided(view(files(old, old), other), **keys) == (True, "2.0 GiB are not in order yet (100%)")
    partly = commit("OPTIMIZE", ago(days=1), zOrderBy='["a"]', predicate='["(d = 1)"]')
    assert decided(view(files(old, old), partly), **keys)[0], "an OPTIMIZE of one partition says nothing of others"


def test_clustering_is_remembered_too() -> None:
    old = (1024 * MIB, 10, 0, ago(days=2))
    clustered = commit("OPTIMIZE", ago(days=1), zOrderBy="[]", clusterBy='["a"]', predicate="[]")
    assert not decided(view(files(old, old), clustered, cluster_by=["a"]))[0]
    assert decided(view(files(old, old), cluster_by=["a"])) == (True, "2.0 GiB are not in order yet (100%)")


def parts(spark: SparkSession, path: str, number: int) -> None:
    frame = spark.range(100).selectExpr("id", "id % 7 AS a")
    frame.repartition(number).write.format("delta").mode("append").save(path)


@pytest.mark.parametrize("keys", [{}, {"zorder_by": ["a"]}])
def test_the_statement_runs_and_then_nothing_is_due(
    spark: SparkSession, tmp_path: Path, keys: dict[str, object]
) -> None:
    path = str(tmp_path / "t")
    parts(spark, path, 20)
    options = Maintenance.model_validate(keys)

    def look() -> tuple[Log, maintenance.Decision]:
        log = Log.require(path)
        return log, maintenance.decide(View.of(log, "silver", (), optimize_retain, NOW), options)[0]

    optimize_retain = NOW - ago(days=7)
    before, decision = look()
    assert decision == maintenance.Decision("optimize", True, "20 files under 32 MiB")
    maintenance.run(spark, path, options, decision)
    after, decision = look()
    assert (after.version, after.commits[0].operation, after.files().num_rows) == (before.version + 1, "OPTIMIZE", 1)
    assert not decision.due
    assert spark.read.format("delta").load(path).count() == 100


def test_one_partition_is_rewritten_and_the_others_are_left(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    for day, number in (("a'b", 3), (None, 2)):
        frame = (
            spark.range(30)
            .selectExpr("id", "cast(id % 7 as int) AS a")
            .withColumn("d", _literal(day))
            .repartition(number)
        )
        frame.write.format("delta").partitionBy("d").mode("append").save(path)
    options = Maintenance.model_validate({"optimize": {"min_files": 3}, "zorder_by": "a"})
    log = Log.require(path)
    decision = optimize.decide(View.of(log, "silver", (), NOW - ago(days=7), NOW), options)
    assert decision.reason == "3 files under 32 MiB in partition d=a'b"
    optimize.run(spark, path, options, decision)
    found = Log.require(path).files()["partition.d"].to_pylist()
    assert sorted(found, key=repr) == ["a'b", None, None] or sorted(found, key=repr) == [None, None, "a'b"]


def test_clustered_tables_are_optimized_without_zorder(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    spark.sql(f"CREATE TABLE delta.`{path}` (id bigint, a bigint) USING delta CLUSTER BY (a)")
    parts(spark, path, 3)
    options = Maintenance.model_validate({"optimize": {"min_files": 3}})
    log = Log.require(path)
    decision = optimize.decide(View.of(log, "gold", log.clustered_by, NOW - ago(days=7), NOW), options)
    assert decision.due
    optimize.run(spark, path, options, decision)
    after = Log.require(path)
    assert after.files().num_rows == 1
    always = Maintenance.model_validate({"optimize": "always"})
    assert not optimize.decide(View.of(after, "gold", after.clustered_by, NOW - ago(days=7), NOW), always).due


def _literal(value: str | None) -> object:
    from pyspark.sql import functions as F

    return F.lit(value).cast("string")
