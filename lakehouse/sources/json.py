"""JSON: one record per line, or whole files with `multiLine`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lakehouse.names import quoted
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.compressed import not_whole
from lakehouse.sources.fields import FILE, RAW, Field, Part, Scan, Wanted
from lakehouse.sources.from_text import JsonColumn, from_text
from lakehouse.sources.header import not_utf8
from lakehouse.sources.nested import (
    DEEPEST,
    LIMITS,
    Fit,
    as_texts,
    fit,
    is_nested,
    primary,
    shallow,
    text_paths,
    type_text,
)
from lakehouse.sources.reading import file_columns, load, reader
from lakehouse.sources.unseen import EMPTY_NAME, named, unseen

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType, StructField, StructType

_CORRUPT = "__lakehouse_corrupt"
_NOTHING = "__lakehouse_nothing"
_UNSEEN = "__lakehouse_unseen"
_COMPLAINT = "the record is not one whole JSON object"


class Options(FileSource):
    """Keys of `source: {format: json}`."""

    spark_options: ClassVar[frozenset[str] | None] = frozenset([
        "allowComments", "allowUnquotedFieldNames", "allowSingleQuotes", "allowNumericLeadingZeros",
        "allowNonNumericNumbers", "allowBackslashEscapingAnyCharacter", "allowUnquotedControlChars", "encoding",
        "charset", "lineSep", "multiLine",
    ])  # fmt: skip
    infers: ClassVar[bool] = True
    arrives_as: ClassVar[str | None] = "string"  # what is nested arrives so inside

    format: Literal["json"] = "json"
    """One JSON object per line; an array of objects gives one row each."""


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; ONE Spark job, which infers their fields and sees whether any record is bad.

    Where one is, the driver looks at how each file begins: those in UTF-16 fail unless `encoding` says so. The fast
    way is Spark's own reader. It does not report what `unseen` finds, one of two fields whose names differ by case
    only, and fields without a name. Files that have one of them, found by a second job, go the long way over the text
    of their records, with the same result for all others.
    """
    failed = not_whole(files, wanted.storage)
    files = [file for file in files if file.size and file.path not in failed]
    if not files:
        return Scan([], failed, clean=True)
    if _encoding(options):
        spark.conf.set("spark.sql.legacy.codingErrorAction", "true")  # one sign that cannot be decoded is no error
    found = _infer(spark, options, _records(spark, options, files), wanted.infer)
    foreign = not_utf8(files, wanted.storage) if (found.unseen or found.malformed) and not _encoding(options) else {}
    if foreign:  # their lines are none
        rest = scan(spark, options, [file for file in files if file.path not in foreign], wanted)
        return replace(rest, failed={**failed, **foreign, **rest.failed})
    fields, columns = _fields(found.schema, wanted)
    odd = [field.name for field in fields if not field.placed or not field.name]
    paths = _needing_text(spark, options, files, odd) if found.unseen or odd or _encoding(options) else frozenset()
    slow, fast = [f for f in files if f.path in paths], [f for f in files if f.path not in paths]
    frames = [_native(spark, options, fast, columns, odd)] if fast else []
    if slow:
        frames.append(from_text(_records(spark, options, slow), columns, _parser_options(options), _unseen(options)))
    parts = [Part(frame, fields, _COMPLAINT) for frame in frames]
    return Scan(parts, failed, clean=not (found.malformed or found.unseen))


@dataclass(frozen=True)
class _Found:
    """What inference saw."""

    schema: StructType
    malformed: bool
    unseen: bool


