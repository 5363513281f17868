"""Avro values: what fits is read, what does not breaks the rule."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.cleanse.base import one_rule
from lakehouse.errors import StepError
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.rows import types_of

from .helpers import apply

SCHEMA = '{"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "int"]}, {"name": "b", "type": "string"}]}'


def test_a_record_is_read_and_what_is_none_breaks_the_rule(spark):
    values = [b"\x02\x02\x04hi", b"\x00\x00", b"\x09\x09", b"", b"\x02\x02\x04h"]
    checks = Checks()
    frame = keep_input(spark.createDataFrame([(i, v) for i, v in enumerate([*values, None])], "i int, v binary"))
    frame = apply(frame, {"from_avro": {"column": "V", "schema": SCHEMA, "into": "x"}}, checks=checks)
    found = {r["i"]: (r["x"] and tuple(r["x"]), r["__f0"] and r["__f0"]["name"]) for r in frame.collect()}
    broken = (None, "from_avro.v")
    assert found == {0: ((1, "hi"), None), 1: ((None, ""), None), 2: broken, 3: broken, 4: broken, 5: (None, None)}
    assert types_of(frame)["x"] == "struct<a:int,b:string>"


def test_it_is_about_binary_values_and_records(spark):
    with pytest.raises(StepError, match="column 'v' is string, and Avro is binary"):
        apply(spark.createDataFrame([("x",)], "v string"), {"from_avro": {"column": "v", "schema": SCHEMA}})
    for schema, wrong in (("a int", "an Avro schema is JSON"), ('{"type": "int"}', "the schema is no record")):
        with pytest.raises(ValidationError, match=wrong):
            one_rule({"from_avro": {"column": "v", "schema": schema}})
