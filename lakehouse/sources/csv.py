"""Delimited text; the columns of each file are found by the names in its own header.

A line of blanks and control signs alone is no record, as to Spark; where tabs separate fields, one of empty fields is
such a line.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from lakehouse.errors import StepError
from lakehouse.names import quoted
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.compressed import not_whole
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Field, Part, Scan, Wanted, same_names
from lakehouse.sources.header import Dialect, Head, is_wide, read_head, safe_names
from lakehouse.sources.reading import file_columns, load, reader
from lakehouse.sources.stores import raise_if_away

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NAME = re.compile(r"(?!(?:true|false|null|none|nan)\Z)[^\W\d]", re.IGNORECASE)
"""How a text begins that may be a column's name and is no other value."""

NOTHING = "\ufdd0\ufdd1"
"""What an empty field without quotes becomes inside the reader, so that `""` stays an empty text (S11): Spark's own
default, the empty text, would turn both into NULL."""

NEVER = "\ufdd2"
"""A sign that no text has."""


class Options(FileSource):
    """Keys of `source: {format: csv}`."""

    spark_options: ClassVar[frozenset[str] | None] = frozenset([
        "sep", "delimiter", "encoding", "charset", "quote", "escape", "comment", "header", "ignoreLeadingWhiteSpace",
        "ignoreTrailingWhiteSpace", "nullValue", "emptyValue", "maxColumns", "maxCharsPerColumn", "multiLine",
        "charToEscapeQuoteEscaping", "lineSep", "unescapedQuoteHandling",
    ])  # fmt: skip
    infers: ClassVar[bool] = True
    arrives_as: ClassVar[str | None] = "string"

    format: Literal["csv"] = "csv"
    """Delimited text, RFC 4180 unless `options` say otherwise."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files, those with the same header together; no Spark job.

    The headers are read here on the driver (S9: columns are found by each file's own names). A record with more or
    fewer fields than its file's header is bad.
    """
    dialect = _dialect(options)
    failed = not_whole(files, wanted.storage)
    files = [file for file in files if file.path not in failed]
    warnings: list[str] = []
    shapes: dict[_Shape, list[SourceFile]] = defaultdict(list)
    for file, head in zip(files, _heads(files, dialect, wanted.storage), strict=True):
        if isinstance(head, OSError):
            failed[file.path] = f"cannot be read: {head}"
        elif head.record is not None:  # a file without any record loads as it is: with no row (S5)
            names = _names(head.record, options, wanted)
            trouble = _no_text(head, options) or same_names(names, wanted)
            if trouble:
                failed[file.path] = trouble
                continue
            counts = Counter(name.lower() for name in head.record)
            twice = [name for name in head.record if name and counts[name.lower()] > 1]
            if twice and options.flag("header"):
                warnings.append(
                    f"{file.path}: the header has {', '.join(twice)} more than once; each gets its position"
                )
            encoding = head.encoding or _encoding(options) or "UTF-8"
            lines = head.line_end if options.flag("multiLine") or is_wide(encoding) else ""
            shapes[_Shape(tuple(names), encoding, lines)].append(file)
    parts = [_part(spark, options, shape, group) for shape, group in shapes.items()]
    return Scan(parts, failed, warnings)


def of_texts(
    spark: SparkSession, options: Options, records: DataFrame, wanted: Wanted, along: Sequence[str] = ()
) -> list[Part]:
    """Records by their texts in the column `value`, each alone, those with the same names in `names` together.

    A short Spark job finds the names. Columns `along` go along.
    """
    from pyspark.sql import functions as F

    shapes = [row[0] for row in records.select("names").distinct().collect()]
    return [_of_texts(options, records.where(F.col("names") == F.lit(names)), names, along) for names in shapes]


def _of_texts(options: Options, records: DataFrame, names: Sequence[str], along: Sequence[str]) -> Part:
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    schema = StructType([StructField(f"c{i}", StringType()) for i in range(len(names))])
    how = {**_reader_options(options, _Shape(tuple(names), "UTF-8", "")), "encoding": "UTF-8"}
    ours = ("charset", "linesep", "multiline", "header", "columnpruning")
    how = {name: value for name, value in how.items() if name.casefold() not in ours}
    row = F.from_csv(F.col("value"), StructType([*schema.fields, StructField(RAW, StringType())]).toDDL(), how)
    frame = records.withColumn("row", row)
    bad = F.col("row").isNull() | F.col("row").getField(RAW).isNotNull() | ~F.col("value").rlike(r"\S")
    frame = frame.select(
        *[F.col("row").getField(name).alias(name) for name in schema.fieldNames()],
        F.when(bad, F.col("value")).alias(RAW), FILE, MODIFIED, *along,
    )  # fmt: skip
    return Part(frame, [Field(name, f"c{i}") for i, name in enumerate(names)], _complaint(names), "csv")


def _complaint(names: Sequence[str]) -> str:
    return f"the record does not have {len(names)} field{'s' if len(names) != 1 else ''}"


