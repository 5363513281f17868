"""How tables are called: `<layer>.<table>`, everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOT_NULL = "_not_null"
"""End of the name of the constraint that keeps NULL out of a stored column, which Delta cannot make NOT NULL."""
LAYERS = ("bronze", "silver", "gold")
COMPANIONS = ("_quarantine", "_tombstones")
CONTROL = "_lakehouse"

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_identifier(text: str) -> bool:
    """Whether the text can be a table, column or variable name without quotes."""
    return bool(_IDENTIFIER.match(text))


def quoted(identifier: str) -> str:
    """The identifier in backticks, safe inside Spark SQL whatever it contains."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(text: str) -> str:
    """The text as a Spark SQL string literal, safe whatever it contains (backslash is an escape there)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, order=True)
class TableName:
    """A table or task of the project; `str()` gives `silver.flights`."""

    layer: str
    table: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.table}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Split `layer.table`; raises ValueError when it is not two identifiers."""
        layer, dot, table = text.partition(".")
        if not dot or not is_identifier(layer) or not is_identifier(table):
            raise ValueError(f"{text!r} is not a table name of the form layer.table")
        return cls(layer, table)

    def companion(self, suffix: str) -> TableName:
        """The table's `_quarantine` or `_tombstones` companion."""
        return TableName(self.layer, self.table + suffix)
