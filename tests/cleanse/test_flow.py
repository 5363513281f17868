"""Every rule says what comes from what, and says of the columns what its effect says."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse.cleanse.base import RULES
from lakehouse.planning.lineage.frame import Column, Edge, Field, Frame
from lakehouse.quality.flow import Kind

KNOWN = {
    "id": "bigint", "name": "string", "note": "string", "tags": "array<string>", "props": "map<string,int>",
    "address": "struct<city:string>", "_batch": "bigint",
}  # fmt: skip
ARGUMENTS: dict[str, list[Any]] = {
    "trim": [["name", "NOTE"]],
    "lower": ["name"],
    "upper": ["name"],
    "null_if": [{"columns": ["name"], "values": ["NA"]}],
    "fill_null": [{"name": "x"}],
    "replace": [{"columns": "name", "values": {"a": "b"}}],
    "mask": [{"columns": "id", "keep_last": 2}],
    "cast": [{"id": "int", "note": "date"}],
    "rename": [{"id": "key", "name": "id"}, {"name": "note", "note": "name"}],
    "select": [["note", "ID"]],
    "drop": [["note", "Tags"]],
    "derive": [{"a": "id + 1", "b": "a * 2", "name": "upper(name)"}, {"c": "name"}],
    "filter": ["id > 1 AND name IS NOT NULL"],
    "deduplicate": [{"keys": ["id"], "order_by": ["note DESC"]}],
    "explode": [{"column": "tags"}, {"column": "props"}, {"column": "tags", "into": "tag", "position": "place"}],
    "explode_outer": [{"column": "props", "into": ["k", "v"]}],
    "regexp_replace": [{"column": "name", "pattern": "a", "replacement": "b"}],
    "regexp_extract": [{"column": "name", "pattern": "(a)", "into": "letter"}],
    "from_json": [{"column": "note", "schema": "a int", "into": "parsed"}],
    "from_csv": [{"column": "note", "schema": "a int"}],
    "parse_json": [["note"]],
    "flatten": [["address"]],
    "unpivot": [{"columns": ["name", "note"], "name": "which", "value": "what"}],
    "pivot": [
        {"by": ["id"], "column": "name", "values": ["x", "y"], "measures": {"n": "max(note)"}},
        {"by": ["id"], "column": "name", "values": ["x"], "measures": {"n": "max(note)", "c": "count(*)"}},
    ],
    "hash": [{"into": "key", "columns": ["id", "name"]}],
    "from_xml": [{"column": "note", "schema": "a int", "into": "parsed"}],
    "from_avro": [{"column": "note", "schema": '{"type": "record", "name": "r", "fields": []}'}],
    "join": [{"table": "silver.other", "using": "id"}],
    "as_of_join": [{"table": "silver.other", "using": "id", "at": "now()"}],
    "sql": ["SELECT * FROM input"],
    "python": ["package.module:function"],
}
CASES = [(word, written) for word, some in ARGUMENTS.items() for written in some]


def frame() -> Frame:
    """The known columns, each as it came from a table `t`."""
    return Frame({n: Column(frozenset({Edge(Field("t", n), Kind.IDENTITY)}), t) for n, t in KNOWN.items()})


def after(word: str, written: object) -> Frame:
    flows = RULES[word].args.model_validate(written).flow()
    assert flows is not None
    found = frame()
    for flow in flows:
        found = found.after(flow)
    return found


def made(word: str, written: object) -> dict[str, set[str]]:
    """Column -> where it comes from, of those that are not as they were."""
    found = after(word, written).columns
    told = {n: {f"{e.field.column} {e.kind}" for e in c.edges} for n, c in found.items()}
    return {n: edges for n, edges in told.items() if edges != {f"{n} identity"}}


def rows(word: str, written: object) -> set[str]:
    return {f"{e.field.column} {e.kind}" for e in after(word, written).rows}


def test_every_rule_is_tried() -> None:
    assert ARGUMENTS.keys() == RULES.keys()


@pytest.mark.parametrize(("word", "written"), CASES)
def test_what_a_rule_says_of_columns_is_what_its_effect_says(word: str, written: object) -> None:
    args = RULES[word].args.model_validate(written)
    effect, flows = RULES[word].columns(dict(KNOWN), args), args.flow()
    if flows is None or effect is None:
        # a rule that knows nothing says so twice, but for what the type of a column hides
        assert effect is None or list(args.queries()), "a query is followed by itself"
        assert flows is None or word in ("flatten", "from_xml", "from_avro")
        return
    found = after(word, written)
    assert {n.casefold() for n in effect} - {n.casefold() for n in found.columns} == (
        {"props_key", "props_value"} if word == "explode" and args.column == "props" and args.into is None else set()
    )
    assert [n for n in effect if found.get(n) is None] == []
    assert {n for n in KNOWN if n not in effect and found.has(n)} <= {"props"}, "what is gone is gone"


@pytest.mark.parametrize(
    ("word", "written", "expected"),
    [
        ("trim", ["name", "NOTE"], {"name": {"name transformation"}, "note": {"note transformation"}}),
        ("rename", {"id": "key", "name": "id"}, {"key": {"id identity"}, "id": {"name identity"}}),
        ("rename", {"name": "note", "note": "name"}, {"name": {"note identity"}, "note": {"name identity"}}),
        ("select", ["note", "ID"], {}),
        ("derive", {"a": "id + 1", "b": "a * 2"}, {"a": {"id transformation"}, "b": {"id transformation"}}),
        ("derive", {"a": "name", "name": "1"}, {"a": {"name identity"}, "name": set()}),
        ("filter", "id > 1", {}),
        ("explode", {"column": "tags"}, {"tags": {"tags transformation"}}),
        ("explode_outer", {"column": "props", "into": ["k", "v"], "position": "p"},
         {n: {"props transformation"} for n in "kvp"}),
        ("from_json", {"column": "note", "schema": "a int", "into": "parsed"}, {"parsed": {"note transformation"}}),
        ("from_json", {"column": "note", "schema": "a int"}, {"note": {"note transformation"}}),
        ("unpivot", {"columns": ["name", "note"]}, {"name": set(), "value": {"name identity", "note identity"}}),
        ("pivot", {"by": "id", "column": "name", "values": ["x"], "measures": {"n": "max(note)"}},
         {"x": {"note aggregation", "name conditional"}}),
        ("hash", {"into": "key", "columns": ["id", "name"]}, {"key": {"id transformation", "name transformation"}}),
    ],
)  # fmt: skip
def test_what_a_rule_makes_of_what(word: str, written: object, expected: dict[str, set[str]]) -> None:
    assert made(word, written) == expected


@pytest.mark.parametrize(
    ("word", "written", "expected"),
    [
        ("filter", "id > 1 AND upper(name) = 'X'", {"id filter", "name filter"}),
        ("deduplicate", {"keys": "id", "order_by": ["note DESC"]}, {"id group by", "note sort"}),
        ("explode", {"column": "tags"}, {"tags filter"}),
        ("explode_outer", {"column": "tags"}, set()),
        ("pivot", ARGUMENTS["pivot"][0], {"id group by"}),
        ("trim", "name", set()),
        ("rename", {"id": "key"}, set()),
    ],
)
def test_what_decides_which_rows_there_are(word: str, written: object, expected: set[str]) -> None:
    assert rows(word, written) == expected


def test_fields_of_a_struct_come_from_it_by_their_prefix() -> None:
    found = after("flatten", {"columns": "address", "separator": "__"})
    assert found.get("address") is None
    city = found.get("Address__City")
    assert city is not None
    assert city.edges == {Edge(Field("t", "address"), Kind.TRANSFORMATION)}
    assert found.get("city") is None
