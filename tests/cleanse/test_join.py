"""Columns of another table beside the rows: which rows match, what several matches do, which columns come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lakehouse import cleanse
from lakehouse.cleanse.base import RULES, one_rule
from lakehouse.errors import StepError
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.routing import rejected, samples

PLANES = TableName("silver", "planes")


def joined(spark, args, rows, other, *, columns="id int, t string", others="id int, maker string, _batch int", **more):
    """The rows after the join, and its checks."""
    checks = Checks(tables={PLANES: spark.createDataFrame(other, others)}, **more)
    frame = keep_input(spark.createDataFrame(rows, columns))
    return cleanse.apply({"join": {"table": "silver.planes", **args}}, frame, checks), checks


def visible(frame) -> list[tuple[Any, ...]]:
    names = [name for name in frame.columns if not name.startswith("__")]
    return sorted((tuple(r) for r in frame.select(*names).collect()), key=repr)


ROWS = [(1, "a"), (2, "b"), (None, "c")]
OTHER = [(1, "Boeing", 7), (3, "Airbus", 7), (None, "Nobody", 7)]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("left", [(1, "a", "Boeing"), (2, "b", None), (None, "c", None)]),
        ("inner", [(1, "a", "Boeing")]),
        ("semi", [(1, "a")]),
        ("anti", [(2, "b"), (None, "c")]),
    ],
)
@pytest.mark.parametrize("by", [{"using": "ID"}, {"condition": "input.ID = planes.id", "select": "Maker"}])
def test_s45_rows_with_and_without_a_match_and_null_matches_nothing(spark, how, expected, by):
    if how in ("semi", "anti"):
        by = {key: value for key, value in by.items() if key != "select"}
    frame, checks = joined(spark, {**by, "how": how}, ROWS, OTHER)
    assert visible(frame) == sorted(expected, key=repr)
    assert [c.name for c in checks.all] == ([] if how in ("semi", "anti") else ["join.silver.planes"])


TWICE = [*OTHER, (1, "Bombardier", 8), (3, "Antonov", 8), (3, "Ilyushin", 8)]


@pytest.mark.parametrize("how", ["left", "inner"])
@pytest.mark.parametrize("by", [{"using": "id"}, {"condition": "input.id = planes.id", "prefix": "p_"}])
def test_s45_a_row_with_two_matches_breaks_the_rule_and_one_that_nobody_asks_for_does_not(spark, how, by):
    frame, checks = joined(spark, {**by, "how": how}, [(2, "b"), (None, "c")], TWICE)
    assert not evaluate(frame, checks).failing, "no row meets the ones that are there twice"
    frame, checks = joined(spark, {**by, "how": how}, ROWS, TWICE)
    found = evaluate(frame, checks)
    assert [r.name for r in found.failing] == ["join.silver.planes"]
    (example, *_) = samples(frame, checks, found)
    assert example == {
        "name": "join.silver.planes", "column": None, "value": "1",
        "message": "2 rows of silver.planes match this id; have one of them there, or write `many: true` where several"
        " are meant",
    }  # fmt: skip
    assert "; for example 1: 2 rows of silver.planes match this id" in found.message([example])
    frame, checks = joined(spark, {**by, "how": how, "many": True}, ROWS, TWICE)
    assert (len(visible(frame)), checks.all) == (2 if how == "inner" else 4, ())


def test_s45_semi_and_anti_never_multiply(spark):
    assert visible(joined(spark, {"using": "id", "how": "semi"}, ROWS, TWICE)[0]) == [(1, "a")]
    assert len(visible(joined(spark, {"using": "id", "how": "anti"}, ROWS, TWICE)[0])) == 2


def test_s60_the_key_of_a_secret_column_is_not_shown(spark):
    frame, checks = joined(spark, {"using": "id"}, ROWS, TWICE, pii=["id"])
    assert samples(frame, checks, evaluate(frame, checks))[0]["value"] is None


def test_columns_that_begin_with_an_underscore_come_only_when_they_are_selected(spark):
    frame, _ = joined(spark, {"using": "id", "select": ["_batch", "maker"], "prefix": "plane_"}, [(1, "a")], OTHER)
    assert set(frame.columns) == {"id", "t", "__input", "plane__batch", "plane_maker", "__f0", "__b0"}
    assert visible(frame) == [(1, "a", 7, "Boeing")]


def test_a_condition_is_about_both_sides_and_takes_variables(spark):
    rows, other = [(1, "a"), (2, "b")], [(1, "x", 1), (1, "y", 5), (2, "z", 5)]
    args = {"condition": "input.id = planes.id AND since > :least", "prefix": "p_"}
    frame, checks = joined(spark, args, rows, other, others="id int, v string, since int", variables={"least": 3})
    assert visible(frame) == [(1, "a", 1, "y", 5), (2, "b", 2, "z", 5)]
    assert not evaluate(frame, checks).failing


def test_s55_rejected_rows_behind_it_have_the_columns_that_were_taken(spark):
    frame, checks = joined(spark, {"using": "id"}, [(1, "a")], OTHER)
    frame = checks.add(
        frame, name="r", column=None, violated=frame.id == 1, value=None, message="", action="quarantine"
    )
    (row,) = rejected(frame, checks, TableName("silver", "s"), 1, "a", "r", "cleansed").collect()
    assert (row["id"], row["maker"]) == (1, "Boeing")
    assert RULES["join"].regroups


@pytest.mark.parametrize("how", ["left", "inner", "semi", "anti"])
@pytest.mark.parametrize("by", [{"using": "id"}, {"condition": "input.id = planes.id"}])
def test_s28_a_row_whose_key_failed_its_cast_stays_to_be_rejected(spark, how, by):
    args = {**by, "how": how}
    if "condition" in by and how in ("left", "inner"):
        args["select"] = "maker"
    checks = Checks(tables={PLANES: spark.createDataFrame(OTHER, "id int, maker string, _batch int")})
    frame = keep_input(spark.createDataFrame([("1",), ("x",), ("9",)], "id string"))
    for written in ({"cast": {"id": "int"}}, {"join": {"table": "silver.planes", **args}}):
        frame = cleanse.apply(written, frame, checks)
    found = evaluate(frame, checks)
    assert found.quarantined == 1
    assert found.accepted == {"left": 2, "inner": 1, "semi": 1, "anti": 1}[how]
    (row,) = rejected(frame, checks, TableName("silver", "t"), 1, "a", "r", "cleansed").collect()
    assert [f["value"] for f in row["_failures"]] == ["x"]


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({"using": "nr"}, "join: there is no column 'nr' here"),
        ({"using": "t"}, "join: silver.planes: there is no column 't' here"),
        (
            {"using": "id", "select": "makr"},
            "join: silver.planes: there is no column 'makr' here; did you mean 'maker'?",
        ),
        ({"condition": "input.id = planes.id"}, "`join`: there is already a column 'id', and silver.planes brings"),
    ],
)
def test_what_does_not_fit_is_told_before_a_row_is_read(spark, args, wrong):
    with pytest.raises(StepError) as error:
        joined(spark, args, ROWS, OTHER)
    assert wrong in error.value.message


@pytest.mark.parametrize("kind", ["string", "decimal(3,1)", "date"])
def test_keys_are_not_compared_in_a_type_in_which_different_ones_are_equal(spark, kind):
    with pytest.raises(StepError) as error:
        joined(spark, {"using": "id"}, [], OTHER, columns=f"id {kind}, t string")
    assert error.value.message == f"join: 'id' is {kind} here and int in silver.planes"
    assert "cast: {id: int}" in error.value.fix
    assert visible(joined(spark, {"using": "id"}, [(1, "a")], OTHER, columns="id bigint, t string")[0])


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({}, "by `using` or by `condition`"),
        ({"using": "id", "condition": "input.id = planes.id"}, "by `using` or by `condition`"),
        ({"using": "id", "how": "semi", "select": "maker"}, "leave out `select`"),
        ({"using": "id", "how": "anti", "many": True}, "leave out `many`"),
        ({"condition": "input.id = 1"}, "says nothing about silver.planes"),
        ({"using": "id", "select": ["maker", "Maker"]}, "the column 'Maker' is named twice"),
        ({"using": "id", "how": "cross"}, "'left', 'inner', 'semi' or 'anti'"),
    ],
)
def test_what_makes_no_join_is_refused(args, wrong):
    with pytest.raises(ValidationError) as error:
        one_rule({"join": {"table": "silver.planes", **args}})
    assert wrong in str(error.value)


@pytest.mark.parametrize("by", [{"using": "id"}, {"condition": "input.id = planes.id", "prefix": "p_"}])
def test_where_rows_are_written_nothing_is_counted_and_nothing_is_compared_with_everything(spark, by):
    """The window that counts matches is in job 0 only: the write needs no shuffle that the join itself does not."""
    frame, checks = joined(spark, by, ROWS, OTHER)
    shown = [name for name in frame.columns if not name.startswith("__")]
    written = frame.select(*shown)._jdf.queryExecution().optimizedPlan().toString()
    assert "Window" not in written
    assert "Window" in frame.select(checks.all[0].found)._jdf.queryExecution().optimizedPlan().toString()
    for data in (written, frame._jdf.queryExecution().executedPlan().toString()):
        assert "Cartesian" not in data
        assert "NestedLoop" not in data


KEYS = st.none() | st.integers(1, 3)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(KEYS, max_size=5),
    st.lists(KEYS, max_size=5),
    st.sampled_from(["left", "inner", "semi", "anti"]),
    st.booleans(),
)
def test_it_equals_a_loop_over_both_sides(spark, mine, theirs, how, condition):
    by = {"condition": "input.id = planes.id"} if condition else {"using": "id"}
    more = {"select": "maker"} if how in ("left", "inner") else {}
    rows = [(key, str(n)) for n, key in enumerate(mine)]
    other = [(key, f"m{n}", 0) for n, key in enumerate(theirs)]
    frame, checks = joined(spark, {**by, **more, "how": how}, rows, other)
    matches = {t: [m for k, m, _ in other if k is not None and k == key] for key, t in rows}
    several = how in ("left", "inner") and any(len(some) > 1 for some in matches.values())
    assert bool(evaluate(frame, checks).failing) == several
    if several:
        return
    expected = {
        "left": [(key, t, matches[t][0] if matches[t] else None) for key, t in rows],
        "inner": [(key, t, matches[t][0]) for key, t in rows if matches[t]],
        "semi": [(key, t) for key, t in rows if matches[t]],
        "anti": [(key, t) for key, t in rows if not matches[t]],
    }[how]
    assert visible(frame) == sorted(expected, key=repr)
