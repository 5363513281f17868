"""The matrix of bad input: every broken file by its name, with what is in it counted and written down by hand."""

from __future__ import annotations

import bz2
import decimal
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet

ITEMS = """
truncated last line; garbage line; wrong encoding; NUL bytes; type clashes; 2,000-deep nesting; 60 MB line; UTF-16;
ragged rows short; ragged rows long; reordered columns; missing columns; new columns; duplicate columns;
differently cased columns; 20,001 columns; duplicate JSON keys; unclosed quote; CRLF inside quotes; doubled quotes;
NaN in JSON; single quotes in JSON; trailing garbage after a JSON object; empty file; header only; BOM; mixed line ends;
truncated gzip; garbage Parquet; zero-byte Parquet; text named .gz; vanished while reading; no permission
"""
"""Issue 5.6's list, word for word but for its commas."""

LONG = "x" * 60_000_000
DEEP = '{"a":' * 2000 + "1" + "}" * 2000
BRACES = DEEP.replace('"', "'")
WIDE = 20_001
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One file: its content, and what must come of it when it is read alone or beside others."""

    content: bytes | str
    records: int
    """Records that are in the file, counted by hand; each is loaded or in the quarantine, unless the file fails."""
    rows: Sequence[Row] = ()
    """Those that load: the columns that are not NULL."""
    raw: Sequence[str] = ()
    """Texts of those in the quarantine."""
    rescued: Sequence[Row] = ()
    """Fields that are in the rescued data."""
    failed: str = ""
    """A part of the ledger's error; the file fails as a whole."""
    suffix: str = ""


@dataclass(frozen=True)
class Table:
    """Cases that can be files of one Bronze table."""

    kind: str
    cases: Mapping[str, Case]
    options: Mapping[str, Any] = field(default_factory=dict)
    slow: frozenset[str] = frozenset()
    """Only by `make soak`, alone: Spark itself needs half a minute for so many columns."""


def _good(*rows: str) -> list[Row]:
    """`a1 b2` is the row with a = 1 and b = 2."""
    return [{item[0]: item[1:] for item in row.split()} for row in rows]


def _table(
    write: Callable[[pa.Table, io.BytesIO], None], columns: Mapping[str, Any] | Sequence[tuple[str, Any]]
) -> bytes:
    pairs = list(columns.items() if isinstance(columns, Mapping) else columns)
    out = io.BytesIO()
    write(pa.Table.from_arrays([pa.array(values) for _, values in pairs], names=[name for name, _ in pairs]), out)
    return out.getvalue()


def _parquet(**columns: Any) -> bytes:
    return _table(pa.parquet.write_table, columns)


def _orc(**columns: Any) -> bytes:
    return _table(pa.orc.write_table, columns)


def _nested(levels: int) -> pa.Array:
    value = pa.array([1])
    for _ in range(levels):
        value = pa.StructArray.from_arrays([value], ["x"])
    return value


