"""Avro files: columns by name, with the types that they carry, as of Parquet.

What Spark has no type for comes as it is stored: times of day and timestamps in nanoseconds as numbers, durations as
bytes. A union of several types is a struct of `member0`, `member1`, … of which one has the value. A file whose schema
Spark cannot read (one that names itself, decimals of more than 38 digits) fails by itself, and so does one that does
not end with a whole block: Spark's reader takes some of these for complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lakehouse.errors import MachineError
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.fields import Scan, Wanted
from lakehouse.sources.filesystem import filesystem
from lakehouse.sources.typed import NO_SUCH_FORMAT, Look, scan_typed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MAGIC = b"Obj\x01"
_SYNC = 16
_CODECS = frozenset(["null", "deflate", "snappy", "bzip2", "xz", "zstandard"])
_MOST_BYTES_OF_A_LONG = 10


class Options(FileSource):
    """Keys of `source: {format: avro}`."""

    spark_options = frozenset(["datetimeRebaseMode"])

    format: Literal["avro"] = "avro"
    """Avro files; columns by name, with the types that they carry."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; no Spark job. Their headers are read here on the driver.

    Raises MachineError when Spark has no reader for Avro.
    """
    from pyspark.errors import AnalysisException

    try:
        # without the option, a setting of Hadoop's would leave out files that are not called `.avro`
        return scan_typed(spark, "avro", files, wanted, look, {**options.options, "ignoreExtension": "true"})
    except AnalysisException as error:
        if error.getCondition() != NO_SUCH_FORMAT:
            raise
    raise MachineError(
        "this Spark cannot read Avro: spark-avro is not on its class path",
        code="jars",
        fix=f"add org.apache.spark:spark-avro_2.13 for Spark {spark.version} to the jars that the session starts with",
    )


def look(file: SourceFile, storage: Mapping[str, str]) -> Look:
    """What the file's header says; raises OSError or ValueError when it has none, or the file's end is not there."""
    from pyarrow import BufferedInputStream

    store, inner = filesystem(file.path, storage)
    with store.open_input_file(inner(file.path)) as stream:
        size = stream.size()
        end = stream.read_at(_SYNC, max(size - _SYNC, 0))
        stream.seek(0)
        header = _Header(BufferedInputStream(stream, 1 << 16), size)
        about = header.metadata()
        marker = header.take(_SYNC)
    codec = about.get("avro.codec", b"null").decode()
    if codec not in _CODECS:
        raise ValueError(f"the codec {codec!r} is not known; it may be {', '.join(sorted(_CODECS))}")
    schema = json.loads(about.get("avro.schema", b""))
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ValueError("its schema is no record, so it has no columns")
    if end != marker:
        raise ValueError("it does not end with a whole block: it is cut off, or has something behind its end")
    return Look(json.dumps(schema))


class _Header:
    """The beginning of a container file, taken piece by piece; ValueError where it is none."""

    def __init__(self, stream: Any, size: int) -> None:
        self.stream, self.size = stream, size

    def metadata(self) -> dict[str, bytes]:
        if self.stream.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("it is no Avro file: it does not begin with `Obj` and 1")
        found: dict[str, bytes] = {}
        while count := self._long():
            if count < 0:
                self._long()  # a block of entries may say its size in bytes
            for _ in range(abs(count)):
                name = self.take(self._long()).decode()
                found[name] = self.take(self._long())
        return found

    def take(self, size: int) -> bytes:
        found: bytes = self.stream.read(size) if 0 <= size <= self.size else b""
        if len(found) != size:
            raise ValueError("its header is cut off or broken")
        return found

    def _long(self) -> int:
        value = 0
        for place in range(_MOST_BYTES_OF_A_LONG):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
        raise ValueError("its header is broken")
