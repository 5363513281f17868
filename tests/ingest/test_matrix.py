"""For every broken file: rows loaded + rows quarantined = records in it, counted by hand, alone and beside all others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lakehouse.ingest.read import read_batch

if TYPE_CHECKING:
    from tests.ingest.feed import Feed

FAILED = -1


@dataclass(frozen=True)
class Case:
    content: bytes | str
    good: int
    """Rows that load; FAILED when the file cannot be taken as a whole."""
    bad: int = 0


CSV = {
    "whole": Case("a,b,c\n1,2,3\n4,5,6\n", 2),
    "truncated last line": Case("a,b,c\n1,2,3\n4,5", 1, 1),
    "garbage line": Case("a,b,c\n1,2,3\n\x01\x02garbage\n4,5,6\n", 2, 1),
    "wrong encoding": Case("a,b,c\né,2,3\n".encode("latin-1"), 1),
    "NUL bytes": Case(b"a,b,c\n\x00,2,\x00x\n1,2,3\n", 2),
    "UTF-16": Case("a,b,c\n1,é,3\n4,5,6\n".encode("utf-16"), 2),
    "short": Case("a,b,c\n1\n1,2\n1,2,3\n", 1, 2),
    "long": Case("a,b,c\n1,2,3,4\n1,2,3\n", 1, 1),
    "reordered": Case("c,b,a\n3,2,1\n", 1),
    "missing": Case("a,c\n1,3\n", 1),
    "new": Case("a,b,c,d\n1,2,3,4\n", 1),
    "duplicate": Case("a,b,b\n1,2,3\n", 1),
    "differently cased": Case("A,B,C\n1,2,3\n", 1),
    "unclosed quote": Case('a,b,c\n1,2,3\n"1,2,3\n4,5,6\n', 2, 1),
    "doubled quotes": Case('a,b,c\n"1 ""x""",2,"3"\n', 1),
    "empty": Case("", 0),
    "header only": Case("a,b,c\n", 0),
    "BOM": Case(b"\xef\xbb\xbfa,b,c\n1,2,3\n", 1),
    "mixed line ends": Case("a,b,c\n1,2,3\r\n4,5,6\n\r\n7,8,9\r10,11,12", 4),
    "20001 columns": Case(",".join(f"x{i}" for i in range(20_001)) + "\n" + "," * 20_000 + "\n", 1),
    "long line": Case("a,b,c\n1,2," + "x" * 5_000_000 + "\n4,5,6\n", 2),
    "same names": Case("a b,a-b,c\n1,2,3\n", FAILED),
}

JSON = {
    "whole": Case('{"a":1,"b":{"c":2}}\n{"a":2}\n', 2),
    "truncated last line": Case('{"a":1}\n{"a":2', 1, 1),
    "garbage line": Case('{"a":1}\ngarbage\n{"a":2}\n', 2, 1),
    "wrong encoding": Case('{"a":"é"}\n{"a":1}\n'.encode("latin-1"), 1, 1),
    "NUL bytes": Case(b'{"a":"\x00"}\n{"a":1}\n', 1, 1),
    "type clashes": Case('{"a":{"x":1}}\n{"a":[1]}\n{"b":3}\n{"b":{"c":{"d":1}}}\n', 4),
    "deep": Case('{"a":' * 2000 + "1" + "}" * 2000 + '\n{"a":1}\n', 1, 1),
    "duplicate keys": Case('{"a":1,"a":2}\n{"b":{"c":1,"c":2}}\n', 2),
    "NaN and single quotes": Case("{'a':NaN}\n{'b':{'c':'Infinity'}}\n", 2),
    "trailing garbage": Case('{"a":1} x\n{"a":1}{"a":2}\n{"a":3}\n', 1, 2),
    "differently cased": Case('{"a":1,"A":2}\n{"A":3}\n', 2),
    "empty": Case("", 0),
    "blank": Case("\n \n", 0),
    "BOM": Case(b'\xef\xbb\xbf{"a":1}\n', 1),
    "mixed line ends": Case('{"a":1}\r\n{"a":2}\n\r\n{"a":3}\r{"a":4}', 4),
    "long line": Case('{"a":"' + "x" * 25_000_000 + '"}\n{"a":1}\n', 2),
    "arrays": Case('[{"a":1},{"a":2}]\n[]\n', 2),
    "not objects": Case('1\n"x"\nnull\ntrue\n', 0, 4),
}


def check(feed: Feed, cases: dict[str, Case]) -> None:
    ingested = read_batch(feed.spark, feed.request())
    good = Counter(row[0].rsplit("/", 1)[-1] for row in ingested.frame.select("_source_file").collect())
    bad = Counter[str]()
    if ingested.bad is not None:
        bad.update(row[0].rsplit("/", 1)[-1] for row in ingested.bad.select("_source_file").collect())
    failed = {path.rsplit("/", 1)[-1] for path in ingested.failed}
    seen = {
        name: (FAILED, 0)
        if f"{name}.{feed.kind}" in failed
        else (good[f"{name}.{feed.kind}"], bad[f"{name}.{feed.kind}"])
        for name in cases
    }
    assert seen == {name: (case.good, case.bad) for name, case in cases.items()}


SLOW = {"20001 columns": pytest.mark.soak}  # half a minute, of which Spark itself needs as much for a plain read


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in CSV])
def test_csv_alone(csv_feed: Feed, name: str) -> None:
    csv_feed.put(f"{name}.csv", CSV[name].content)
    check(csv_feed, {name: CSV[name]})


@pytest.mark.parametrize("name", JSON)
def test_json_alone(json_feed: Feed, name: str) -> None:
    json_feed.put(f"{name}.json", JSON[name].content)
    check(json_feed, {name: JSON[name]})


def test_csv_all_in_one_batch(csv_feed: Feed) -> None:
    cases = {name: case for name, case in CSV.items() if name != "20001 columns"}
    for name, case in cases.items():
        csv_feed.put(f"{name}.csv", case.content)
    check(csv_feed, cases)


def test_json_all_in_one_batch(json_feed: Feed) -> None:
    for name, case in JSON.items():
        json_feed.put(f"{name}.json", case.content)
    check(json_feed, JSON)