def _records(spark: SparkSession, options: Options, files: Sequence[SourceFile]) -> DataFrame:
    """The texts of the records (whole files with `multiLine`) as `value`, with the columns of their files."""
    from pyspark.sql import functions as F

    encoding, line_sep = _encoding(options), options.option("lineSep")
    if encoding:
        frame = load(reader(spark, {}).format("binaryFile"), files)
        text = F.decode("content", encoding)
        if not options.flag("multiLine"):
            text = F.explode(F.split(text, _pattern(line_sep) if line_sep else "\r\n|\r|\n"))
        frame = frame.select(text.alias("value"), *file_columns(frame, files))
    else:
        how = {"wholetext": str(options.flag("multiLine")).lower(), **({"lineSep": line_sep} if line_sep else {})}
        frame = load(reader(spark, how).format("text"), files)
        frame = frame.select("value", *file_columns(frame, files))
    if encoding or options.flag("multiLine"):
        # not by a regular expression, which would make signs of bytes that are none
        marked = F.startswith("value", F.lit("\ufeff"))
        frame = frame.withColumn("value", F.when(marked, F.substr("value", F.lit(2))).otherwise(F.col("value")))
    begins = F.startswith("value", F.lit("{")) | F.startswith("value", F.lit("["))
    return frame.where(begins | F.col("value").rlike(r"\S"))  # a pattern costs


def of_texts(
    spark: SparkSession, options: Options, records: DataFrame, wanted: Wanted, along: Sequence[str] = ()
) -> list[Part]:
    """Records by their texts in the column `value`, each alone; ONE Spark job. Columns `along` go along."""
    found = _infer(spark, options, records, wanted.infer)
    fields, columns = _fields(found.schema, wanted)
    return [Part(from_text(records, columns, _parser_options(options), _unseen(options), along), fields, _COMPLAINT)]


def _infer(spark: SparkSession, options: Options, records: DataFrame, typed: bool) -> _Found:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    text = F.when(_unseen(options), F.lit(f'{{"{_UNSEEN}":1}}')).otherwise(named(F.col("value")))
    jvm: Any = spark._jvm
    encoder = jvm.org.apache.spark.sql.Encoders.STRING()
    texts = getattr(records.select(text)._jdf, "as")(encoder)
    how = {
        **_parser_options(options),
        "primitivesAsString": str(not typed).lower(),
        "dropFieldIfAllNull": "true",  # S6: no column from noise
        "columnNameOfCorruptRecord": _CORRUPT,
    }
    # a dataset of texts instead of paths: what is unseen is looked for on the way, and doubled names are no error
    schema = DataFrame(spark.read.options(**how)._jreader.json(texts), spark).schema
    names = schema.fieldNames()
    found = shallow(_renamed(StructType([f for f in schema.fields if f.name not in (_CORRUPT, _UNSEEN)])), DEEPEST + 1)
    assert isinstance(found, StructType)
    return _Found(found, _CORRUPT in names, _UNSEEN in names)


def _unseen(options: Options) -> Column:
    from pyspark.sql import functions as F

    return unseen(F.col("value"), _parser_options(options), decoded=bool(_encoding(options)))


def _renamed(kind: DataType) -> DataType:
    """The inferred type with the empty names that `named` took away."""
    from pyspark.sql.types import ArrayType, StructField, StructType

    if isinstance(kind, ArrayType):
        return ArrayType(_renamed(kind.elementType))
    if not isinstance(kind, StructType):
        return kind
    names = ["" if field.name == EMPTY_NAME else field.name for field in kind.fields]
    return StructType([StructField(n, _renamed(f.dataType)) for n, f in zip(names, kind.fields, strict=True)])


