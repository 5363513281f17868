"""ORC files: columns by name, with the types that they carry, as of Parquet.

A file with a type that Spark does not know, such as `timestamp with local time zone`, fails by itself. Timestamps are
read in the time zone of the machine, as Spark does: set `TZ=UTC` where others wrote them. Nanoseconds are cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.fields import Scan, Wanted
from lakehouse.sources.filesystem import filesystem
from lakehouse.sources.typed import Look, scan_typed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DEEPEST = 100
"""As of Parquet; more, and Spark's and Python's stacks overflow."""


class Options(FileSource):
    """Keys of `source: {format: orc}`."""

    spark_options = frozenset()

    format: Literal["orc"] = "orc"
    """ORC files; columns by name, with the types that they carry."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; no Spark job. Their footers are read here on the driver."""
    return scan_typed(spark, "orc", files, wanted, look)


def look(file: SourceFile, storage: Mapping[str, str]) -> Look:
    """What the file's footer says; raises OSError or ValueError when it has none."""
    from pyarrow import orc

    store, inner = filesystem(file.path, storage)
    with store.open_input_file(inner(file.path)) as stream:
        schema = orc.ORCFile(stream).schema
    if _depth(schema) > _DEEPEST:
        raise ValueError(f"its columns are nested more than {_DEEPEST} levels deep")
    return Look(str(schema))


def _depth(schema: Any) -> int:
    levels, kinds = 0, list(schema.types)
    while kinds:
        levels, kinds = levels + 1, [kind.field(i).type for kind in kinds for i in range(kind.num_fields)]
    return levels
