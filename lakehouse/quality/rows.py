"""The hidden columns that travel with the rows of a step: the row as it came in, and what each rule found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lakehouse.lake import types
from lakehouse.names import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

INPUT = "__input"
"""Hidden struct of the row as read (S55); only a rejected row ever has it computed."""
DELETE, TRUNCATE = "__delete", "__truncate"
"""Hidden columns: whether the row deletes its key, or all rows with a lower sequence; never NULL."""


BRONZE = frozenset({"_source_file", "_source_modified", "_ingested_at", "_batch", "_rescued_data"})
"""Columns that Bronze adds."""
WAS = "__was"
"""Hidden column of a change feed: whether the row is one as it was before a commit, which no rule takes away."""
COMMIT_VERSION = "_commit_version"
"""Column of rows that come by a change feed: the version of the input that brought them, as Delta calls it."""
CARRIED = BRONZE | {"_sequence", COMMIT_VERSION}
"""Columns that go along with the rows, and are stored only where they are named."""


def is_carried(name: str) -> bool:
    """Whether the column goes along with the rows and is stored only where it is named; a source's `_id` is not one."""
    return is_hidden(name) or name.casefold() in CARRIED


def is_hidden(name: str) -> bool:
    """Whether the column is the library's own and never stored."""
    return name.startswith("__")


def visible(columns: Iterable[str]) -> list[str]:
    """The columns that rules work on: all but those that are carried along."""
    return [name for name in columns if not is_carried(name)]


def carried(columns: Iterable[str]) -> list[str]:
    """The columns that no rule may drop: hidden ones, and those that Bronze added."""
    return [name for name in columns if is_carried(name)]


def types_of(frame: DataFrame) -> dict[str, str]:
    """Column -> canonical type text, in order; what Delta cannot store (a void) has Spark's own."""
    return {field.name: type_text(field.dataType) for field in frame.schema.fields}


def type_text(kind: DataType) -> str:
    """The canonical text of a type; what Delta cannot store has Spark's own."""
    from pyspark.sql.types import ArrayType, MapType, StructType

    if isinstance(kind, StructType):
        return types.struct([(field.name, type_text(field.dataType)) for field in kind.fields])
    if isinstance(kind, ArrayType):
        return f"array<{type_text(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{type_text(kind.keyType)},{type_text(kind.valueType)}>"
    return kind.simpleString()


def keep_input(frame: DataFrame) -> DataFrame:
    """Put the row as it is now beside itself, for the case that a rule rejects it; replaces an earlier one.

    It costs nothing for rows that pass: Spark prunes it from every query that does not ask for it.
    """
    from pyspark.sql import functions as F

    names = [name for name in frame.columns if not is_hidden(name)]
    return frame.withColumn(INPUT, F.struct(*[F.col(quoted(name)) for name in names]))
