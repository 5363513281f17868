"""Values that a query found as literals of the next one: the types that can order versions or skip files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.errors import StepError
from lakehouse.quality.binding import sql_literal
from lakehouse.quality.rows import type_text

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

_AS_TEXT = "tinyint smallint int bigint float double boolean timestamp_ntz".split()


def told(value: Column, kind: DataType) -> Column:
    """What `literal` makes a literal of: nothing that depends on a time zone or on how Python keeps a value."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    if isinstance(kind, StructType):
        parts = [told(value[field.name], field.dataType).alias(f"v{i}") for i, field in enumerate(kind.fields)]
        return F.when(value.isNotNull(), F.struct(*parts))
    match kind.simpleString():
        case "timestamp":
            return F.unix_micros(value)
        case "date":
            return F.unix_date(value)
        case "binary":
            return F.hex(value)
        case _:
            return value.cast("string")


def literal(value: Any, kind: DataType) -> str:
    """SQL for what `told` gave; raises StepError for a type whose values cannot be written down."""
    from pyspark.sql.types import StructType

    text = type_text(kind)
    if value is None:
        return f"CAST(NULL AS {text})"
    if isinstance(kind, StructType):
        parts = (f"'f{i}', {literal(value[i], field.dataType)}" for i, field in enumerate(kind.fields))
        return f"CAST(named_struct({', '.join(parts)}) AS {text})"
    match text:
        case "timestamp":
            return f"timestamp_micros({value})"
        case "date":
            return f"date_from_unix_date({value})"
        case "binary":
            return f"X'{value}'"
        case "string":
            return sql_literal(value)
    if text in _AS_TEXT or text.startswith("decimal"):
        return f"CAST('{value}' AS {text})"
    raise StepError(f"a value of type {text} cannot be compared by a merge", code="merge.sequence_by")


def skips(kind: DataType) -> bool:
    """Whether Delta skips files by bounds of a column of this type; floats are left out for NaN."""
    text = kind.simpleString()
    return text in "tinyint smallint int bigint string date timestamp timestamp_ntz".split() or text.startswith(
        "decimal"
    )
