# ruff: noqa: DTZ001 - a time in the session's zone is what Spark takes and gives
from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from lakehouse.errors import StepError
from lakehouse.quality.casts import always_fits, castable, strict_cast

TEXTS = {
    "int": [
        ("1", 1), ("-7", -7), ("+5", 5), (" 12\t", 12), (" 12 ", 12), ("007", 7), ("2147483647", 2147483647),
        ("2147483648", None), ("1.0", None), ("1.5", None), ("1e3", None), ("", None), (" ", None), ("abc", None),
        ("0x10", None), ("1 2", None), ("--1", None), ("1L", None), ("true", None), (None, None),
    ],
    "tinyint": [("127", 127), ("128", None), ("-128", -128)],
    "bigint": [("9223372036854775807", 2**63 - 1), ("9223372036854775808", None)],
    "decimal(10,2)": [
        ("12.34", Decimal("12.34")), ("12.345", None), ("12.340", Decimal("12.34")), ("12.3", Decimal("12.30")),
        ("12", Decimal("12.00")), ("-0.01", Decimal("-0.01")), (".5", Decimal("0.50")), ("5.", Decimal("5.00")),
        ("12345678.99", Decimal("12345678.99")), ("123456789", None), ("1e3", Decimal("1000.00")),
        ("1234e-2", Decimal("12.34")), ("12345e-3", None), ("12340e-3", Decimal("12.34")), ("1.5E1", Decimal("15.00")),
        ("0.000", Decimal("0.00")), ("0e-9", Decimal("0.00")), ("0.001", None), ("NaN", None), ("", None), ("1,5", None),
        (" 1.50 ", Decimal("1.50")),
    ],
    "decimal(38,38)": [("0." + "1" * 38, Decimal("0." + "1" * 38)), ("0." + "1" * 39, None)],
    "double": [
        ("1.5", 1.5), ("1e3", 1000.0), ("0.1", 0.1), ("0.10000000000000001", 0.1), ("-.5", -0.5), ("5.", 5.0),
        ("1e400", None), ("Infinity", float("inf")), ("-inf", float("-inf")), ("9007199254740993", None),
        ("9007199254740992", 9007199254740992.0), ("1152921504606846976", 2.0**60), ("1.5d", None), ("1f", None),
        ("0x1p3", None), ("1,5", None), ("", None), ("12345678901234567890", None), ("10000000000000000000000", 1e22),
    ],
    "float": [("16777216", 16777216.0), ("16777217", None), ("1e39", None), ("0.5", 0.5)],
    "boolean": [
        ("true", True), ("T", True), ("yes", True), ("1", True), ("0", False), ("No", False), ("f", False),
        ("2", None), ("on", None), ("", None), (" true ", True),
    ],
    "date": [
        ("2013-01-31", dt.date(2013, 1, 31)), ("2013-1-3", dt.date(2013, 1, 3)), ("2013-02-30", None),
        ("2013-01-31 05:00:00", dt.date(2013, 1, 31)), ("2013-01-31T05:00:00Z", dt.date(2013, 1, 31)),
        ("2013-01-31 garbage", None), ("2013-01-31Tx", None), ("201301", None), ("20130131", None), ("31.1.2013", None),
        ("", None), (" 2013-01-31 ", dt.date(2013, 1, 31)), ("2013-13-01", None),
    ],
    "timestamp_ntz": [
        ("2013-01-31 05:00:00", dt.datetime(2013, 1, 31, 5)),
        ("2013-01-31T05:00:00+05:00", dt.datetime(2013, 1, 31, 5)), ("05:00", None), ("", None), ("x", None),
    ],
    "string": [(" a ", " a "), ("", ""), (None, None)],
}  # fmt: skip


@pytest.mark.parametrize("to_type", TEXTS)
def test_s29_text_fits_or_is_a_violation(spark, to_type):
    cases = TEXTS[to_type]
    frame = spark.createDataFrame([(i, text) for i, (text, _) in enumerate(cases)], "i int, t string").coalesce(1)
    got = [
        r["v"] for r in frame.select("i", strict_cast(frame["t"], "string", to_type).alias("v")).orderBy("i").collect()
    ]
    assert dict(zip(cases, got, strict=True)) == {case: case[1] for case in cases}


def test_s29_double_text_nan(spark):
    frame = spark.createDataFrame([("NaN",), ("nan",)], "t string")
    assert frame.select(strict_cast(frame["t"], "string", "double").alias("v")).where("isnan(v)").count() == 2


