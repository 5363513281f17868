"""Whole files as bytes, a row each, in the columns `path`, `modificationTime`, `length` and `content`.

`path` is the file's as in `_source_file`. A file without a byte has no row, one of more than 2 GiB fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Field, Part, Scan, Wanted
from lakehouse.sources.reading import file_columns, load, reader

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Options(FileSource):
    """Keys of `source: {format: binary}`."""

    spark_options: ClassVar[frozenset[str] | None] = frozenset()

    format: Literal["binary"] = "binary"
    """Whole files as bytes: path, modification time, length, content."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; no Spark job."""
    from pyspark.sql import functions as F

    if not files:
        return Scan([], clean=True)
    frame = load(reader(spark, {}).format("binaryFile"), files)
    frame = frame.select("length", "content", F.lit(None).cast("string").alias(RAW), *file_columns(frame, files))
    fields = [
        Field("path", FILE, "string", has_value=True),
        Field("modificationTime", MODIFIED, "timestamp", has_value=True),
        Field("length", "length", "bigint", has_value=True),
        Field("content", "content", "binary", has_value=True),
    ]
    return Scan([Part(frame, fields, complaint="")], clean=True)
