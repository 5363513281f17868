from __future__ import annotations

import hashlib
import json

import pytest

from lakehouse.errors import StepError
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate

from .helpers import apply

DDL = "k int, s struct<a:int,b:struct<c:string,d:int>>"


def test_flatten(spark):
    frame = spark.createDataFrame([(1, (2, ("x", 3))), (2, None)], DDL).coalesce(1)
    out = apply(frame, {"flatten": "S"})
    assert out.columns == ["k", "s_a", "s_b_c", "s_b_d"]
    assert [tuple(r) for r in out.collect()] == [(1, 2, "x", 3), (2, None, None, None)]
    assert apply(frame, {"flatten": {"columns": ["s"], "separator": ".", "depth": 1}}).columns == ["k", "s.a", "s.b"]
    with pytest.raises(StepError, match="two columns called 's_a'"):
        apply(frame.selectExpr("k as s_a", "s"), {"flatten": "s"})


def test_unpivot_keeps_every_value(spark):
    checks = Checks()
    frame = keep_input(spark.createDataFrame([(1, "5", None, 7)], "k int, jan string, feb string, _batch int"))
    out = apply(
        frame,
        {"cast": {"jan": "int", "feb": "int"}},
        {"unpivot": {"columns": ["jan", "feb"], "name": "month", "value": "n"}},
        checks=checks,
    )
    assert sorted((r["k"], r["month"], r["n"], r["_batch"]) for r in out.collect()) == [
        (1, "feb", None, 7),
        (1, "jan", 5, 7),
    ]
    assert evaluate(out, checks).rows == 2
    with pytest.raises(StepError, match="different types"):
        apply(spark.createDataFrame([(1, "a")], "k int, t string"), {"unpivot": {"columns": ["k", "t"]}})


def test_pivot(spark):
    frame = spark.createDataFrame(
        [("a", "x", 1, 3), ("a", "y", 2, 4), ("a", "x", 5, 1), (None, "z", 9, 2)],
        "k string, c string, n int, _batch int",
    )
    out = apply(
        keep_input(frame), {"pivot": {"by": "k", "column": "c", "values": ["x", "y"], "measures": {"n": "sum(n)"}}}
    )
    assert sorted((tuple(r[:4]) for r in out.collect()), key=str) == [("a", 6, 2, 4), (None, None, None, 2)]
    assert out.columns == ["k", "x", "y", "_batch", "__input"]
    out = apply(
        frame, {"pivot": {"by": "k", "column": "c", "values": ["x"], "measures": {"n": "sum(n)", "m": "max(n)"}}}
    )
    assert out.columns[:3] == ["k", "x_n", "x_m"]


def test_s43_hash_is_sha_256_of_the_json_with_nulls(spark):
    frame = spark.createDataFrame([("a", None, "b"), ("a", "b", None)], "x string, y string, z string").coalesce(1)
    got = [r["h"] for r in apply(frame, {"hash": {"into": "h", "columns": ["x", "y", "z"]}}).collect()]
    text = json.dumps({"x": "a", "y": None, "z": "b"}, separators=(",", ":"))
    assert got[0] == hashlib.sha256(text.encode()).hexdigest()
    assert got[0] != got[1]
    other = apply(frame, {"hash": {"into": "h", "columns": ["z", "y", "x"]}}).first()["h"]
    assert other not in got


def test_s44_hash_of_equal_numbers_is_equal(spark):
    frame = spark.sql(
        "select double('-0.0') as d union all select 0.0D union all select double('NaN') union all select -double('NaN')"
    )
    got = [r["h"] for r in apply(frame, {"hash": {"into": "h", "columns": "d"}}).collect()]
    assert got[0] == got[1]
    assert got[2] == got[3]
    assert got[0] != got[2]
