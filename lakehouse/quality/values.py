"""Values of any type, compared and hashed: maps and variants, which Spark does neither, by their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakehouse.names import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column

_TO_THE_MICROSECOND = (
    "map('timestampFormat', 'yyyy-MM-dd''T''HH:mm:ss.SSSSSSXXX', "
    "'timestampNTZFormat', 'yyyy-MM-dd''T''HH:mm:ss.SSSSSS')"
)
"""Of a time Spark's JSON has milliseconds unless it is told."""


def comparable(sql: str, type_text: str) -> str:
    """SQL whose value can be compared by `<=>` and hashed, for a column of any type."""
    if "map<" in type_text or "variant" in type_text:
        return f"to_json(struct({sql}), {_TO_THE_MICROSECOND})"
    return sql


def comparable_grown(sql: str) -> str:
    """SQL whose value can be compared by `<=>` with one that lacks nested fields: NULL there is the same as missing."""
    return f"to_json(struct({sql} AS value), {_TO_THE_MICROSECOND})"


def hashed(columns: Mapping[str, str]) -> Column:
    """A hash of a row's values in these columns (name -> type), in whatever order they are given."""
    from pyspark.sql import functions as F

    # xxhash64 passes over NULLs, so (a, NULL) and (NULL, a) need the flags to differ
    parts: list[str] = []
    for name, text in sorted(columns.items(), key=lambda column: column[0].casefold()):
        parts += [comparable(quoted(name), text), f"{quoted(name)} IS NULL"]
    return F.expr(f"xxhash64({', '.join(parts)})") if parts else F.lit(0).cast("bigint")
