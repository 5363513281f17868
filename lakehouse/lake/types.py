"""Column types as one canonical text each: Spark's `simpleString` (`bigint`, `decimal(10,2)`, `struct<a:int>`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
_TOKEN = re.compile(r"\s*(?:(`(?:[^`]|``)+`)|([A-Za-z0-9_]+)|('(?:[^'\\]|\\.)*')|([<>(),:]))")


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The canonical text of a SQL type, as in `canonical("Struct<a INT, b: Long>") == "struct<a:int,b:bigint>"`.

    Raises ValueError for anything that Delta cannot store as a column of that very type.
    """
    parser = _Parser(text)
    found = parser.type()
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

    def field(self) -> tuple[str, str]:
        word = self.next()
        if word.startswith("`"):
            name = word[1:-1].replace("``", "`")
        elif re.fullmatch(r"[A-Za-z0-9_]+", word):
            name = word
        else:
            raise ValueError(f"{self.text!r} is not a type: {word or 'nothing'!r} is not a field's name")
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
        return name, found
