"""What the ways to write have in common."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakehouse.names import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.target import Target


def only_true(word: str, value: Any) -> Any:
    """Read `word: true` as an empty map; raises ValueError for `false`, which would mean nothing."""
    if value is True:
        return {}
    if value is False:
        raise ValueError(f"`{word}: false` says nothing; leave `{word}` out or name the way to write instead")
    return value


def stored(frame: DataFrame, target: Target) -> list[str]:
    """The target's columns that the frame has, in the target's order; the others stay NULL or as they are."""
    there = {name.casefold() for name in frame.columns}
    return [name for name in target.columns if name.casefold() in there]


def selected(frame: DataFrame, target: Target) -> DataFrame:
    """The frame with nothing but stored columns, those that are new to the table with their comments."""
    from pyspark.sql import functions as F

    new = set(target.new_columns)

    def column(name: str) -> Column:
        comment = target.comments.get(name) if name in new else None
        found = F.col(quoted(name))
        return found.alias(name, metadata={"comment": comment}) if comment else found.alias(name)

    return frame.select(*(column(name) for name in stored(frame, target)))


def add(frame: DataFrame, target: Target) -> None:
    """Append the stored columns of the frame in one commit, adding those that the table lacks in the same one."""
    writer = selected(frame, target).write.format("delta").mode("append")
    if target.evolves:
        writer = writer.option("mergeSchema", "true")
    writer.save(target.path)


@contextmanager
def view(frame: DataFrame) -> Iterator[str]:
    """The frame under a name of its own in its session, for one statement."""
    name = f"__lakehouse_{uuid.uuid4().hex}"
    frame.createTempView(name)
    try:
        yield name
    finally:
        frame.sparkSession.catalog.dropTempView(name)


def comparable(sql: str, type_text: str) -> str:
    """SQL whose value can be compared by `<=>` and hashed, for a column of any type."""
    return f"to_json(struct({sql}))" if "map<" in type_text or "variant" in type_text else sql


_TO_THE_MICROSECOND = "map('timestampFormat', 'yyyy-MM-dd''T''HH:mm:ss.SSSSSSXXX')"


def comparable_grown(sql: str) -> str:
    """SQL whose value can be compared by `<=>` with one that lacks nested fields: NULL there is the same as missing."""
    return f"to_json(struct({sql} AS value), {_TO_THE_MICROSECOND})"


ARRIVAL = ("_batch", "_source_modified", "_source_file")
"""Bronze's columns that tell which of two rows came later (S64)."""


def arrival(frame: DataFrame, content: Mapping[str, str]) -> list[Column]:
    """What orders rows that their sequence does not: batch, file, then a hash of these columns (name -> type)."""
    from pyspark.sql import functions as F

    there = {name.casefold(): name for name in frame.columns}
    order = [F.col(quoted(there[name])) for name in ARRIVAL if name in there]
    # xxhash64 passes over NULLs, so (a, NULL) and (NULL, a) need the flags to differ
    parts: list[str] = []
    for name, text in content.items():
        parts += [comparable(quoted(name), text), f"{quoted(name)} IS NULL"]
    return [*order, F.expr(f"xxhash64({', '.join(parts)})")] if parts else order
