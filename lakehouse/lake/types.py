"""Column types as one canonical text each: Spark's `simpleString` (`bigint`, `decimal(10,2)`, `struct<a:int>`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from lakehouse.names import is_identifier, quoted

_PRIMITIVES = {
    "bigint": "bigint", "long": "bigint",
    "int": "int", "integer": "int",
    "smallint": "smallint", "short": "smallint",
    "tinyint": "tinyint", "byte": "tinyint",
    "string": "string",
    "double": "double",
    "float": "float", "real": "float",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp", "timestamp_ltz": "timestamp",
    "timestamp_ntz": "timestamp_ntz",
    "binary": "binary",
    "variant": "variant",
}  # fmt: skip
_DECIMALS = ("decimal", "dec", "numeric")
_TOKEN = re.compile(r"\s*(?:(`(?:[^`]|``)+`)|([A-Za-z0-9_]+)|('(?:[^'\\]|\\.)*')|([<>(),:.]))")


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The canonical text of a SQL type, as in `canonical("Struct<a INT, b: Long>") == "struct<a:int,b:bigint>"`.

    Raises ValueError for anything that Delta cannot store as a column of that very type.
    """
    parser = _Parser(text)
    found = parser.type()
    parser.end()
    return found


def fields(text: str) -> list[tuple[str, str]]:
    """(name, canonical type) of columns written as in a CREATE TABLE, as in `fields("a int, b.c DATE, `d e` long")`.

    A name with dots is the path of a nested field, as it is written. Raises ValueError for what is no such list.
    """
    parser = _Parser(text)
    found = [parser.column()]
    while parser.peek() == ",":
        parser.next()
        found.append(parser.column())
    parser.end()
    return found


def from_json(type_json: Any) -> str:
    """The canonical text of a type as Delta's schema has it: a name, or a map for struct, array and map."""
    if isinstance(type_json, str):
        return canonical(type_json)
    if isinstance(type_json, Mapping):
        match type_json.get("type"):
            case "struct":
                return struct([(field["name"], from_json(field["type"])) for field in type_json["fields"]])
            case "array":
                return f"array<{from_json(type_json['elementType'])}>"
            case "map":
                return f"map<{from_json(type_json['keyType'])},{from_json(type_json['valueType'])}>"
    raise ValueError(f"{type_json!r} is not a type of a Delta schema")


_WIDER = {
    "tinyint": ("smallint", "int", "bigint", "double"),
    "smallint": ("int", "bigint", "double"),
    "int": ("bigint", "double"),
    "float": ("double",),
    "date": ("timestamp_ntz",),
}
_WHOLE_DIGITS = {"tinyint": 10, "smallint": 10, "int": 10, "bigint": 20}
"""Digits before the point that Delta wants of a decimal which such a column becomes."""


def widens(now: str, then: str) -> bool:
    """Whether Delta can change a column of the one plain type to the other in place (`delta.enableTypeWidening`)."""
    if then in _WIDER.get(now, ()):
        return True
    before, after = decimal_parts(now) or (_WHOLE_DIGITS.get(now, 0), 0), decimal_parts(then)
    if after is None or not before[0] or now == then:
        return False
    return after[1] >= before[1] and after[0] - after[1] >= before[0] - before[1]


def widest(texts: Iterable[str]) -> str | None:
    """The one of these types to which all others widen without loss; None where there is none."""
    some = list(dict.fromkeys(texts))
    return next((text for text in some if all(other == text or widens(other, text) for other in some)), None)


def decimal_parts(text: str) -> tuple[int, int] | None:
    """Precision and scale of a decimal's canonical text; None for any other type."""
    match = re.fullmatch(r"decimal\((\d+),(\d+)\)", text)
    return (int(match[1]), int(match[2])) if match else None


def struct(fields: Sequence[tuple[str, str]]) -> str:
    """The text of a struct of these (name, canonical type) pairs; an unusual name is put in backticks."""
    return "struct<" + ",".join(f"{n if is_identifier(n) else quoted(n)}:{t}" for n, t in fields) + ">"


class _Parser:
    """Recursive descent over one type text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"{text!r} is not a type: unexpected {text[at:].strip()[:20]!r}")
            self.tokens.append(found.group().strip())
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.next() != token:
            raise ValueError(f"{self.text!r} is not a type: {token!r} is missing")

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise ValueError(f"{self.text!r} is not a type: unexpected {self.peek()!r}")

    def type(self) -> str:
        word = self.next()
        name = word.lower()
        if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        if name in _DECIMALS:
            return self.decimal()
        match name:
            case "array":
                self.expect("<")
                element = self.type()
                self.expect(">")
                return f"array<{element}>"
            case "map":
                self.expect("<")
                key = self.type()
                self.expect(",")
                value = self.type()
                self.expect(">")
                return f"map<{key},{value}>"
            case "struct":
                return self.struct()
            case "char" | "varchar" | "character":
                raise ValueError(f"{self.text!r}: use string, and an expectation for its length")
            case "interval" | "void" | "null":
                raise ValueError(f"{self.text!r}: Delta cannot store {name}")
        raise ValueError(f"{self.text!r} is not a type: {word or 'nothing'!r} is unknown")

    def decimal(self) -> str:
        if self.peek() != "(":
            return "decimal(10,0)"
        self.next()
        precision, scale = self.number(), 0
        if self.peek() == ",":
            self.next()
            scale = self.number()
        self.expect(")")
        if not 1 <= precision <= 38 or scale > precision:
            raise ValueError(f"{self.text!r}: a decimal has 1 to 38 digits, and not more behind the point than that")
        return f"decimal({precision},{scale})"

    def number(self) -> int:
        token = self.next()
        if not token.isdigit():
            raise ValueError(f"{self.text!r} is not a type: {token or 'nothing'!r} is not a number")
        return int(token)

    def struct(self) -> str:
        self.expect("<")
        fields: list[tuple[str, str]] = []
        while self.peek() != ">":
            if fields:
                self.expect(",")
            fields.append(self.field())
        self.next()
        return struct(fields)

    def column(self) -> tuple[str, str]:
        parts = [self.name()]
        while self.peek() == ".":
            self.next()
            parts.append(self.name())
        return ".".join(parts), self.typed()

    def field(self) -> tuple[str, str]:
        word = self.name()
        return word[1:-1].replace("``", "`") if word.startswith("`") else word, self.typed()

    def name(self) -> str:
        word = self.next()
        if not re.fullmatch(r"`.*`|[A-Za-z0-9_]+", word, re.DOTALL):
            raise ValueError(f"{self.text!r} is not a type: {word or 'nothing'!r} is not a field's name")
        return word

    def typed(self) -> str:
        if self.peek() == ":":
            self.next()
        found = self.type()
        if self.peek().lower() == "not":
            self.next()
            if self.next().lower() != "null":
                raise ValueError(f"{self.text!r} is not a type: NOT without NULL")
        if self.peek().lower() == "comment":
            self.next()
            if not self.next().startswith("'"):
                raise ValueError(f"{self.text!r} is not a type: COMMENT without a text in quotes")
        return found
