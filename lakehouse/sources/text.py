"""Plain text: one row per line, or per file with `wholetext`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.compressed import not_whole
from lakehouse.sources.fields import RAW, Field, Part, Scan, Wanted
from lakehouse.sources.reading import file_columns, load, reader

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Options(FileSource):
    """Keys of `source: {format: text}`."""

    spark_options: ClassVar[frozenset[str] | None] = frozenset(["lineSep", "wholetext"])
    arrives_as: ClassVar[str | None] = "string"

    format: Literal["text"] = "text"
    """Plain text: one row per line in the column `value`."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; no Spark job. A line is never bad; only a byte order mark at the file's beginning is dropped."""
    from pyspark.sql import functions as F

    failed = not_whole(files, wanted.storage)
    files = [file for file in files if file.path not in failed]
    if not files:
        return Scan([], failed, clean=True)
    frame = load(reader(spark, options.options).format("text"), files)
    nothing = F.lit(None).cast("string").alias(RAW)
    frame = frame.select(F.col("value").alias("c0"), nothing, *file_columns(frame, files))
    return Scan([Part(frame, [Field("value", "c0", has_value=True)], complaint="")], failed, clean=True)