TYPED = [
    ("double", "int", "1.5D", None), ("double", "int", "2.0D", 2), ("double", "int", "1e30D", None),
    ("double", "int", "double('NaN')", None), ("double", "bigint", "-3.0D", -3),
    ("double", "decimal(10,2)", "12.345D", Decimal("12.35")), ("double", "decimal(10,2)", "1e12D", None),
    ("double", "float", "1e300D", None), ("double", "float", "double('inf')", float("inf")), ("double", "float", "0.1D", 0.10000000149011612),
    ("decimal(10,3)", "decimal(10,2)", "12.340BD", Decimal("12.34")), ("decimal(10,3)", "decimal(10,2)", "12.345BD", None),
    ("decimal(10,3)", "decimal(4,2)", "99.999BD", None), ("decimal(10,3)", "decimal(4,2)", "123.000BD", None),
    ("decimal(38,18)", "decimal(38,0)", "1.000000000000000000BD", Decimal(1)),
    ("decimal(38,18)", "decimal(38,0)", "cast('12345678901234567890.5' as decimal(38,18))", None),
    ("decimal(10,2)", "int", "5.00BD", 5), ("decimal(10,2)", "int", "5.50BD", None),
    ("decimal(20,0)", "int", "3000000000BD", None), ("decimal(38,18)", "bigint", "cast(9000000000000000000 as decimal(38,18))", 9000000000000000000),
    ("decimal(20,1)", "double", "0.1BD", 0.1), ("decimal(20,0)", "double", "9007199254740993BD", None),
    ("bigint", "int", "3000000000L", None), ("bigint", "int", "7L", 7), ("bigint", "double", "9007199254740993L", None),
    ("bigint", "double", "9007199254740992L", 9007199254740992.0), ("int", "float", "16777217", None),
    ("int", "decimal(3,1)", "100", None), ("int", "decimal(3,1)", "99", Decimal("99.0")), ("int", "boolean", "2", None),
    ("int", "boolean", "1", True), ("boolean", "int", "true", 1), ("boolean", "string", "true", "true"),
    ("date", "string", "date'2013-01-02'", "2013-01-02"), ("timestamp", "date", "timestamp'2013-01-02 03:04:05'", dt.date(2013, 1, 2)),
    ("int", "bigint", "5", 5), ("void", "int", "null", None), ("double", "string", "1.0D", "1.0"),
    ("struct<a:int>", "string", "named_struct('a', 1)", '{"a":1}'), ("int", "variant", "5", "5"),
    ("variant", "int", "parse_json('5')", 5), ("variant", "int", "parse_json('\"x\"')", None),
    ("timestamp", "bigint", "timestamp'2013-01-02 03:04:05.5'", None), ("timestamp", "bigint", "timestamp'1970-01-02 00:00:00'", 86400),
]  # fmt: skip


def test_s29_typed_values_fit_or_are_violations(spark):
    from pyspark.sql import functions as F

    got = {}
    columns = []
    for index, (from_type, to_type, literal, _) in enumerate(TYPED):
        typed = F.expr(literal) if from_type == "void" else F.expr(literal).cast(from_type)
        cast = strict_cast(F.col(f"c{index}"), from_type, to_type)
        columns.append(
            (typed.alias(f"c{index}"), (cast.cast("string") if to_type == "variant" else cast).alias(f"v{index}"))
        )
    frame = spark.range(1).select(*[c for c, _ in columns])
    row = frame.select(*[v for _, v in columns]).collect()[0]
    got = {case[:3]: row[f"v{i}"] for i, case in enumerate(TYPED)}
    assert got == {case[:3]: case[3] for case in TYPED}


NESTED = [
    ("array<string>", "array<int>", "array('1', ' 2', null)", [1, 2, None]),
    ("array<string>", "array<int>", "array('1', 'x')", None),
    ("array<string>", "array<int>", "array()", []),
    ("struct<a:string,b:string>", "struct<A:int,b:date>", "named_struct('a', '1', 'b', '2013-01-01')", (1, dt.date(2013, 1, 1))),
    ("struct<a:string,b:string>", "struct<a:int,b:date>", "named_struct('a', '1', 'b', 'x')", None),
    ("struct<a:string>", "struct<a:int,c:int>", "named_struct('a', null)", (None, None)),
    ("map<string,string>", "map<int,double>", "map('1', '2.5', '2', null)", {1: 2.5, 2: None}),
    ("map<string,string>", "map<int,double>", "map('x', '2.5')", None),
    ("array<struct<q:string>>", "array<struct<q:int>>", "array(named_struct('q', '3'), null)", [(3,), None]),
    ("array<struct<q:string>>", "array<struct<q:int>>", "array(named_struct('q', '3'), named_struct('q', 'y'))", None),
    ("array<struct<q:array<string>>>", "array<struct<q:array<int>>>", "array(named_struct('q', array('3')))", [([3],)]),
    ("array<string>", "array<int>", "cast(null as array<string>)", None),
]  # fmt: skip


def test_s29_one_part_that_does_not_fit_empties_the_whole(spark):
    from pyspark.sql import functions as F

    frame = spark.range(1).select(*[F.expr(lit).cast(a).alias(f"c{i}") for i, (a, _, lit, _) in enumerate(NESTED)])
    row = frame.select(
        *[strict_cast(F.col(f"c{i}"), a, b).alias(f"v{i}") for i, (a, b, _, _) in enumerate(NESTED)]
    ).collect()[0]
    assert [_plain(row[f"v{i}"]) for i in range(len(NESTED))] == [case[3] for case in NESTED]


def _plain(value):
    if isinstance(value, tuple):
        return tuple(_plain(v) for v in value)
    return [_plain(v) for v in value] if isinstance(value, list) else value


def test_s35_text_with_an_offset_is_that_instant_and_without_one_in_the_session_zone(spark):
    before = spark.conf.get("spark.sql.session.timeZone")
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        frame = spark.createDataFrame(
            [("2013-07-01 00:00:00",), ("2013-07-01T00:00:00+02:00",), ("12:30",)], "t string"
        ).coalesce(1)
        got = frame.select(strict_cast(frame["t"], "string", "timestamp").cast("bigint").alias("v")).collect()
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)
    assert [r["v"] for r in got] == [
        1372651200,
        1372629600,
        None,
    ]  # a time alone would be today's: another value tomorrow


def test_a_cast_that_can_never_work_is_refused(spark):
    from pyspark.sql import functions as F

    assert not castable("int", "date")
    with pytest.raises(StepError, match="int cannot become date"):
        strict_cast(F.col("a"), "int", "date")
    with pytest.raises(StepError, match="from_json"):
        strict_cast(F.col("a"), "string", "struct<a:int>").alias("x")


def test_always_fits():
    assert always_fits("int", "bigint")
    assert always_fits("date", "string")
    assert not always_fits("bigint", "int")
    assert not always_fits("string", "int")
