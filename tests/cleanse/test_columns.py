from __future__ import annotations

import pytest

from lakehouse import cleanse
from lakehouse.cleanse.base import RULES
from lakehouse.errors import StepError
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.expectations import judge
from lakehouse.quality.models import Expectation
from lakehouse.quality.routing import accepted

from .helpers import apply


def names(frame):
    return [c for c in frame.columns if not c.startswith("__")]


def test_s30_cast_is_as_strict_as_schema(spark):
    checks = Checks()
    frame = apply(
        spark.createDataFrame([("1", "a"), ("1.5", "b"), (None, "c")], "n string, k string").coalesce(1),
        {"cast": {"N": "int"}},
        checks=checks,
    )
    assert names(frame) == ["n", "k"]
    assert dict(frame.dtypes)["n"] == "int"
    assert [(r.name, r.action, r.violations) for r in evaluate(frame, checks).results] == [("cast.n", "quarantine", 1)]
    assert [(r["n"], r["k"]) for r in accepted(frame, checks).collect()] == [(1, "a"), (None, "c")]


def test_s28_after_a_failed_cast_and_a_rename_the_column_is_not_blamed_again(spark):
    checks = Checks()
    frame = apply(
        spark.createDataFrame([("1",), ("x",), ("-1",)], "n string"),
        {"cast": {"n": "int"}},
        {"rename": {"n": "m"}},
        checks=checks,
    )
    frame = judge(frame, {"pos": Expectation.model_validate("m > 0")}, checks)
    assert [(r.name, r.judged, r.violations) for r in evaluate(frame, checks).results] == [
        ("cast.n", 3, 1),
        ("pos", 2, 1),
    ]


def test_rename_can_swap_and_refuses_twins(spark):
    frame = spark.createDataFrame([(1, 2)], "a int, b int")
    out = apply(frame, {"rename": {"a": "b", "b": "a"}})
    assert (out.columns, tuple(out.first())) == (["b", "a"], (1, 2))
    with pytest.raises(StepError, match=r"(?i)two columns called 'B'"):
        apply(frame, {"rename": {"a": "B"}})


def test_select_and_drop_keep_what_is_not_the_users(spark):
    frame = keep_input(spark.createDataFrame([(1, 2, 3, 4)], "a int, b int, c int, _batch int"))
    assert apply(frame, {"select": ["C", "a"]}).columns == ["c", "a", "_batch", "__input"]
    assert apply(frame, {"drop": "B"}).columns == ["a", "c", "_batch", "__input"]
    with pytest.raises(StepError, match="no column would be left"):
        apply(frame, {"drop": ["a", "b", "c"]})


def test_derive_later_ones_see_earlier_ones(spark):
    frame = spark.createDataFrame([(2,)], "a int")
    out = apply(
        frame, {"derive": {"b": "a + 1", "a": "b * 10", "c": "a + b + :k"}}, checks=Checks(variables={"k": 100})
    )
    assert (out.columns, tuple(out.first())) == (["a", "b", "c"], (30, 3, 133))


def test_s31_an_expression_that_raises_fails_the_step(spark):
    frame = apply(spark.createDataFrame([(0,)], "a int"), {"derive": {"b": "1 / a"}})
    with pytest.raises(Exception, match="DIVIDE_BY_ZERO"):
        frame.collect()


def test_s36_the_time_of_the_run_is_one_time(spark):
    import datetime as dt

    now = dt.datetime(2013, 2, 1, 12, 30, tzinfo=dt.UTC)
    frame = spark.createDataFrame([(1,)], "a int")
    out = apply(
        frame, {"derive": {"d": "current_date()", "t": "now()", "u": "unix_timestamp()"}}, checks=Checks(now=now)
    )
    row = out.selectExpr("cast(d as string) d", "cast(t as string) t", "u").first()
    assert tuple(row) == ("2013-02-01", "2013-02-01 12:30:00", int(now.timestamp()))


def test_names_that_need_backticks(spark):
    frame = spark.createDataFrame([(" x ", "1")], "`a b` string, `c.d` string")
    out = apply(
        frame, {"trim": "a b"}, {"cast": {"c.d": "int"}}, {"rename": {"c.d": "e f"}}, {"derive": {"g h": "`e f` + 1"}}
    )
    assert tuple(out.select("`a b`", "`e f`", "`g h`").first()) == ("x", 1, 2)


KNOWN = {"a": "string", "b": None, "s": "array<int>", "_batch": "bigint"}


@pytest.mark.parametrize(
    ("word", "args", "after"),
    [
        ("trim", "a", KNOWN),
        ("cast", {"B": "long"}, {**KNOWN, "b": "bigint"}),
        ("rename", {"a": "x"}, {"x": "string", "b": None, "s": "array<int>", "_batch": "bigint"}),
        ("select", ["b"], {"b": None, "_batch": "bigint"}),
        ("drop", ["b", "s"], {"a": "string", "_batch": "bigint"}),
        (
            "derive",
            {"c": "a", "A": "b + 1"},
            {"a": None, "b": None, "s": "array<int>", "_batch": "bigint", "c": "string"},
        ),
        ("filter", "a > 'x'", KNOWN),
        (
            "explode",
            {"column": "s", "into": "e", "position": "p"},
            {"a": "string", "b": None, "p": "int", "e": "int", "_batch": "bigint"},
        ),
        ("explode", {"column": "b"}, None),
        ("flatten", "b", None),
        ("hash", {"into": "h", "columns": ["a", "b"]}, {**KNOWN, "h": "string"}),
        ("from_json", {"column": "a", "schema": "x INT", "into": "j"}, {**KNOWN, "j": "struct<x:int>"}),
        ("parse_json", ["A"], {**KNOWN, "a": "variant"}),
        ("unpivot", {"columns": ["a", "b"]}, {"s": "array<int>", "_batch": "bigint", "name": "string", "value": None}),
    ],
)
def test_the_effect_on_known_columns(word, args, after):
    rule = RULES[word]
    got = rule.columns(dict(KNOWN), rule.args.model_validate(args))
    assert got == after
    if after is not None and word != "derive":
        assert list(got) == list(after)
    assert rule.columns(None, rule.args.model_validate(args)) is None


def test_the_effect_names_the_nearest_column():
    rule = RULES["derive"]
    with pytest.raises(ValueError, match="did you mean 'month'"):
        rule.columns({"month": "int"}, rule.args.model_validate({"c": "mouth + 1"}))


def test_what_a_rule_reads_has_its_place():
    args = RULES["derive"].args.model_validate({"b": "a + 1", "c": "b + d"})
    assert list(args.reads()) == [(("b",), "a"), (("c",), "d")]
    args = RULES["deduplicate"].args.model_validate(
        {"keys": "k", "order_by": ["t desc", "coalesce(u, v) asc nulls last"]}
    )
    assert list(args.reads()) == [
        (("keys", 0), "k"),
        (("order_by", 0), "t"),
        (("order_by", 1), "u"),
        (("order_by", 1), "v"),
    ]


def test_stage():
    assert cleanse.stage([{"trim": "a"}]) == "input"
    assert cleanse.stage([{"trim": "a"}, {"explode": {"column": "a"}}]) == "cleansed"
