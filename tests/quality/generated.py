"""Rows with NULLs and edge values, the same in every run."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

COLUMNS = {
    "n": ("int", [None, 0, 1, 2, 3, 3, -5, 7, 2147483647]),
    "b": ("bigint", [None, 0, 1, 2, 2, -(2**53), 2**53]),
    "x": ("double", [None, 0.0, -0.0, 1.5, 3.0, 3.0, -2.25, 1e6]),
    "d": ("decimal(10,2)", [None, *map(Decimal, ("0.00", "1.00", "1.50", "-7.25", "99.99", "12345678.90"))]),
    "t": ("string", [None, "", "a", "a", "b", "abc", "50%", " x", "ö"]),
    "day": ("date", [None, dt.date(2013, 1, 1), dt.date(2012, 12, 31), dt.date(2024, 2, 29), dt.date(9999, 12, 31)]),
    "flag": ("boolean", [None, True, False]),
    "y": ("double", [None, float("nan"), float("inf"), float("-inf"), 1.0, 2.0]),
    "j": (
        "string",
        [
            None,
            '{"a": 1, "a": 2}',
            "[1, 2]",
            "1",
            "null",
            '"x"',
            "NaN",
            "-Infinity",
            "INF",
            "+Infinity",
            '"INF"',
            '"a\\"INF"',
            "1 2",
            "{} x",
            "",
            " ",
            "01",
            "1.",
            ".5",
            "1e400",
            "{'a': 1}",
            "{a: 1}",
            "[1,]",
            '"a\tb"',
            '"\\x"',
            "True",
            '{"a": 1',
            "1] [2",
            '1, "b": 2',
            '1} {"a": 1',
            "1, 2",
            "/**/1",
            " {} ",
        ],
    ),
    "w": (
        "string",
        [
            None,
            "2013-01-31",
            "2013-02-29",
            "2024-02-29",
            "2013-1-5",
            "2013-01- 5",
            "0000-01-01",
            "13-01-31",
            "31.12.99",
            "29.02.00",
            "29.2.01",
            "10:20:30.5",
            "10:20:60.0",
            "10:20:61.0",
            "7:8:9.123456",
            "7:8:9.1234567",
            "Jan 5 2013",
            "JAN  05 2013",
            "Feb 30 2013",
            "Tuesday, 1 January 2013 05:17 PM",
            "tuesday, 31 april 2013 12:00 am",
            "Monday, 1 May 2013 13:00 PM",
            "2013-01-31T10:20:30Z",
            "31%",
            "00%",
            "2013-01-31T10:20:30+0100",
            "2013-01-31T10:20:30+01:00:30",
            "2013-01-31T10:20:30z",
            "",
            "2013-01-31 ",
        ],
    ),
}
DDL = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())


def rows(seed, count):
    chance = random.Random(seed)
    return [tuple(chance.choice(values) for _, values in COLUMNS.values()) for _ in range(count)]


def frames(spark):
    """Frames by name: many rows, few, all NULL, and one row."""
    shapes = {"many": rows(1, 100), "few": rows(2, 5), "nulls": [(None,) * len(COLUMNS)] * 3, "one": rows(3, 1)}
    return {name: spark.createDataFrame(found, DDL).coalesce(1).localCheckpoint() for name, found in shapes.items()}