def _compressed(codec: str, text: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(text.encode())
    return sink.getvalue().to_pybytes()


def _levels(number: int, value: Any) -> Any:
    for _ in range(number):
        value = {"x": value}
    return value


ABC = "a,b,c\n1,2,3\n4,5,6\n"
TWO = _good("a1 b2 c3", "a4 b5 c6")
HALF_GZIP = gzip.compress(("a,b,c\n" + "1,2,3\n" * 1000).encode())[:40]
NOT_GZIP = "incorrect header check"

CSV = Table(
    "csv",
    {
        "good": Case(ABC, 2, TWO),
        "truncated last line": Case("a,b,c\n1,2,3\n4,5", 2, _good("a1 b2 c3"), ["4,5"]),
        "garbage line": Case(b"a,b,c\n1,2,3\n\x01\xff\xfegarbage\n4,5,6\n", 3, TWO, ["\x01\ufffd\ufffdgarbage"]),
        "wrong encoding": Case("a,b,c\né,2,3\n4,5,6\n".encode("latin-1"), 2, TWO[1:], ['{"a":"\ufffd","b":"2","c":"3"}']),
        "wrong encoding of the header": Case("é,b,c\n1,2,3\n".encode("latin-1"), 1, failed="the header is not UTF-8"),
        "NUL bytes": Case(
            b'a,b,c\n\x00,2,\x00x\n"\x00\x00y","\x00",6\n',
            2,
            [{"a": "\0", "b": "2", "c": "\0x"}, {"a": "\0\0y", "b": "\0", "c": "6"}],
        ),
        "type clashes": Case(
            "a,n\n1,1\n2,x\n3,1.5\n4,\n5,007\n",
            5,
            [{"a": "1", "n": 1}, {"a": "2"}, {"a": "3"}, {"a": "4"}, {"a": "5", "n": 7}],
            rescued=[{"n": "x"}, {"n": "1.5"}],
        ),
        "2,000-deep nesting": Case(f"a,b,c\n{BRACES},2,3\n", 1, [{"a": BRACES, "b": "2", "c": "3"}]),
        "60 MB line": Case(f"a,b,c\n1,2,{LONG}\n4,5,6\n", 2, [{"a": "1", "b": "2", "c": LONG}, TWO[1]]),
        "UTF-16": Case("a,b,c\n1,é,3\n4,5,6\n".encode("utf-16"), 2, _good("a1 bé c3", "a4 b5 c6")),
        "UTF-16 without BOM": Case(ABC.encode("utf-16-le"), 2, failed="write `options: {encoding: UTF-16LE}`"),
        "UTF-16 cut in a sign": Case(ABC.encode("utf-16")[:-3], 2, TWO[:1], ['{"a":"4","b":"5","c":"\ufffd"}']),
        "ragged rows short": Case("a,b,c\n1\n1,2\n1,2,3\n", 3, TWO[:1], ["1", "1,2"]),
        "ragged rows long": Case("a,b,c\n1,2,3,4\n1,2,3\n1,2,3,\n", 3, TWO[:1], ["1,2,3,4", "1,2,3,"]),
        "reordered columns": Case("c,b,a\n3,2,1\n6,5,4\n", 2, TWO),
        "missing columns": Case("a,c\n1,3\n", 1, _good("a1 c3")),
        "new columns": Case("a,b,c,d\n1,2,3,4\n", 1, _good("a1 b2 c3 d4")),
        "duplicate columns": Case("a,b,b\n1,2,3\n", 1, [{"a": "1", "b1": "2", "b2": "3"}]),
        "differently cased columns": Case("A,B,C\n1,2,3\n", 1, TWO[:1]),
        "columns of the same name once they are plain": Case("a b,a-b,c\n1,2,3\n", 1, failed="'a b' and 'a-b'"),
        "20,001 columns": Case(
            ",".join(f"x{i}" for i in range(WIDE)) + "\n" + "7" + "," * (WIDE - 1) + "\n", 1, [{"x0": "7"}]
        ),
        "unclosed quote": Case('a,b,c\n1,2,3\n"1,2,3\n4,5,6\n', 3, TWO, ['"1,2,3']),
        "doubled quotes": Case('a,b,c\n"1 ""x""","2",""""\n', 1, [{"a": '1 "x"', "b": "2", "c": '"'}]),
        "empty file": Case("", 0),
        "header only": Case("a,b,c\n", 0),
        "BOM": Case(b"\xef\xbb\xbf" + ABC.encode(), 2, TWO),
        "mixed line ends": Case("a,b,c\n1,2,3\r\n4,5,6\n\r\n7,8,9\r10,11,12", 4, [*TWO, *_good("a7 b8 c9", "a10 b11 c12")]),
        "truncated gzip": Case(HALF_GZIP, 1000, failed="cannot be read", suffix=".gz"),
        "text named .gz": Case(ABC, 2, failed=NOT_GZIP, suffix=".gz"),
        "text named .gz again": Case(ABC, 2, failed=NOT_GZIP, suffix=".gz"),
        "gzip with garbage behind it": Case(gzip.compress(ABC.encode()) + b"garbage", 2, failed="cannot be read", suffix=".gz"),
        "truncated bz2": Case(bz2.compress(ABC.encode())[:-9], 2, failed="cannot be read", suffix=".bz2"),
        "text named .zst": Case(ABC, 2, failed="cannot be read", suffix=".zst"),
        "lz4 that only Hadoop reads": Case(_compressed("lz4", ABC), 2, failed="use .gz, .bz2 or .zst", suffix=".lz4"),
        "gzip of two parts": Case(gzip.compress(b"a,b,c\n1,2,3\n") + gzip.compress(b"4,5,6\n"), 2, TWO, suffix=".gz"),
        "bz2": Case(bz2.compress(ABC.encode()), 2, TWO, suffix=".bz2"),
        "zstd": Case(_compressed("zstd", ABC), 2, TWO, suffix=".zst"),
    },
    {"header": True},
    frozenset(["20,001 columns"]),
)  # fmt: skip

CSV_MULTI_LINE = Table(
    "csv",
    {
        "good": Case(ABC, 2, TWO),
        "CRLF inside quotes": Case(
            'a,b,c\r\n1,"x\r\ny",3\r\n4,"z\nw",6\r\n"7\r\n",8,9\r\n',
            3,
            [{"a": "1", "b": "x\r\ny", "c": "3"}, {"a": "4", "b": "z\nw", "c": "6"}, {"a": "7\r\n", "b": "8", "c": "9"}],
        ),
        "UTF-16": Case('a,b,c\r\n1,"x\r\ny",3\r\n'.encode("utf-16"), 1, [{"a": "1", "b": "x\r\ny", "c": "3"}]),
        "doubled quotes": Case('a,b,c\n"1\n""x""",2,3\n', 1, [{"a": '1\n"x"', "b": "2", "c": "3"}]),
        # the quote takes in all that follows: one record, whole in the quarantine
        "unclosed quote": Case('a,b,c\n1,2,3\n"1,2,3\n4,5,6\n', 2, TWO[:1], ['"1,2,3\n4,5,6']),
        "truncated last line": Case('a,b,c\n1,2,3\n4,"5', 2, TWO[:1], ['4,"5']),
        "wrong encoding": Case("a,b,c\né,2,3\n4,5,6\n".encode("latin-1"), 2, TWO[1:], ['{"a":"\ufffd","b":"2","c":"3"}']),
        "NUL bytes": Case(b'a,b,c\n"\x00\n",2,3\n', 1, [{"a": "\0\n", "b": "2", "c": "3"}]),
        "BOM": Case(b"\xef\xbb\xbf" + ABC.replace("\n", "\r\n").encode(), 2, TWO),
        "empty file": Case("", 0),
        "header only": Case("a,b,c\r\n", 0),
        "60 MB line": Case(f'a,b,c\n1,2,"\n{LONG}"\n4,5,6\n', 2, [{"a": "1", "b": "2", "c": "\n" + LONG}, TWO[1]]),
        "text named .gz": Case(ABC, 2, failed=NOT_GZIP, suffix=".gz"),
    },
    {"header": True, "multiLine": True},
)  # fmt: skip

CSV_LATIN_1 = Table(
    "csv",
    {
        "latin-1": Case("a,b,c\né,2,3\n".encode("latin-1"), 1, _good("aé b2 c3")),
        "good": Case(ABC, 2, TWO),
    },
    {"header": True, "encoding": "ISO-8859-1"},
)

A1, A2 = {"a": "1"}, {"a": "2"}

JSON = Table(
    "json",
    {
        "good": Case('{"a":1}\n{"a":2}\n', 2, [A1, A2]),
        "truncated last line": Case('{"a":1}\n{"a":2', 2, [A1], ['{"a":2']),
        "garbage line": Case('{"a":1}\ngarbage\n{"a":2}\n', 3, [A1, A2], ["garbage"]),
        "wrong encoding": Case('{"a":"é"}\n{"a":1}\n'.encode("latin-1"), 2, [A1], ['{"a":"\ufffd"}']),
        "NUL bytes": Case(b'{"a":"\x00"}\n{"a":"\\u0000"}\n', 2, [{"a": "\0"}], ['{"a":"\0"}']),
        "type clashes": Case(
            '{"x":{"y":1}}\n{"x":[1]}\n{"x":1.50}\n{"n":1}\n{"n":"z"}\n{"n":[2]}\n',
            6,
            [{"x": {"y": "1"}}, {"x": ["1"]}, {"x": "1.50"}, {"n": 1}, {}, {}],
            rescued=[{"n": "z"}, {"n": "[2]"}],
        ),
        "2,000-deep nesting": Case(f'{DEEP}\n{{"a":1}}\n', 2, [A1], [DEEP]),
        "60 MB line": Case(f'{{"a":"{LONG}"}}\n{{"a":1}}\n', 2, [{"a": LONG}, A1]),
        "UTF-16": Case('{"a":1}\n{"a":2}\n'.encode("utf-16"), 2, failed="write `options: {encoding: UTF-16}`"),
        "UTF-16 without BOM": Case('{"a":1}\n{"a":2}\n'.encode("utf-16-be"), 2, failed="encoding: UTF-16BE"),
        "reordered columns": Case('{"b":2,"a":1}\n', 1, [{"a": "1", "b": "2"}]),
        "missing columns": Case('{"b":2}\n{}\n', 2, [{"b": "2"}, {}]),
        "new columns": Case('{"a":1,"new":{"k":1}}\n', 1, [{"a": "1", "new": {"k": "1"}}]),
        "differently cased columns": Case('{"c":1,"C":2}\n{"C":3}\n', 2, [{"C": "2"}, {"C": "3"}], rescued=[{"c": "1"}]),
        "20,001 columns": Case("{" + ",".join(f'"x{i}":1' for i in range(WIDE)) + "}\n", 1, [{f"x{i}": "1" for i in range(WIDE)}]),
        "duplicate JSON keys": Case('{"a":1,"a":2}\n{"d":{"k":1,"k":2}}\n', 2, [A2, {"d": {"k": "2"}}]),
        "NaN in JSON": Case('{"a":NaN,"b":-Infinity}\n{"e":{"f":NaN}}\n', 2, [{"a": "NaN", "b": "-Infinity"}, {"e": {"f": "NaN"}}]),
        "single quotes in JSON": Case("{'a':'1','b':'\"'}\n", 1, [{"a": "1", "b": '"'}]),
        "trailing garbage after a JSON object": Case(
            '{"a":1} x\n{"a":1}{"a":2}\n{"a":2}\n{"a":1}}\n{"a":1}]\n[{"a":1}]]\n{"a":1},,\n',
            7,
            [A2],
            ['{"a":1} x', '{"a":1}{"a":2}', '{"a":1}}', '{"a":1}]', '[{"a":1}]]', '{"a":1},,'],
        ),
        "unclosed quote": Case('{"a":"1}\n{"a":2}\n', 2, [A2], ['{"a":"1}']),
        "doubled quotes": Case('{"a":"\\"1\\""}\n{"a":""1""}\n', 2, [{"a": '"1"'}], ['{"a":""1""}']),
        "half of a pair of surrogates": Case(r'{"a":"\ud83d"}' "\n" r'{"a":"\ud83d\ude00"}' "\n", 2, [{"a": "😀"}], [r'{"a":"\ud83d"}']),
        "90-deep nesting": Case('{"deep":' + '{"x":' * 89 + "1" + "}" * 90 + "\n", 1, [{"deep": _levels(32, _levels(57, "1"))}]),
        "a field without a name": Case('{"":1}\n{"g":{"":2}}\n', 2, [{"_": "1"}, {"g": {"_": "2"}}]),
        "numbers of any length": Case('{"a":' + "9" * 5000 + "}\n", 1, [{"a": "9" * 5000}]),
        "no objects": Case('1\n"x"\nnull\ntrue\n""\n[""]\n[[]]\n[null]\n[{"a":1},""]\n', 9, raw=["1", '"x"', "null", "true", '""', '[""]', "[[]]", "[null]", '[{"a":1},""]']),
        "arrays": Case('[{"a":1},{"a":2}]\n[]\n', 2, [A1, A2]),
        "empty file": Case("", 0),
        "blank lines": Case("\n \n", 0),
        "BOM": Case(b'\xef\xbb\xbf{"a":1}\n', 1, [A1]),
        "mixed line ends": Case('{"a":1}\r\n{"a":2}\n\r\n{"a":1}\r{"a":2}', 4, [A1, A2, A1, A2]),
        "truncated gzip": Case(gzip.compress(b'{"a":1}\n' * 1000)[:-20], 1000, failed="cannot be read", suffix=".gz"),
        "text named .gz": Case('{"a":1}\n', 1, failed="cannot be read", suffix=".gz"),
        "text named .gz again": Case('{"a":1}\n', 1, failed="cannot be read", suffix=".gz"),
        "text named .gz once more": Case('{"a":1}\n', 1, failed="cannot be read", suffix=".gz"),
        "text named .bz2": Case('{"a":1}\n', 1, failed="cannot be read", suffix=".bz2"),
        "bz2 cut at its end": Case(bz2.compress(b'{"a":1}\n')[:-10], 1, failed="cannot be read", suffix=".bz2"),
        "text named .snappy": Case('{"a":1}\n', 1, failed="use .gz, .bz2 or .zst", suffix=".snappy"),
        "bz2": Case(bz2.compress(b'{"a":1}\n'), 1, [A1], suffix=".bz2"),
        "zstd": Case(_compressed("zstd", '{"a":1}\n'), 1, [A1], suffix=".zst"),
    },
    slow=frozenset(["20,001 columns"]),
)  # fmt: skip

JSON_MULTI_LINE = Table(
    "json",
    {
        "good": Case('{\n"a":1\n}\n', 1, [A1]),
        "arrays": Case('[{"a":1},\n{"a":2}]\n', 2, [A1, A2]),
        "truncated last line": Case('[{"a":1},\n{"a":', 1, raw=['[{"a":1},\n{"a":']),
        "garbage line": Case('{"a":1}\ngarbage\n', 1, raw=['{"a":1}\ngarbage\n']),
        "wrong encoding": Case('{"a":"é"}'.encode("latin-1"), 1, raw=['{"a":"\ufffd"}']),
        "NUL bytes": Case(b'{"a":"\x00"}', 1, raw=['{"a":"\0"}']),
        "2,000-deep nesting": Case(DEEP, 1, raw=[DEEP]),
        "60 MB line": Case(f'{{\n"a":"{LONG}"}}\n', 1, [{"a": LONG}]),
        "UTF-16": Case('{"a":1}\n'.encode("utf-16"), 1, failed="write `options: {encoding: UTF-16}`"),
        "duplicate JSON keys": Case('{"a":1,\n"a":2}\n', 1, [A2]),
        "NaN in JSON": Case('{\n"a":NaN}\n', 1, [{"a": "NaN"}]),
        "single quotes in JSON": Case("{\n'a':'1'}\n", 1, [A1]),
        "trailing garbage after a JSON object": Case('{"a":1}\n}\n', 1, raw=['{"a":1}\n}\n']),
        "two objects": Case('{"a":1}\n{"a":2}\n', 1, raw=['{"a":1}\n{"a":2}\n']),
        "no objects": Case('[\n""]\n', 1, raw=['[\n""]\n']),
        "empty file": Case("", 0),
        "blank lines": Case("\n \n", 0),
        "BOM": Case(b'\xef\xbb\xbf{"a":1}\n', 1, [A1]),
        "mixed line ends": Case('{\r\n"a"\n:\r1}\n', 1, [A1]),
        "text named .gz": Case('{"a":1}\n', 1, failed="cannot be read", suffix=".gz"),
    },
    {"multiLine": True},
)


def _lines(*values: str) -> list[Row]:
    return [{"value": value} for value in values]


TEXT = Table(
    "text",
    {
        "good": Case("a\nb\n", 2, _lines("a", "b")),
        "truncated last line": Case("a\nb", 2, _lines("a", "b")),
        "garbage line": Case("a\n\x01\x02\n", 2, _lines("a", "\x01\x02")),
        "wrong encoding": Case("é\n".encode("latin-1"), 1, _lines("\ufffd")),  # as Python shows it: stored as it came
        "NUL bytes": Case(b"\x00\na\x00b\n", 2, _lines("\0", "a\0b")),
        "60 MB line": Case(f"{LONG}\na\n", 2, _lines(LONG, "a")),
        "empty file": Case("", 0),
        "blank lines": Case("\n \n", 2, _lines("", " ")),
        "BOM": Case(b"\xef\xbb\xbfa\n", 1, _lines("a")),
        "mixed line ends": Case("a\r\nb\nc\rd", 4, _lines("a", "b", "c", "d")),
        "truncated gzip": Case(HALF_GZIP, 1001, failed="cannot be read", suffix=".gz"),
        "text named .gz": Case("a\n", 1, failed="cannot be read", suffix=".gz"),
        "text named .snappy": Case("a\n", 1, failed="use .gz, .bz2 or .zst", suffix=".snappy"),
        "zstd": Case(_compressed("zstd", "a\n"), 1, _lines("a"), suffix=".zst"),
    },
)


def _typed(
    write: Callable[..., bytes], pairs: Callable[[Sequence[tuple[str, Any]]], bytes], kind: str
) -> dict[str, Case]:
    """What Parquet and ORC have in common."""
    good = write(a=["1", "2"], n=[1, 2])
    both = [{"a": "1", "n": 1}, {"a": "2", "n": 2}]
    invalid = pa.array([b"\xff", b"ok"]).view(pa.string())
    return {
        "good": Case(good, 2, both),
        f"truncated {kind}": Case(good[:-30], 2, failed="cannot be read"),
        f"garbage {kind}": Case(b"garbage" * 100, 2, failed="cannot be read"),
        f"zero-byte {kind}": Case(b"", 0, failed="cannot be read"),
        f"text named .{kind.lower()}": Case(ABC, 2, failed="cannot be read"),
        "wrong encoding": Case(write(a=invalid), 2, [{"a": "\ufffd"}, {"a": "ok"}]),  # as Python shows it
        "NUL bytes": Case(write(a=["\0", "x\0"]), 2, [{"a": "\0"}, {"a": "x\0"}]),
        "type clashes": Case(write(a=["3"], n=["x"]), 1, [{"a": "3"}], rescued=[{"n": "x"}]),
        "type clashes of numbers": Case(write(n=[1.5, 2.0]), 2, [{}, {"n": 2}], rescued=[{"n": "1.5"}]),
        # what is deeper than 32 levels is kept as JSON text, or nothing but Spark could read the table any more
        "90-deep nesting": Case(write(d=_nested(90)), 1, [{"d": _levels(32, _levels(58, "1"))}]),
        "200-deep nesting": Case(write(d=_nested(200)), 1, failed="nested"),
        "reordered columns": Case(write(n=[1], a=["1"]), 1, both[:1]),
        "missing columns": Case(write(n=[1]), 1, [{"n": 1}]),
        "new columns": Case(write(a=["1"], new=[7]), 1, [{"a": "1", "new": 7}]),
        "duplicate columns": Case(pairs([("a", ["1"]), ("a", ["2"])]), 1, failed="a"),
        "differently cased columns": Case(write(A=["1"], N=[1]), 1, both[:1]),
        "columns that differ by case only": Case(pairs([("a", ["1"]), ("A", ["2"])]), 1, failed="a"),
        "header only": Case(write(a=pa.array([], pa.string())), 0),
        "infinite numbers": Case(write(f=[float("inf"), None]), 2, [{"f": float("inf")}, {}]),
        "line ends": Case(write(a=["x\r\ny"]), 1, [{"a": "x\r\ny"}]),
    }  # fmt: skip


def _longer_footer(parquet: bytes) -> bytes:
    """As of a file with encrypted columns, whose footer is signed."""
    length = int.from_bytes(parquet[-8:-4], "little")
    return parquet[:-8] + bytes(28) + (length + 28).to_bytes(4, "little") + b"PAR1"


GOOD = _parquet(a=["1", "2"], n=[1, 2])
PARQUET = Table(
    "parquet",
    {
        **_typed(_parquet, lambda pairs: _table(pa.parquet.write_table, pairs), "Parquet"),
        "60 MB value": Case(_parquet(a=[LONG]), 1, [{"a": LONG}]),
        # Spark's error does not say in which file that is
        "number of more digits than its type": Case(
            _parquet(p=pa.array([decimal.Decimal(10**19)]).cast(pa.decimal128(20, 0)).view(pa.decimal128(19, 0))),
            1,
            failed="SparkArithmeticException",
        ),
        "garbage inside of Parquet": Case(GOOD[:4] + b"\xff" * 60 + GOOD[64:], 2, failed="cannot be read"),
        "footer that is longer than it says": Case(_longer_footer(GOOD), 2, failed="encrypted"),
    },
)
ORC = Table("orc", _typed(_orc, lambda pairs: _table(pa.orc.write_table, pairs), "ORC"))

TABLES = {
    "csv": CSV,
    "csv_multi_line": CSV_MULTI_LINE,
    "csv_latin_1": CSV_LATIN_1,
    "json": JSON,
    "json_multi_line": JSON_MULTI_LINE,
    "text": TEXT,
    "parquet": PARQUET,
    "orc": ORC,
}
