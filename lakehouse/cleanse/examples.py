"""An example of every cleansing rule: the reference shows it, and a test runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = Sequence[Mapping[str, Any]]
"""Rows as JSON has them; what a row leaves out is NULL."""


@dataclass(frozen=True)
class Example:
    """Rows before and after a rule."""

    rule: str
    """As it stands in the file, without the dash."""
    columns: str
    """Names and types before it, as in DDL."""
    before: Rows
    after: Rows
    """All columns, in any order of the rows."""
    rejected: Mapping[str, str] = field(default_factory=dict)
    """Violation -> the value that broke it."""
    tables: Mapping[str, tuple[str, Rows]] = field(default_factory=dict)
    """Other tables: columns and rows."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files in the project's folder, with their text."""


_PLANES = ("tailnum string, seats int", [{"tailnum": "N1", "seats": 149}, {"tailnum": "N3", "seats": 2}])
_FARES = (
    "carrier string, fare int, valid_from date, valid_to date, is_current boolean",
    [
        {"carrier": "UA", "fare": 90, "valid_to": "2013-06-01", "is_current": False},
        {"carrier": "UA", "fare": 99, "valid_from": "2013-06-01", "is_current": True},
    ],
)
_AVRO = '{"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}]}'

EXAMPLES: Mapping[str, Example] = {
    "as_of_join": Example(
        "as_of_join: {table: silver.fares, using: carrier, at: day, select: fare}",
        "carrier string, day date",
        [
            {"carrier": "UA", "day": "2013-05-31"},
            {"carrier": "UA", "day": "2013-06-01"},
            {"carrier": "AA", "day": "2013-06-01"},
        ],
        [
            {"carrier": "UA", "day": "2013-05-31", "fare": 90},
            {"carrier": "UA", "day": "2013-06-01", "fare": 99},
            {"carrier": "AA", "day": "2013-06-01", "fare": None},
        ],
        tables={"silver.fares": _FARES},
    ),
    "cast": Example(
        "cast: {delay: int}", "delay string", [{"delay": " 15 "}, {"delay": "1.5"}], [{"delay": 15}],
        rejected={"cast.delay": "1.5"},
    ),
    "deduplicate": Example(
        "deduplicate: {keys: id, order_by: at desc}", "id int, at int, v string",
        [{"id": 1, "at": 1, "v": "a"}, {"id": 1, "at": 2, "v": "b"}, {"id": 2, "at": 1, "v": "c"}],
        [{"id": 1, "at": 2, "v": "b"}, {"id": 2, "at": 1, "v": "c"}],
    ),
    "derive": Example(
        'derive: {day: "make_date(year, month, 1)", late: delay > 15}', "year int, month int, delay int",
        [{"year": 2013, "month": 1, "delay": 20}],
        [{"year": 2013, "month": 1, "delay": 20, "day": "2013-01-01", "late": True}],
    ),
    "drop": Example("drop: [note]", "id int, note string", [{"id": 1, "note": "x"}], [{"id": 1}]),
    "explode": Example(
        "explode: {column: stops, into: stop, position: n}", "id int, stops array<string>",
        [{"id": 1, "stops": ["EWR", "ORD"]}, {"id": 2, "stops": []}],
        [{"id": 1, "n": 0, "stop": "EWR"}, {"id": 1, "n": 1, "stop": "ORD"}],
    ),
    "explode_outer": Example(
        "explode_outer: {column: stops}", "id int, stops array<string>",
        [{"id": 1, "stops": ["EWR", "ORD"]}, {"id": 2, "stops": []}],
        [{"id": 1, "stops": "EWR"}, {"id": 1, "stops": "ORD"}, {"id": 2, "stops": None}],
    ),
    "fill_null": Example(
        "fill_null: {delay: 0}", "id int, delay int", [{"id": 1}, {"id": 2, "delay": 5}],
        [{"id": 1, "delay": 0}, {"id": 2, "delay": 5}],
    ),
    "filter": Example(
        "filter: delay > 15", "delay int", [{"delay": 20}, {"delay": 3}, {"delay": None}], [{"delay": 20}]
    ),
    "flatten": Example(
        "flatten: [at]", "id int, at struct<x: int, y: int>", [{"id": 1, "at": {"x": 2, "y": 3}}],
        [{"id": 1, "at_x": 2, "at_y": 3}],
    ),
    "from_avro": Example(
        f"from_avro: {{column: raw, schema: '{_AVRO}', into: r}}", "raw binary", [{"raw": "Ag=="}],
        [{"raw": "Ag==", "r": {"a": 1}}],
    ),
    "from_csv": Example(
        'from_csv: {column: line, schema: "id int, name string", into: r}', "line string",
        [{"line": "1,x"}, {"line": "one,x"}],
        [{"line": "1,x", "r": {"id": 1, "name": "x"}}], rejected={"from_csv.line": "one,x"},
    ),
    "from_json": Example(
        'from_json: {column: text, schema: "id int, tags array<string>", into: r}', "text string",
        [{"text": '{"id": 1, "tags": ["a"]}'}, {"text": "{"}],
        [{"text": '{"id": 1, "tags": ["a"]}', "r": {"id": 1, "tags": ["a"]}}], rejected={"from_json.text": "{"},
    ),
    "from_xml": Example(
        'from_xml: {column: text, schema: "id int, tag array<string>", into: r}', "text string",
        [{"text": "<r><id>1</id><tag>a</tag><tag>b</tag></r>"}, {"text": "<r><id>1</id><id>2</id></r>"}],
        [{"text": "<r><id>1</id><tag>a</tag><tag>b</tag></r>", "r": {"id": 1, "tag": ["a", "b"]}}],
        rejected={"from_xml.text": "<r><id>1</id><id>2</id></r>"},
    ),
    "hash": Example(
        "hash: {into: key, columns: [a, b]}", "a string, b int", [{"a": "x", "b": 1}],
        [{"a": "x", "b": 1, "key": "cdab067e9f3beb32d1252cfd63e492592fecbf591b0d08cadb24bb17f3864246"}],
    ),
    "join": Example(
        "join: {table: silver.planes, using: tailnum}", "flight int, tailnum string",
        [{"flight": 1, "tailnum": "N1"}, {"flight": 2, "tailnum": "N2"}, {"flight": 3}],
        [
            {"flight": 1, "tailnum": "N1", "seats": 149},
            {"flight": 2, "tailnum": "N2", "seats": None},
            {"flight": 3, "tailnum": None, "seats": None},
        ],
        tables={"silver.planes": _PLANES},
    ),
    "lower": Example("lower: [mail]", "mail string", [{"mail": "Ann@X.org"}], [{"mail": "ann@x.org"}]),
    "mask": Example(
        "mask: {columns: [card], keep_last: 4}", "card string",
        [{"card": "4000123412341234"}], [{"card": "************1234"}],
    ),
    "null_if": Example(
        'null_if: {columns: [tailnum], values: ["", "NA"]}', "tailnum string", [{"tailnum": "NA"}, {"tailnum": "N1"}],
        [{"tailnum": None}, {"tailnum": "N1"}],
    ),
    "parse_json": Example(
        "parse_json: [v]", "v string", [{"v": '{"a": [1, "x"]}'}, {"v": "{"}], [{"v": {"a": [1, "x"]}}],
        rejected={"parse_json.v": "{"},
    ),
    "pivot": Example(
        "pivot: {by: id, column: kind, values: [a, b], measures: {n: sum(n)}}", "id int, kind string, n int",
        [{"id": 1, "kind": "a", "n": 2}, {"id": 1, "kind": "a", "n": 3}, {"id": 1, "kind": "c", "n": 9}],
        [{"id": 1, "a": 5, "b": None}],
    ),
    "python": Example(
        "python: mine.rules:double", "id int, n int", [{"id": 1, "n": 2}], [{"id": 1, "n": 4}],
        files={"mine/rules.py": 'def double(rows):\n    return rows.withColumn("n", rows.n * 2)\n'},
    ),
    "regexp_extract": Example(
        "regexp_extract: {column: route, pattern: '^(\\w+)-', into: origin}", "route string", [{"route": "EWR-ORD"}],
        [{"route": "EWR-ORD", "origin": "EWR"}],
    ),
    "regexp_replace": Example(
        "regexp_replace: {column: phone, pattern: '[^0-9]', replacement: ''}", "phone string",
        [{"phone": "+1 (555) 01"}],
        [{"phone": "155501"}],
    ),
    "rename": Example("rename: {dest: destination}", "id int, dest string", [{"id": 1, "dest": "ORD"}],
                      [{"id": 1, "destination": "ORD"}]),
    "replace": Example(
        "replace: {columns: [carrier], values: {UA: United}}", "carrier string", [{"carrier": "UA"}, {"carrier": "AA"}],
        [{"carrier": "United"}, {"carrier": "AA"}],
    ),
    "select": Example("select: [b, a]", "a int, b int, c int", [{"a": 1, "b": 2, "c": 3}], [{"b": 2, "a": 1}]),
    "sql": Example(
        "sql: SELECT i.flight, p.seats FROM input i JOIN silver.planes p USING (tailnum) WHERE p.seats > 10",
        "flight int, tailnum string", [{"flight": 1, "tailnum": "N1"}, {"flight": 2, "tailnum": "N3"}],
        [{"flight": 1, "seats": 149}], tables={"silver.planes": _PLANES},
    ),
    "trim": Example("trim: [origin]", "origin string", [{"origin": " EWR\t"}], [{"origin": "EWR"}]),
    "unpivot": Example(
        "unpivot: {columns: [jan, feb], name: month, value: sales}", "id int, jan int, feb int", [{"id": 1, "jan": 5}],
        [{"id": 1, "month": "jan", "sales": 5}, {"id": 1, "month": "feb", "sales": None}],
    ),
    "upper": Example("upper: [origin]", "origin string", [{"origin": "ewr"}], [{"origin": "EWR"}]),
}  # fmt: skip
"""Word -> its example."""
