"""The version of a row that was valid at a time: at its bounds, of no version, of two at once, and at scale."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse import cleanse
from lakehouse.cleanse.base import RULES
from lakehouse.errors import StepError
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.routing import rejected, samples

PLANES = TableName("silver", "planes")
VERSIONS = "id int, name string, valid_from timestamp, valid_to timestamp, is_current boolean, _sequence timestamp"


def at(hour: int) -> datetime:
    return datetime(2024, 1, 1, hour)  # noqa: DTZ001


def versions(*rows: tuple[int, str, int | None, int | None]) -> list[tuple[Any, ...]]:
    return [
        (i, name, None if a is None else at(a), None if b is None else at(b), b is None, at(0))
        for i, name, a, b in rows
    ]


OTHER = versions((1, "old", None, 5), (1, "new", 5, 9), (1, "last", 12, None), (None, "nobody", None, None))


def joined(spark, rows, other=OTHER, columns="id int, t timestamp", **args):
    checks = Checks(tables={PLANES: spark.createDataFrame(other, VERSIONS)})
    frame = keep_input(spark.createDataFrame(rows, columns))
    args = {"table": "silver.planes", "using": "id", "at": "t", **args}
    return cleanse.apply({"as_of_join": args}, frame, checks), checks


def test_the_version_that_was_valid_then_counts_from_its_begin_up_to_the_next(spark):
    rows = [(1, at(0)), (1, at(5)), (1, at(9)), (1, at(20)), (2, at(5)), (None, at(5)), (1, None)]
    frame, checks = joined(spark, rows)
    found = [(r["id"], r["t"] and r["t"].hour, r["name"]) for r in frame.collect()]
    assert sorted(found, key=repr) == sorted(
        [(1, 0, "old"), (1, 5, "new"), (1, 9, None), (1, 20, "last"), (2, 5, None), (None, 5, None), (1, None, None)],
        key=repr,
    )
    assert not evaluate(frame, checks).failing
    assert [name for name in frame.columns if not name.startswith("__")] == ["id", "t", "name"]


def test_validity_comes_when_it_is_selected_and_under_a_prefix(spark):
    frame, _ = joined(spark, [(1, at(6))], select=["valid_from", "name"], prefix="was_")
    (row,) = frame.collect()
    assert (row["was_valid_from"], row["was_name"]) == (at(5), "new")


def test_a_row_without_a_version_is_kept_apart_as_it_was_read(spark):
    frame, checks = joined(spark, [(1, at(6)), (1, at(10)), (2, at(6))], on_missing="quarantine")
    assert (evaluate(frame, checks).accepted, not RULES["as_of_join"].regroups) == (1, True)
    kept = rejected(frame, checks, TableName("silver", "s"), 1, "a", "r", "input").collect()
    assert {(r["id"], r["_failures"][0]["name"]) for r in kept} == {
        (1, "as_of_join.silver.planes"),
        (2, "as_of_join.silver.planes"),
    }
    assert "name" not in kept[0].asDict()
    frame, checks = joined(spark, [(1, at(10))], on_missing="fail")
    assert [r.name for r in evaluate(frame, checks).failing] == ["as_of_join.silver.planes"]


def test_s28_a_row_whose_key_failed_its_cast_is_not_blamed_again(spark):
    checks = Checks(tables={PLANES: spark.createDataFrame(OTHER, VERSIONS)})
    frame = keep_input(spark.createDataFrame([("x", at(6))], "id string, t timestamp"))
    args = {"table": "silver.planes", "using": "id", "at": "t", "on_missing": "quarantine"}
    for written in ({"cast": {"id": "int"}}, {"as_of_join": args}):
        frame = cleanse.apply(written, frame, checks)
    (row,) = rejected(frame, checks, TableName("silver", "s"), 1, "a", "r", "input").collect()
    assert [f["name"] for f in row["_failures"]] == ["cast.id"]


@pytest.mark.parametrize(
    "other",
    [
        versions((1, "a", 1, 5), (1, "b", 4, 9)),
        versions((1, "a", 1, None), (1, "c", 2, 3), (1, "b", 4, 9)),
        versions((1, "a", None, None), (1, "b", None, 5)),
        versions((1, "a", 4, 9), (1, "b", 4, 9)),
    ],
)
def test_two_versions_at_one_time_break_a_rule_and_only_at_that_time(spark, other):
    frame, checks = joined(spark, [(1, at(4)), (2, at(4))], other)
    found = evaluate(frame, checks)
    assert [r.name for r in found.failing] == ["as_of_join.silver.planes.overlap"]
    (example,) = samples(frame, checks, found)
    assert example["value"] == '{"id":1,"t":"2024-01-01T04:00:00.000Z"}'
    assert "two versions in silver.planes are valid at that time" in str(example["message"])
    apart, checks = joined(
        spark, [(1, at(0)), (1, at(20))], versions((1, "a", 1, 5), (1, "b", 4, 9), (1, "c", 9, None))
    )
    assert not evaluate(apart, checks).failing


HOURS = st.none() | st.integers(0, 6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 2), HOURS, HOURS), max_size=5),
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
)
def test_it_equals_a_look_at_every_version(spark, spans, times):
    other = versions(*((i, str(n), a, b) for n, (i, a, b) in enumerate(spans)))
    valid = {
        t: [n for n, (i, a, b) in enumerate(spans) if i == 1 and (a is None or a <= t) and (b is None or t < b)]
        for t in times
    }
    frame, checks = joined(spark, [(1, at(t)) for t in times], other)
    found = evaluate(frame, checks)
    assert bool(found.failing) == any(len(some) > 1 for some in valid.values())
    if not found.failing:
        expected = sorted((t, str(valid[t][0]) if valid[t] else None) for t in times)
        assert sorted((r["t"].hour, r["name"]) for r in frame.collect()) == expected


def test_a_table_without_a_history_is_refused(spark):
    checks = Checks(tables={PLANES: spark.createDataFrame([(1, "x")], "id int, name string")})
    frame = keep_input(spark.createDataFrame([(1, at(1))], "id int, t timestamp"))
    with pytest.raises(StepError) as error:
        cleanse.apply({"as_of_join": {"table": "silver.planes", "using": "id", "at": "t"}}, frame, checks)
    assert error.value.message == "as_of_join: silver.planes keeps no history: there is no column 'valid_from' here"


def test_it_is_a_join_by_keys_and_the_write_needs_no_window(spark):
    frame, _ = joined(spark, [(1, at(6))])
    shown = frame.select("id", "t", "name")._jdf.queryExecution()
    assert "Window" not in shown.optimizedPlan().toString()
    for plan in (shown.executedPlan().toString(), frame._jdf.queryExecution().executedPlan().toString()):
        assert "NestedLoop" not in plan
        assert "Cartesian" not in plan
        assert "SortMergeJoin" in plan or "HashJoin" in plan
