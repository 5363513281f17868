"""Type texts: Spark's `simpleString`, without Spark."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.lake.types import canonical, from_json

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
