from __future__ import annotations

import pytest
from pyspark.sql.types import DataType

from lakehouse.sources.conform import common, fitting, storable, way
from lakehouse.sources.fields import Wanted
from lakehouse.sources.nested import DEEPEST

pytestmark = pytest.mark.usefixtures("spark")  # which reads the texts of types


def kind(text: str) -> DataType:
    return DataType.fromDDL(text)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("int", "int", "int"), ("int", "bigint", "bigint"), ("tinyint", "float", "float"), ("int", "float", "double"),
        ("bigint", "double", "string"), ("bigint", "float", "string"), ("int", "string", "string"),
        ("decimal(10,2)", "decimal(8,4)", "decimal(12,4)"), ("int", "decimal(5,2)", "decimal(12,2)"),
        ("decimal(38,0)", "decimal(38,10)", "string"), ("date", "timestamp_ntz", "timestamp_ntz"),
        ("date", "timestamp", "string"), ("timestamp", "timestamp_ntz", "string"), ("boolean", "int", "string"),
        ("struct<a:int,b:string>", "struct<c:date,A:bigint>", "struct<a:bigint,b:string,c:date>"),
        ("array<int>", "array<double>", "array<double>"), ("array<int>", "int", "string"),
        ("map<string,int>", "map<string,bigint>", "map<string,bigint>"),
        ("map<string,int>", "map<int,int>", "string"), ("struct<a:int>", "array<int>", "string"),
    ],
)  # fmt: skip
def test_a_type_for_the_values_of_both(one: str, other: str, both: str) -> None:
    assert common(kind(one), kind(other)).simpleString() == both
    assert common(kind(other), kind(one)).simpleString().casefold() in (both, "struct<c:date,a:bigint,b:string>")


def test_decimals_fit_where_no_digit_is_lost() -> None:
    assert fitting(kind("decimal(5,2)"), kind("decimal(7,4)"))
    assert not fitting(kind("decimal(5,2)"), kind("decimal(7,5)"))
    assert not fitting(kind("decimal(5,2)"), kind("decimal(5,1)"))
    assert fitting(kind("bigint"), kind("decimal(19,0)"))
    assert not fitting(kind("bigint"), kind("decimal(18,0)"))


@pytest.mark.parametrize(
    ("text", "stored"), [("time(6)", "string"), ("interval day to second", "string"), ("date", "date")]
)
def test_what_delta_does_not_store_is_text(text: str, stored: str) -> None:
    assert storable(kind(text)).simpleString() == stored


@pytest.mark.parametrize(
    ("came", "stored", "grown", "always"),
    [
        ("struct<b:int,a:string>", "struct<a:string,b:bigint>", "struct<a:string,b:bigint>", True),
        ("struct<a:int,n:int>", "struct<a:int>", "struct<a:int,n:int>", True),
        ("struct<a:bigint>", "struct<a:int>", "struct<a:int>", False),
        ("struct<a:int,A:int>", "struct<a:int>", "struct<a:int>", False),
        ("struct<a:struct<x:int,y:int>>", "struct<a:struct<x:int>>", "struct<a:struct<x:int,y:int>>", True),
        ("struct<a:int>", "string", "string", True),
        ("struct<a:int>", "array<int>", "array<int>", False),
        ("array<int>", "struct<a:int>", "struct<a:int>", False),
        ("array<struct<`a b`:int>>", None, "array<struct<a_b:int>>", True),
        ("map<string,struct<x:int>>", "map<string,struct<y:int>>", "map<string,struct<y:int,x:int>>", True),
        ("map<int,int>", "map<string,int>", "map<string,int>", False),
        ("struct<t:time(6)>", None, "struct<t:string>", True),
        ("struct<>", None, "string", True),
        ("int", "bigint", "bigint", True), ("bigint", "int", "int", False), ("date", "int", "int", False),
        ("int", "variant", "variant", True), ("binary", "variant", "variant", False), ("binary", "string", "string", False),
    ],
)  # fmt: skip
def test_the_way_of_a_value(came: str, stored: str | None, grown: str, always: bool) -> None:
    found = way(kind(came), kind(stored) if stored else None, Wanted({}))
    assert (found.stored.simpleString(), found.lost is None) == (grown, always)


def test_what_is_deeper_than_a_table_may_be_is_kept_as_json() -> None:
    came, stored = "int", "string"
    for level in range(40):
        came = f"struct<x:{came}>"
        stored = f"struct<x:{stored}>" if level < DEEPEST else stored
    assert way(kind(came), None, Wanted({})).stored.simpleString() == stored
    assert way(kind(came), None, Wanted({})).lost is None


def test_a_new_nested_field_has_no_place_where_types_do_not_evolve() -> None:
    found = way(kind("struct<a:int,z:int>"), kind("struct<a:int>"), Wanted({}, evolve=False))
    assert (found.stored.simpleString(), found.lost is None) == ("struct<a:int>", False)
