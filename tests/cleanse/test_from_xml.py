"""XML texts: what fits, and everything that Spark would lose in silence."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.cleanse.base import one_rule
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.rows import types_of

from .helpers import apply

GOOD = {
    "<r><id>1</id><name>x</name></r>": {"id": 1, "name": "x", "tag": None, "at": None, "_z": None},
    "<?xml version='1.0'?>\n<r z='5'/>": {"id": None, "name": None, "tag": None, "at": None, "_z": 5},
    " <r><tag>a</tag><tag>b</tag></r> <!-- end -->": {
        "id": None,
        "name": None,
        "tag": ["a", "b"],
        "at": None,
        "_z": None,
    },
    "<r><at><x>1</x></at></r>": {"id": None, "name": None, "tag": None, "at": {"x": 1}, "_z": None},
}
BAD = [
    "<r><id>1</id>", "nonsense", "", "<r><id>one</id></r>", "<r><id>1.5</id></r>", "<r><id>1</id></r><r><id>2</id></r>",
    "<r><id>1</id></r>tail", "<r><id>1</id></r>tail <b", "<r><id>1</id><id>2</id></r>",
    "<r><at><x>1</x><x>2</x></at></r>", "<r><at><x>1</x></at><at><x>2</x></at></r>",
]  # fmt: skip
SCHEMA = "id int, name string, tag array<string>, at struct<x: int>, _z int"


def test_what_fits_is_read_and_what_would_lose_something_breaks_the_rule(spark):
    checks = Checks()
    frame = keep_input(spark.createDataFrame([(text,) for text in [*GOOD, *BAD, None]], "t string"))
    frame = apply(frame, {"from_xml": {"column": "T", "schema": SCHEMA, "into": "x"}}, checks=checks)
    found = {r["t"]: (r["x"] and r["x"].asDict(recursive=True), r["__f0"]) for r in frame.collect()}
    assert {text: found[text] for text in GOOD} == {text: (value, None) for text, value in GOOD.items()}
    assert found[None] == (None, None)
    assert [text for text in BAD if found[text][1] is None or found[text][0] is not None] == []
    assert evaluate(frame, checks).quarantined == len(BAD)
    assert checks.all[0].name == "from_xml.t"
    assert types_of(frame)["x"] == "struct<id:int,name:string,tag:array<string>,at:struct<x:int>,_z:int>"


def test_an_element_has_fields():
    with pytest.raises(ValidationError, match="array<int> is no XML element; write its fields"):
        one_rule({"from_xml": {"column": "t", "schema": "array<int>"}})
