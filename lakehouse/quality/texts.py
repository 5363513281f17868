"""Values as text: what counts as white space, how a rejected value is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

WHITESPACE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
"""All that Unicode and Python call white space, with tab, CR, NBSP and the wide blank (S37)."""

SHOWN = 1000
"""Characters of a rejected value that `_failures` keeps; the whole value is in the row itself."""


def trimmed(column: Column) -> Column:
    """The text without white space at its ends."""
    from pyspark.sql import functions as F

    return F.btrim(column, F.lit(WHITESPACE))


def is_complex(type_text: str) -> bool:
    """Whether values of the type have parts, so that JSON shows them best."""
    return type_text.startswith(("struct<", "array<", "map<")) or type_text == "variant"


def as_text(column: Column, type_text: str) -> Column:
    """The value as text: JSON for values with parts, hexadecimal digits for bytes, else as Spark casts it."""
    from pyspark.sql import functions as F

    if is_complex(type_text):
        return F.to_json(column)
    if type_text == "binary":
        return F.hex(column)
    return column if type_text == "string" else column.cast("string")


def value_text(column: Column, type_text: str) -> Column:
    """The value as text for people, cut at a length that a log can bear."""
    from pyspark.sql import functions as F

    return F.substring(as_text(column, type_text), 1, SHOWN)


def scalar_text(value: str | int | float | bool) -> str:
    """A value of a file as Spark would print it: `true`, `5`, `1.5`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
