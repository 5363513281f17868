"""How every format of files is read by Spark: these very files, and nothing guessed from their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.sources.base import SourceFile
from lakehouse.sources.fields import FILE, MODIFIED
from lakehouse.sources.filesystem import for_spark, scheme_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession

_PLAIN = re.compile(r"[A-Za-z0-9_./=,:@-]*\Z")


def reader(spark: SparkSession, options: Mapping[str, str]) -> DataFrameReader:
    """A reader for explicit paths: signs of globs are just signs, folders `a=b` above the files are no columns."""
    return spark.read.options(**{**options, "__globPaths__": "false", "recursiveFileLookup": "true"})


def load(how: DataFrameReader, files: Sequence[SourceFile]) -> DataFrame:
    """These files, by a reader that knows their format.

    The paths go to the JVM as one text: as a list each would be a call of its own, a tenth of a second for a thousand.
    """
    from pyspark.sql import DataFrame

    spark: Any = how._spark
    paths = spark._jvm.java.util.regex.Pattern.compile("\0").split("\0".join(for_spark(file.path) for file in files))
    return DataFrame(how._jreader.load(paths), spark)


def file_columns(frame: DataFrame, files: Sequence[SourceFile]) -> list[Column]:
    """The columns `FILE` (the path as the ledger has it, never encoded) and `MODIFIED`."""
    metadata = frame.metadataColumn("_metadata")  # not by name: a file may have a field of that name
    return [
        _path(metadata.getField("file_path"), files).alias(FILE),
        metadata.getField("file_modification_time").alias(MODIFIED),
    ]


def _path(uri: Column, files: Sequence[SourceFile]) -> Column:
    from pyspark.sql import functions as F

    if not all(_PLAIN.match(file.path) for file in files):  # decoding costs, so only where some name needs it
        uri = F.url_decode(F.replace(uri, F.lit("+"), F.lit("%2B")))
    scheme = scheme_of(files[0].path) if files else ""
    if not scheme:
        return F.when(uri.startswith("file:///"), F.substr(uri, F.lit(8))).otherwise(F.substr(uri, F.lit(6)))
    if scheme == "s3":
        return F.concat(F.lit("s3"), F.substr(uri, F.lit(len("s3a") + 1)))
    return uri