def _fields(schema: StructType, wanted: Wanted) -> tuple[list[Field], list[JsonColumn]]:
    """The fields for the table, and the frame's columns in the same order."""
    from pyspark.sql.types import DataType, StringType, StructField

    groups: dict[str, list[StructField]] = defaultdict(list)
    told: dict[str, frozenset[tuple[str, ...]]] = {}
    for field in schema.fields:
        groups[wanted.name(field.name).casefold()].append(StructField(field.name, as_texts(field.dataType)))
        if wanted.infer:
            told[field.name] = told.get(field.name, frozenset()) | text_paths(field.dataType, wanted.nested_name)
    fields: list[Field] = []
    columns: list[JsonColumn] = []

    def add(name: str, how: Fit, placed: bool = True, names: Sequence[str] = (), unless: Sequence[str] = ()) -> None:
        column = f"c{len(columns)}"
        native = how.native or isinstance(how.shape, StringType)
        as_text = Fit(StringType(), StringType())
        columns.append(JsonColumn(column, [name, *names], how if native else as_text, unless))
        shape = None if native else how.shape
        came = frozenset[tuple[str, ...]]().union(*(told.get(n, ()) for n in (name, *names)))
        news = dict.fromkeys(how.news, "")
        fields.append(
            Field(name, column, type_text(how.stored), shape, how.foreign, news, placed, has_value=True, texts=came)
        )

    for same in groups.values():
        stored = wanted.type(same[0].name)
        chosen, others = primary(same, wanted.name(same[0].name))
        assert chosen is not None
        kind = DataType.fromDDL(stored) if stored else None
        texts = Fit(StringType(), StringType())
        if (kind is None and not wanted.evolve) or (kind is not None and not is_nested(kind)):
            how = texts
        elif others and any(field.dataType != chosen.dataType for field in same):
            how = texts if kind is None else Fit(kind, kind, native=False)
        else:
            how = fit(chosen.dataType, kind, wanted.nested_name, wanted.evolve)
        add(chosen.name, how, names=others)
        for i, other in enumerate(others):
            add(other, texts, placed=False, unless=[chosen.name, *others[:i]])
    for name, stored in wanted.columns.values():
        # inference leaves out what is empty everywhere, but an empty list is a value of a column that is there
        kind = DataType.fromDDL(stored) if "<" in stored else None
        if kind is not None and name.casefold() not in groups:
            add(name, Fit(kind, kind))
    return fields, columns


def _needing_text(
    spark: SparkSession, options: Options, files: Sequence[SourceFile], odd: Sequence[str]
) -> frozenset[str]:
    """The paths of files with a record of which Spark's own reader would lose something, such as `odd` fields."""
    from pyspark.sql import functions as F

    if _encoding(options):
        return frozenset(file.path for file in files)
    text = F.col("value")
    signs = [*odd, '""', "''"] if "" in odd else odd
    needing = _unseen(options)
    for sign in filter(None, [*signs, "\\u"] if odd else []):  # a name may be written with escapes
        needing = needing | F.contains(text, F.lit(sign))
    found = _records(spark, options, files).where(needing).select(FILE).distinct().collect()
    return frozenset(row[0] for row in found)


def _native(
    spark: SparkSession,
    options: Options,
    files: Sequence[SourceFile],
    columns: Sequence[JsonColumn],
    without: Sequence[str],
) -> DataFrame:
    """The records by Spark's own reader; fields `without` are in none of them."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    corrupt, nothing = _CORRUPT, _NOTHING
    while {corrupt, nothing} & {column.names[0].casefold() for column in columns}:
        corrupt, nothing = corrupt + "_", nothing + "_"
    # Spark refuses a query that needs the text of bad records only, so a field that no record has goes with it
    ours = [StructField(corrupt, StringType()), StructField(nothing, StringType())]
    asked = [column for column in columns if column.names[0] not in without]
    schema = StructType([*(StructField(c.names[0], c.fit.shape) for c in asked), *ours])
    how = {**_parser_options(options), "columnNameOfCorruptRecord": corrupt}
    for name in ("lineSep", "multiLine"):
        if options.option(name):
            how[name] = options.option(name)
    frame = load(reader(spark, how).schema(schema).format("json"), files)
    values = {c.name: F.col(quoted(c.names[0])) for c in asked}
    read = [values.get(c.name, F.lit(None)).cast(c.fit.stored).alias(c.name) for c in columns]
    return frame.select(*read, F.coalesce(F.col(corrupt), F.col(nothing)).alias(RAW), *file_columns(frame, files))


def _parser_options(options: Options) -> dict[str, str]:
    ours = ("encoding", "charset", "linesep", "multiline")
    return {**{k: v for k, v in options.options.items() if k.casefold() not in ours}, **LIMITS}


def _encoding(options: Options) -> str:
    """The encoding as written; empty for UTF-8, which needs no decoding of our own."""
    written = options.option("encoding") or options.option("charset")
    return "" if written.upper().replace("_", "-") in ("UTF-8", "UTF8") else written


def _pattern(text: str) -> str:
    import re

    return re.escape(text)
