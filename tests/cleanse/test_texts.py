from __future__ import annotations

from lakehouse.cleanse.base import RULES
from lakehouse.quality.checks import Checks
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.routing import accepted

from .helpers import apply


def test_regexp_replace_and_extract(spark):
    frame = spark.createDataFrame([("AA-12",), ("x",), (None,)], "t string").coalesce(1)
    out = apply(
        frame,
        {"regexp_extract": {"column": "t", "pattern": r"(\w+)-(\d+)", "group": 2, "into": "n"}},
        {"regexp_replace": {"column": "t", "pattern": r"(\w+)-", "replacement": "$1+"}},
    )
    assert [tuple(r) for r in out.collect()] == [("AA+12", "12"), ("x", ""), (None, None)]


def test_from_json_a_text_that_is_no_json_is_a_violation(spark):
    checks = Checks()
    frame = spark.createDataFrame(
        [(1, '{"a": 1, "b": ["x"]}'), (2, "{"), (3, None), (4, '{"a": "z"}'), (5, "{}")], "k int, t string"
    )
    out = apply(frame, {"from_json": {"column": "t", "schema": "a int, b array<string>", "into": "j"}}, checks=checks)
    got = {r["k"]: r["j"] and tuple(r["j"]) for r in accepted(out, checks).collect()}
    assert got == {1: (1, ["x"]), 3: None, 5: (None, None)}
    assert [(r.name, r.violations) for r in evaluate(out, checks).results] == [("from_json.t", 2)]
    assert dict(out.dtypes)["j"] == "struct<a:int,b:array<string>>"


def test_from_csv(spark):
    checks = Checks()
    frame = spark.createDataFrame([("1;x",), ("y;x",), (None,)], "t string").coalesce(1)
    out = apply(
        frame, {"from_csv": {"column": "t", "schema": "struct<a:int,b:string>", "options": {"sep": ";"}}}, checks=checks
    )
    assert [r["t"] and tuple(r["t"]) for r in out.collect()] == [(1, "x"), None, None]
    assert [r.violations for r in evaluate(out, checks).results] == [1]


def test_parse_json_to_variant(spark):
    checks = Checks()
    frame = spark.createDataFrame([('{"a": 1}',), ("{",), (None,), ("null",)], "t string").coalesce(1)
    out = apply(frame, {"parse_json": "t"}, checks=checks)
    assert dict(out.dtypes)["t"] == "variant"
    assert [r["v"] for r in out.selectExpr("try_variant_get(t, '$.a', 'int') as v").collect()] == [1, None, None, None]
    assert [r.violations for r in evaluate(out, checks).results] == [1]


def test_every_rule_of_the_language_is_built():
    assert [word for word, rule in RULES.items() if not rule.available] == []
