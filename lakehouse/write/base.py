"""What the ways to write have in common."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.names import quoted
from lakehouse.quality.rows import is_hidden
from lakehouse.quality.values import hashed

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType

    from lakehouse.lake.history import Commit
    from lakehouse.lake.target import Target


@dataclass(frozen=True)
class Counts:
    """What became of the rows that one commit was given: their sum is the number of these rows."""

    written: int
    """Rows that the table got."""
    updated: int = 0
    """Rows that took the place of a stored one."""
    superseded: int = 0
    """Rows of a merge that lost against another one of the same commit."""
    late: int = 0
    """Rows of a merge that are older than the stored one of their key."""
    equal: int = 0
    """Rows of a merge that say what is stored already."""
    deleted: int = 0
    """Rows of a merge that deleted their key, or all rows with a lower sequence, whether or not any was stored."""
    left_out: int = 0
    """Rows of `append: {keys}` whose key was there."""

    @property
    def total(self) -> int:
        """The rows that the commit was given."""
        return sum(astuple(self))


Told = Callable[["Commit", int | None], Counts]
"""Asked with the commit that a write made, and the number of rows it was given where that is known."""


@dataclass(frozen=True)
class Memory:
    """What a table forgets and a late row needs to know: its tombstones (S67).

    Of each row: the keys as the table has them, `_sequence`, `kind` (`delete`, `same` or `truncate`), and of a history
    the columns that are not tracked.
    """

    rows: DataFrame | None
    """Those that exist: of attempts that are commits in the table's lineage; None when there are none yet."""
    keep: Callable[[DataFrame], None]
    """Appends rows beside the commit to come, before it; called only when there are some."""


KIND = "kind"
"""Column of a tombstone: what it is of."""


def metric(commit: Commit, name: str) -> int:
    """A figure of the commit's own metrics, 0 where it has none of that name."""
    return int(str(commit.metrics.get(name) or 0))


def all_written(commit: Commit, rows: int | None) -> Counts:
    """Of a write that stores every row."""
    return Counts(metric(commit, "numOutputRows"))


def inserted(commit: Commit) -> int:
    """Rows that a MERGE, or the append in its place, added."""
    return metric(commit, "numTargetRowsInserted" if "numTargetRowsInserted" in commit.metrics else "numOutputRows")


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
    """Append the stored columns of the frame in one commit, adding those that the table lacks in the same one.

    In a full refresh they replace all that is stored.
    """
    if target.replaces:
        replace_all(frame, target)
        return
    writer = selected(frame, target).write.format("delta").mode("append")
    if target.evolves:
        writer = writer.option("mergeSchema", "true")
    writer.save(target.path)


def replace_all(frame: DataFrame, target: Target) -> None:
    """Replace all rows in one commit; the schema stays, gains columns, or is replaced when the target says so."""
    writer = selected(frame, target).write.format("delta").mode("overwrite")
    if target.replace_schema:
        # with overwriteSchema Delta takes the partitioning from the writer too
        writer = writer.option("overwriteSchema", "true").partitionBy(*target.partitioned_by)
    else:
        # without a condition Delta would forget the columns of liquid clustering
        writer = writer.option("replaceWhere", "true")
        if target.evolves:
            writer = writer.option("mergeSchema", "true")
    writer.save(target.path)


_MATERIALIZE = "spark.databricks.delta.merge.materializeSource"


@contextmanager
def view(frame: DataFrame) -> Iterator[str]:
    """The frame under a name of its own in its session, for one statement."""
    name = f"__lakehouse_{uuid.uuid4().hex}"
    frame.createTempView(name)
    try:
        yield name
    finally:
        frame.sparkSession.catalog.dropTempView(name)


@contextmanager
def persisted_source(spark: SparkSession) -> Iterator[None]:
    """Within, a MERGE may read a persisted frame: told never to keep a source, Delta refuses one that is cached."""
    before = spark.conf.get(_MATERIALIZE, None)
    spark.conf.set(_MATERIALIZE, "auto")
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(_MATERIALIZE)
        else:
            spark.conf.set(_MATERIALIZE, before)


def merge_into(target: Target) -> str:
    """`MERGE … AS t`, adding columns when the table lacks some."""
    return f"MERGE {'WITH SCHEMA EVOLUTION ' if target.evolves else ''}INTO {target.sql} AS t"


def same_key(keys: Sequence[str]) -> str:
    """SQL: source `s` and target `t` have the same values in these columns; NULL equals NULL (S61)."""
    return " AND ".join(f"t.{quoted(key)} <=> s.{quoted(key)}" for key in keys)


def insert(source: DataFrame) -> str:
    """`INSERT (…) VALUES (…)` of all columns of the source `s` but hidden ones."""
    columns = [quoted(name) for name in source.columns if not is_hidden(name)]
    return f"INSERT ({', '.join(columns)}) VALUES ({', '.join(f's.{name}' for name in columns)})"


def kind_of(frame: DataFrame, name: str) -> DataType:
    """The type of a column, in whatever case it is written."""
    return next(field.dataType for field in frame.schema.fields if field.name.casefold() == name.casefold())


ARRIVAL = ("_batch", "_commit_version", "_source_modified", "_source_file")
"""Columns of Bronze, and of a change feed, that tell which of two rows came later (S64)."""


def arrival(frame: DataFrame, content: Mapping[str, str]) -> list[Column]:
    """What orders rows that their sequence does not: batch, file, then a hash of these columns (name -> type)."""
    from pyspark.sql import functions as F

    there = {name.casefold(): name for name in frame.columns}
    order = [F.col(quoted(there[name])) for name in ARRIVAL if name in there]
    return [*order, hashed(content)] if content else order