def doubts(options: Options, file: SourceFile, storage: Mapping[str, str]) -> list[str]:
    """What of a file makes a plan wonder, read on the driver: without `header`, a first row that looks like names."""
    if options.flag("header") or not file.size:
        return []
    try:
        record = read_head(file.path, _dialect(options), storage).record or []
    except (OSError, ValueError, StepError):
        return []  # a run tells what is wrong with it
    if not record or not all(_NAME.match(text) for text in record) or len({*record}) < len(record):
        return []
    return [f"{file.path} begins with {', '.join(record[:5])}: if these are names, write `options: {{header: true}}`"]


@dataclass(frozen=True)
class _Shape:
    """What files that are read together have in common."""

    names: tuple[str, ...]
    encoding: str
    line_end: str
    """Of files that are not read line by line: what their first record ends in."""


def _heads(files: Sequence[SourceFile], dialect: Dialect, storage: Mapping[str, str]) -> list[Head | OSError]:
    def head(file: SourceFile) -> Head | OSError:
        try:
            return read_head(file.path, dialect, storage) if file.size else Head(None)
        except OSError as error:
            raise_if_away(file.path, error)
            return error

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(head, files))


def _no_text(head: Head, options: Options) -> str:
    """Why a header's names are no names; empty where they are."""
    wrong = [name for name in head.record or () if options.flag("header") and ("\ufffd" in name or "\0" in name)]
    encoding = head.encoding or _encoding(options) or "UTF-8"
    return (
        f"the header is not {encoding}: {', '.join(map(repr, wrong[:5]))}; write `options: {{encoding: …}}`"
        if wrong
        else ""
    )


def _encoding(options: Options) -> str:
    return options.option("encoding") or options.option("charset")


def _dialect(options: Options) -> Dialect:
    return Dialect(
        sep=(options.option("sep") or options.option("delimiter") or ",").replace("\\t", "\t"),
        quote=options.option("quote", '"'),
        escape=options.option("escape", '"'),
        comment=options.option("comment"),
        line_sep=options.option("lineSep").replace("\\n", "\n").replace("\\r", "\r"),
        encoding=_encoding(options),
        multi_line=options.flag("multiLine"),
        trim_left=options.flag("ignoreLeadingWhiteSpace"),
        trim_right=options.flag("ignoreTrailingWhiteSpace"),
    )


def _names(record: Sequence[str], options: Options, wanted: Wanted) -> list[str]:
    if options.flag("header"):
        return safe_names(record, options.option("nullValue") or None)
    width = max(len(record), len(wanted.positions))
    return [wanted.positions[i] if i < len(wanted.positions) else f"_c{i}" for i in range(width)]


def _part(spark: SparkSession, options: Options, shape: _Shape, files: Sequence[SourceFile]) -> Part:
    """Files of one header (and encoding) as one frame of texts."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    names = shape.names
    inside = [name if name.casefold() != RAW else f"{name} {i}" for i, name in enumerate(names)]
    schema = StructType([StructField(name, StringType()) for name in [*inside, RAW]])
    frame = load(reader(spark, _reader_options(options, shape)).schema(schema).format("csv"), files)
    # Spark refuses a query that needs the text of bad records only, so the first field goes with it
    first = F.col(quoted(inside[0]))
    raw = F.when(F.octet_length(RAW) >= 0, F.col(RAW)).when(F.octet_length(first) < 0, first)
    frame = frame.select("*", raw, *file_columns(frame, files))
    return Part(
        frame.toDF(*[f"c{i}" for i in range(len(names))], "__spark_raw", RAW, FILE, MODIFIED).drop("__spark_raw"),
        [Field(name, f"c{i}") for i, name in enumerate(names)],
        _complaint(names),
        "csv",
        encoding=shape.encoding,
    )


def _reader_options(options: Options, shape: _Shape) -> dict[str, str]:
    ours = {
        "header": "false",
        "escape": '"',
        "nullValue": NOTHING,
        "columnNameOfCorruptRecord": RAW,
        # with pruning on, Spark 4.1 counts the fields of a record by the columns that a query happens to need
        "columnPruning": "false",
    }
    if options.option("escape", '"') == options.option("quote", '"'):
        ours["charToEscapeQuoteEscaping"] = NEVER  # by default it is NUL, which the reader then takes out of quotes
    if shape.line_end:
        ours["lineSep"] = shape.line_end  # a reader that has to find it out rewrites line ends within quotes
    theirs = {name.casefold() for name in options.options}
    merged = {**{k: v for k, v in ours.items() if k.casefold() not in theirs}, **options.options}
    if not _encoding(options):
        merged["encoding"] = shape.encoding
    if is_wide(shape.encoding):
        # line by line, Spark cuts such files in the middle of a sign
        merged = {k: v for k, v in merged.items() if k.casefold() != "multiline"} | {"multiLine": "true"}
    return merged
