"""Type texts: Spark's `simpleString`, without Spark."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.lake.types import canonical, fields, from_json, widens

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TEXTS = [
    "BIGINT", "long", "Int", "integer", "short", "smallint", "byte", "tinyint", "string", "double", "float", "real", "boolean",
    "date", "timestamp", "timestamp_ltz", "timestamp_ntz", "binary", "variant", "decimal", "dec(5)", "NUMERIC( 10 , 2 )",
    "array<INT>", "map<string, array<double>>", "struct<a: int, b string NOT NULL COMMENT 'it''s'>".replace("''", "\\'"),
    "Struct<A:INT,`b`:struct<c:array<map<int,date>>>>", "struct<>", "array<struct<a:int,b:decimal(3,1)>>",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Long", "bigint"),
        ("dec", "decimal(10,0)"),
        ("decimal(5)", "decimal(5,0)"),
        ("numeric( 10 , 2 )", "decimal(10,2)"),
        ("Map < String , Array<INT> >", "map<string,array<int>>"),
        ("struct<A: INT, b STRING NOT NULL COMMENT 'x, > y'>", "struct<A:int,b:string>"),
        ("struct<`a b`:int, `x``y`:date>", "struct<`a b`:int,`x``y`:date>"),
        ("timestamp_ltz", "timestamp"),
    ],
)
def test_canonical(text: str, expected: str) -> None:
    assert canonical(text) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "text", "int int", "array", "array<int", "array<int>>", "map<int>", "struct<a>", "struct<int a>", "decimal(39)",
     "decimal(2,3)", "decimal(0)", "decimal(a)", "varchar(10)", "char(3)", "interval day", "void", "int;drop", "struct<a:int,>",
     "array<>", "'int'", "decimal(5,2", "struct<a:int NOT>"],
)  # fmt: skip
def test_what_delta_cannot_store_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(text)


def test_json_of_a_schema() -> None:
    inner = {"type": "struct", "fields": [{"name": "a b", "type": "long"}, {"name": "c", "type": "byte"}]}
    assert from_json({"type": "array", "elementType": inner}) == "array<struct<`a b`:bigint,c:tinyint>>"
    assert from_json({"type": "map", "keyType": "string", "valueType": "decimal(10,2)"}) == "map<string,decimal(10,2)>"
    with pytest.raises(ValueError, match="udt"):
        from_json({"type": "udt"})


types = st.recursive(
    st.sampled_from(["bigint", "int", "string", "date", "decimal(10,2)", "timestamp_ntz", "variant"]),
    lambda inner: st.one_of(
        inner.map(lambda t: f"array<{t}>"),
        inner.map(lambda t: f"map<string,{t}>"),
        st.lists(st.tuples(st.text("ab`c ", min_size=1, max_size=4), inner), min_size=1, max_size=3).map(
            lambda fields: "struct<" + ",".join(f"`{n.replace('`', '``')}`:{t}" for n, t in fields) + ">"
        ),
    ),
    max_leaves=6,
)


@given(types)
def test_canonical_is_its_own_canonical(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.text(max_size=30))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert canonical(canonical(text)) == canonical(text)


def test_spark_reads_the_same(spark: SparkSession) -> None:
    for text in TEXTS:
        parsed = spark.createDataFrame([], f"x {text}").schema["x"].dataType
        assert canonical(text) == parsed.simpleString(), text
        assert from_json(parsed.jsonValue()) == canonical(text)


def test_columns_as_ddl() -> None:
    text = "a int, b.c.element DATE COMMENT 'x, y', `d.e f` struct<g:long> NOT NULL, m : decimal(5)"
    assert fields(text) == [
        ("a", "int"), ("b.c.element", "date"), ("`d.e f`", "struct<g:bigint>"), ("m", "decimal(5,0)"),
    ]  # fmt: skip
    for wrong in ("", "a", "a int,", "a int b int", ".a int", "a. int"):
        with pytest.raises(ValueError, match="not a type"):
            fields(wrong)


def test_widening_is_deltas(spark: SparkSession) -> None:
    """Delta's own rule is asked for every pair."""
    kinds = ["tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp_ntz", "string", "decimal(5,2)",
             "decimal(8,3)", "decimal(12,2)", "decimal(9,0)", "decimal(10,0)", "decimal(22,2)", "boolean"]  # fmt: skip
    jvm = spark._jvm
    assert jvm is not None
    delta, parse = jvm.org.apache.spark.sql.delta.TypeWidening, jvm.org.apache.spark.sql.types.DataType.fromDDL
    pairs = [(now, then) for now in kinds for then in kinds if now != then]
    theirs = {(now, then) for now, then in pairs if delta.isTypeChangeSupported(parse(now), parse(then))}
    assert {(now, then) for now, then in pairs if widens(now, then)} == theirs
    assert ("int", "decimal(12,2)") in theirs
