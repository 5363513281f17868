from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.errors import StepError
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.routing import rejected

from .helpers import apply


def test_s39_filter_null_counts_as_false(spark):
    frame = spark.createDataFrame([(1,), (2,), (None,)], "a int")
    assert [
        r["a"] for r in apply(frame, {"filter": "a > :least"}, checks=Checks(variables={"least": 1})).collect()
    ] == [2]


def test_s28_s39_filter_does_not_lose_a_row_that_failed_its_cast(spark):
    checks = Checks()
    frame = keep_input(spark.createDataFrame([("1",), ("5",), ("x",), (None,)], "a string"))
    frame = apply(frame, {"cast": {"a": "int"}}, {"filter": "a > 2"}, checks=checks)
    found = evaluate(frame, checks)
    assert (found.rows, found.quarantined) == (2, 1)
    (row,) = rejected(frame, checks, TableName("silver", "t"), 1, "a", "r", "input").collect()
    assert row["a"] == "x"


ROWS = [(1, "b", 10), (1, "a", 10), (1, "c", 5), (2, "z", None), (None, "n", 1), (None, "m", 1)]


def dedup(spark, rows, args, partitions=1, checks=None):
    frame = spark.createDataFrame(rows, "k int, v string, o int").repartition(partitions)
    return sorted((tuple(r)[:3] for r in apply(frame, {"deduplicate": args}, checks=checks).collect()), key=str)


def test_s40_deduplicate_keeps_the_first_and_breaks_ties_by_content(spark):
    for partitions in (1, 3):
        rows = random.Random(partitions).sample(ROWS, len(ROWS))
        assert dedup(spark, rows, {"keys": "K", "order_by": "o desc"}, partitions) == [
            (1, "a", 10),
            (2, "z", None),
            (None, "m", 1),
        ]
        assert dedup(spark, rows, {"keys": "k", "order_by": ["o asc nulls last", "v desc"]}, partitions)[0] == (
            1,
            "c",
            5,
        )


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.none() | st.integers(0, 2)), min_size=1, max_size=12
    ),
    st.randoms(),
)
def test_s40_any_order_of_the_rows_gives_the_same(spark, rows, rng):
    args = {"keys": ["k"], "order_by": "o"}
    best = {}
    for row in rows:
        rank = (row[2] is not None, row[2] or 0, row[1])
        if row[0] not in best or rank < best[row[0]][0]:
            best[row[0]] = (rank, row)
    shuffled = rng.sample(rows, len(rows))
    assert dedup(spark, shuffled, args, 3) == sorted((row for _, row in best.values()), key=str)


def test_s40_without_order_by_equal_rows_collapse_and_others_fail_the_step(spark):
    checks = Checks()
    frame = spark.createDataFrame(
        [(1, "a", "f1"), (1, "a", "f2"), (2, "b", "f1")], "k int, v string, _source_file string"
    )
    out = apply(frame, {"deduplicate": {"keys": "k"}}, checks=checks)
    assert sorted((r["k"], r["_source_file"]) for r in out.collect()) == [(1, "f1"), (2, "f1")]
    assert not evaluate(out, checks).failing
    checks = Checks()
    frame = spark.createDataFrame([(1, "a"), (1, "b"), (2, "b")], "k int, v string")
    found = evaluate(apply(frame, {"deduplicate": {"keys": "k"}}, checks=checks), checks)
    assert [(r.name, r.violations) for r in found.failing] == [("deduplicate", 1)]


def test_s40_a_row_to_be_rejected_neither_wins_nor_vanishes(spark):
    checks = Checks()
    frame = keep_input(spark.createDataFrame([(1, "5", 1), (1, "x", 9)], "k int, n string, o int"))
    out = apply(frame, {"cast": {"n": "int"}}, {"deduplicate": {"keys": "k", "order_by": "o desc"}}, checks=checks)
    found = evaluate(out, checks)
    assert (found.rows, found.quarantined, found.accepted) == (2, 1, 1)


def test_deduplicate_with_maps_and_keys_only(spark):
    frame = spark.createDataFrame([(1, {"a": 1}), (1, {"a": 1}), (1, {"b": 1})], "k int, m map<string,int>")
    out = apply(frame, {"deduplicate": {"keys": "k", "order_by": "k"}})
    assert [tuple(r)[:2] for r in out.collect()] == [(1, {"a": 1})]
    assert apply(frame.select("k"), {"deduplicate": {"keys": "k"}}).count() == 1


def test_s42_explode_drops_rows_without_elements_and_outer_keeps_them(spark):
    frame = spark.createDataFrame([(1, ["a", "b"]), (2, []), (3, None)], "k int, s array<string>")
    assert [
        tuple(r)
        for r in apply(frame, {"explode": {"column": "s", "into": "e", "position": "p"}})
        .orderBy("k", "p")
        .select("k", "p", "e")
        .collect()
    ] == [(1, 0, "a"), (1, 1, "b")]
    assert sorted(
        tuple(r) for r in apply(frame, {"explode_outer": {"column": "S"}}).select("k", "s").collect() if r["k"] > 1
    ) == [(2, None), (3, None)]
    maps = spark.createDataFrame([(1, {"a": 5})], "k int, m map<string,int>")
    out = apply(maps, {"explode": {"column": "m"}})
    assert (out.columns[:3], tuple(out.first())[:3]) == (["k", "m_key", "m_value"], (1, "a", 5))
    with pytest.raises(StepError, match="'k' is int, not an array or map"):
        apply(frame, {"explode": {"column": "k"}})


def test_s55_after_explode_the_rejected_row_is_the_one_after_it(spark):
    checks = Checks()
    frame = keep_input(spark.createDataFrame([(1, ["1", "x"])], "k int, s array<string>"))
    frame = apply(frame, {"explode": {"column": "s", "into": "e"}}, {"cast": {"e": "int"}}, checks=checks)
    (row,) = rejected(frame, checks, TableName("silver", "t"), 1, "a", "r", "cleansed").collect()
    assert (row["k"], row["e"], row["_stage"]) == (1, "x", "cleansed")


def test_s42_explode_does_not_lose_a_row_whose_array_did_not_fit(spark):
    checks = Checks()
    frame = spark.createDataFrame([(1, "[1,2]"), (2, "no json"), (3, "[]")], "k int, s string")
    frame = apply(
        frame, {"from_json": {"column": "s", "schema": "array<int>"}}, {"explode": {"column": "s"}}, checks=checks
    )
    found = evaluate(frame, checks)
    assert (found.rows, found.quarantined) == (3, 1)


def test_s40_deduplicate_is_one_shuffle_by_its_keys_and_collects_nothing(spark):
    """It scales as a sort does: no join, nothing on the driver, every key by itself."""
    frame = spark.range(10).selectExpr("id % 3 AS k", "id AS o", "cast(id AS string) AS v")
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup()
    for args in ({"keys": "k", "order_by": "o"}, {"keys": "k"}):
        plan = apply(frame, {"deduplicate": args})._jdf.queryExecution().executedPlan().toString()
        assert "Join" not in plan
        assert "Cartesian" not in plan
        assert "hashpartitioning(k#" in plan
        assert "SinglePartition" not in plan
    assert spark.sparkContext.statusTracker().getJobIdsForGroup() == jobs, "building the frame runs no job"
