"""Texts that are not what the file has: Spark's CSV reader puts U+FFFD for bytes that are not of the encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.names import literal
from lakehouse.sources.base import SourceFile
from lakehouse.sources.fields import FILE, Part, Scan
from lakehouse.sources.reading import file_columns, load, reader

_SIGN = "\ufffd"
_MANY = 500
"""More fields than this are looked at as one text: one question for each keeps Spark busy for minutes."""


def doubtful(part: Part) -> str:
    """Whether a row has U+FFFD in one of its fields, as SQL over the part's frame."""
    columns = [item.column for item in part.fields]
    if len(columns) > _MANY:
        return f"contains(concat_ws('', {', '.join(columns)}), '{_SIGN}')"
    return " OR ".join(f"coalesce(contains({column}, '{_SIGN}'), false)" for column in columns) or "false"


def settled(spark: SparkSession, scan: Scan, files: Sequence[SourceFile]) -> Scan:
    """The scan with the rows of its parts that hold bytes which are no text; ONE Spark job over the files.

    A file of UTF-8 may have the sign itself, and then all is well; in other encodings nobody writes it.
    """
    utf8 = [_is_utf8(part) for part in scan.parts]
    broken = _not_utf8(spark, files) if any(utf8) else []
    among = f"{FILE} IN ({', '.join(literal(path) for path in broken)})" if broken else "false"
    return replace(
        scan,
        parts=[
            replace(part, undecoded=f"({doubtful(part)}) AND {among if is_utf8 else 'true'}") if part.encoding else part
            for part, is_utf8 in zip(scan.parts, utf8, strict=True)
        ],
    )


def _is_utf8(part: Part) -> bool:
    return part.encoding.upper().replace("_", "-") in ("UTF-8", "UTF8")


def _not_utf8(spark: SparkSession, files: Sequence[SourceFile]) -> list[str]:
    """The paths of the files with a line that is not UTF-8."""
    lines = load(reader(spark, {}).format("text"), files)
    bad = lines.where(~F.is_valid_utf8("value")).select(file_columns(lines, files)[0])
    return sorted(row[0] for row in bad.distinct().collect())
