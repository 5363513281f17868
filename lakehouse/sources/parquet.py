"""Parquet files: columns by name, with the types that they carry.

A new column gets a type that the values of all files of its batch fit unchanged, text where there is no other. A value
that does not fit the stored type exactly is rescued. What Delta has no type for (times of day, intervals) is stored as
text. Nanoseconds are cut to microseconds, with a warning; a file that has them inside of a column fails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.fields import Scan, Wanted
from lakehouse.sources.filesystem import filesystem
from lakehouse.sources.typed import Look, scan_typed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SPARKS_OWN = b"org.apache.spark.sql.parquet.row.metadata"


class Options(FileSource):
    """Keys of `source: {format: parquet}`."""

    spark_options = frozenset(["datetimeRebaseMode", "int96RebaseMode"])

    format: Literal["parquet"] = "parquet"
    """Parquet files; columns by name, with the types that they carry."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; ONE Spark job for each schema among them. Their footers are read here on the driver."""
    spark.conf.set("spark.sql.timeType.enabled", "true")  # without, it refuses files that have a time of day
    return scan_typed(spark, "parquet", files, wanted, look, options.options)


def look(file: SourceFile, storage: Mapping[str, str]) -> Look:
    """What the file's footer says; raises OSError or ValueError when it has none."""
    import pyarrow.parquet as pq

    store, inner = filesystem(file.path, storage)
    with store.open_input_file(inner(file.path)) as stream:
        footer = pq.read_metadata(stream)
        written = int.from_bytes(stream.read_at(4, file.size - 8), "little")
    if written != footer.serialized_size:
        # to ask such a footer for more ends the process
        raise ValueError("columns are encrypted, or more stands in the footer than belongs there")
    _all_is_there(footer, file.size)
    leaves = [footer.schema.column(i) for i in range(footer.num_columns)]
    text = str(footer.schema).partition("{")[2]  # behind the address of the object and the name of the root
    own = (footer.metadata or {}).get(_SPARKS_OWN, b"").decode()  # it may ask for other types
    kinds = [json.loads(leaf.logical_type.to_json()) for leaf in leaves]
    top = {i: leaf.name for i, leaf in enumerate(leaves) if leaf.path == leaf.name}
    nanoseconds = {i: utc for i, kind in enumerate(kinds) if (utc := _nanoseconds(kind)) is not None}
    if nested := [leaves[i].path for i in nanoseconds if i not in top]:
        raise ValueError(f"Spark reads no timestamps in nanoseconds inside of a column: {', '.join(nested)}")
    return Look(
        f"{text}\n{own}",
        frozenset(name for i, name in top.items() if _has_value(footer, i)),
        frozenset(name for i, name in top.items() if kinds[i].get("Type") == "Null"),
        {top[i]: utc for i, utc in nanoseconds.items()},
    )


def _all_is_there(footer: Any, size: int) -> None:
    """Raise ValueError where a row group lies outside of the file: Spark passes over its rows and says nothing."""
    for group in map(footer.row_group, range(footer.num_row_groups)):
        chunks = [group.column(i) for i in range(group.num_columns)]
        if not chunks or not group.num_rows:
            continue
        begin = chunks[0].dictionary_page_offset or chunks[0].data_page_offset
        middle = begin + sum(chunk.total_compressed_size for chunk in chunks) // 2
        if not 0 < middle < size:
            raise ValueError("its footer is broken: a row group lies outside of the file")


def _has_value(footer: Any, column: int) -> bool:
    """Whether the column's statistics say that it is not NULL everywhere."""
    chunks = (footer.row_group(i).column(column) for i in range(footer.num_row_groups))
    return any(
        chunk.statistics is not None
        and chunk.statistics.has_null_count
        and chunk.statistics.null_count < chunk.num_values
        for chunk in chunks
    )


def _nanoseconds(kind: Mapping[str, Any]) -> bool | None:
    """For the logical type of a timestamp in nanoseconds, whether it is an instant; None for all else."""
    if kind.get("Type") != "Timestamp" or kind.get("timeUnit") != "nanoseconds":
        return None
    return bool(kind["isAdjustedToUTC"])
