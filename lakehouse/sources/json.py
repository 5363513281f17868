"""JSON: one record per line, or whole files with `multiLine`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lakehouse.names import quoted
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Field, Part, Scan, Wanted
from lakehouse.sources.nested import (
    LIMITS,
    Fit,
    as_texts,
    fit,
    is_nested,
    marked,
    parsed,
    primary,
    restored,
    text_paths,
    type_text,
)
from lakehouse.sources.reading import file_columns, reader, spark_paths

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructField, StructType

_CORRUPT = "__lakehouse_corrupt"
_NOTHING = "__lakehouse_nothing"
_TRAILING = "__lakehouse_trailing"
_COMPLAINT = "the record is not one whole JSON object"

_LIST = r"^\s*\["
# a null, alone or in a list; what follows a closed object or list and is no separator or other end; a second object
_SUSPECT = r"^\s*null\b|^\s*\[[\s\S]*[\[,]\s*null\s*[,\]]|[}\]]\s*[^\s,}\]]|^\s*\{[^\[]*\}\s*,\s*\{"


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

    The fast way is Spark's own reader. It does not report two things: what stands behind a whole object in a record,
    and one of two fields whose names differ by case only. A batch that has one of them goes the long way over the text
    of its records, with the same result for all others.
    """
    files = [file for file in files if file.size]
    if not files:
        return Scan([], clean=True)
    found = _infer(spark, options, _records(spark, options, files), wanted.infer)
    fields, columns = _fields(found.schema, wanted)
    if found.trailing or any(not field.placed for field in fields) or _encoding(options):
        frame = _from_text(spark, options, files, columns)
    else:
        frame = _native(spark, options, files, columns)
    return Scan([Part(frame, fields, _COMPLAINT)], clean=not (found.malformed or found.trailing))


@dataclass(frozen=True)
class _Found:
    """What inference saw."""

    schema: StructType
    malformed: bool
    trailing: bool


@dataclass(frozen=True)
class _Column:
    """One column of a part's frame: the names in the records that it is taken from, and how."""

    name: str
    names: Sequence[str]
    fit: Fit
    unless: Sequence[str] = ()
    """Only where none of these fields has a value: theirs is the column."""


def _records(spark: SparkSession, options: Options, files: Sequence[SourceFile]) -> DataFrame:
    """The texts of the records (whole files with `multiLine`) as `value`, with the columns of their files."""
    from pyspark.sql import functions as F

    encoding, line_sep = _encoding(options), options.option("lineSep")
    if encoding:
        frame = reader(spark, {}).format("binaryFile").load(spark_paths(files))
        text = F.decode("content", encoding)
        if not options.flag("multiLine"):
            text = F.explode(F.split(text, _pattern(line_sep) if line_sep else "\r\n|\r|\n"))
        frame = frame.select(text.alias("value"), *file_columns(frame, files))
    else:
        how = {"lineSep": line_sep} if line_sep else {}
        frame = reader(spark, how).text(spark_paths(files), wholetext=options.flag("multiLine"))
        frame = frame.select("value", *file_columns(frame, files))
    if encoding or options.flag("multiLine"):
        frame = frame.withColumn("value", F.regexp_replace("value", "^\ufeff", ""))
    return frame.where(F.col("value").rlike(r"\S"))


def _infer(spark: SparkSession, options: Options, records: DataFrame, typed: bool) -> _Found:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    text = F.when(_trailing(F.col("value"), options), F.lit(f'{{"{_TRAILING}":1}}')).otherwise(F.col("value"))
    jvm: Any = spark._jvm
    encoder = jvm.org.apache.spark.sql.Encoders.STRING()
    texts = getattr(records.select(text)._jdf, "as")(encoder)
    how = {
        **_parser_options(options),
        "primitivesAsString": str(not typed).lower(),
        "dropFieldIfAllNull": "true",  # S6: no column from noise
        "columnNameOfCorruptRecord": _CORRUPT,
    }
    # a dataset of texts instead of paths: the check for trailing text rides along, and doubled names are no error
    schema = DataFrame(spark.read.options(**how)._jreader.json(texts), spark).schema
    names = schema.fieldNames()
    fields = [field for field in schema.fields if field.name not in (_CORRUPT, _TRAILING)]
    return _Found(StructType(fields), _CORRUPT in names, _TRAILING in names)


def _trailing(text: Column, options: Options) -> Column:
    """Whether a record is not bad to Spark's reader, and yet not one whole object or array of objects.

    That is text behind it, which the reader drops, and `null`, of which it makes a row. Exact only where it looks so.
    """
    from pyspark.sql import functions as F

    # on a line of its own, so that a comment does not take the bracket
    inside = F.concat(F.lit("["), F.regexp_replace(text, r"\s*,\s*$", ""), F.lit("\n]"))
    how = _parser_options(options)
    objects = F.from_json(inside, "array<map<string,string>>", how)
    lists = F.from_json(inside, "array<array<map<string,string>>>", how)
    rows = F.when(F.size(lists) == 1, lists.getItem(0))
    whole = F.when(text.rlike(_LIST), rows.isNotNull() & ~F.exists(rows, lambda row: row.isNull())).otherwise(
        (F.size(objects) == 1) & objects.getItem(0).isNotNull()
    )
    ends_there = F.instr(text, "}") == F.length(text)
    bad_text = ~F.is_valid_utf8(text)  # bad to the reader, but not once it is a text
    return (
        F.when(bad_text, True)
        .when(ends_there, False)
        .when(~text.rlike(_SUSPECT), False)
        .otherwise(~F.coalesce(whole, F.lit(False)))
    )


def _fields(schema: StructType, wanted: Wanted) -> tuple[list[Field], list[_Column]]:
    """The fields for the table, and the frame's columns in the same order."""
    from pyspark.sql.types import DataType, StringType, StructField

    groups: dict[str, list[StructField]] = defaultdict(list)
    told: dict[str, frozenset[tuple[str, ...]]] = {}
    for field in schema.fields:
        groups[wanted.name(field.name).casefold()].append(StructField(field.name, as_texts(field.dataType)))
        if wanted.infer:
            told[field.name] = told.get(field.name, frozenset()) | text_paths(field.dataType, wanted.nested_name)
    fields: list[Field] = []
    columns: list[_Column] = []

    def add(name: str, how: Fit, placed: bool = True, names: Sequence[str] = (), unless: Sequence[str] = ()) -> None:
        column = f"c{len(columns)}"
        native = how.native or isinstance(how.shape, StringType)
        as_text = Fit(StringType(), StringType())
        columns.append(_Column(column, [name, *names], how if native else as_text, unless))
        shape = None if native else how.shape
        came = frozenset[tuple[str, ...]]().union(*(told.get(n, ()) for n in (name, *names)))
        fields.append(
            Field(name, column, type_text(how.stored), shape, how.foreign, placed, has_value=True, texts=came)
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


def _native(
    spark: SparkSession, options: Options, files: Sequence[SourceFile], columns: Sequence[_Column]
) -> DataFrame:
    """The records by Spark's own reader."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    corrupt, nothing = _CORRUPT, _NOTHING
    while {corrupt, nothing} & {column.names[0].casefold() for column in columns}:
        corrupt, nothing = corrupt + "_", nothing + "_"
    # Spark refuses a query that needs the text of bad records only, so a field that no record has goes with it
    ours = [StructField(corrupt, StringType()), StructField(nothing, StringType())]
    schema = StructType([*(StructField(c.names[0], c.fit.shape) for c in columns), *ours])
    how = {**_parser_options(options), "columnNameOfCorruptRecord": corrupt}
    for name in ("lineSep", "multiLine"):
        if options.option(name):
            how[name] = options.option(name)
    frame = reader(spark, how).schema(schema).json(spark_paths(files))
    read = [F.col(quoted(c.names[0])).cast(c.fit.stored).alias(c.name) for c in columns]
    return frame.select(*read, F.coalesce(F.col(corrupt), F.col(nothing)).alias(RAW), *file_columns(frame, files))


def _from_text(
    spark: SparkSession, options: Options, files: Sequence[SourceFile], columns: Sequence[_Column]
) -> DataFrame:
    """The records by their texts, for what Spark's own reader would lose."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, StringType, StructField, StructType

    names = list(dict.fromkeys(name for column in columns for name in column.names))
    inside = StructType([StructField(name, StringType()) for name in names])
    renamed = StructType([StructField(f"f{i}", StringType()) for i in range(len(names))])
    place = {name: f"f{i}" for i, name in enumerate(names)}
    how = {**_parser_options(options), "columnNameOfCorruptRecord": _CORRUPT}
    text = marked(F.col("value"))
    one = F.from_json(text, StructType([*inside.fields, StructField(_CORRUPT, StringType())]), how)
    many = F.from_json(text, ArrayType(inside), how)
    whole = StructType([*renamed.fields, StructField(_CORRUPT, StringType())])
    frame = _records(spark, options, files).withColumn("__trailing", _trailing(F.col("value"), options))
    rows = F.when(F.col("value").rlike(_LIST), many.cast(ArrayType(renamed))).otherwise(
        F.transform(
            F.filter(F.array(one.cast(whole)), lambda row: row[_CORRUPT].isNull()),
            lambda row: F.struct(*[row[name] for name in renamed.fieldNames()]).cast(renamed),
        )
    )
    frame = frame.withColumn("__rows", F.when(~F.col("__trailing"), rows))
    bad = (
        F.col("__rows").isNull()
        | F.exists("__rows", lambda row: row.isNull())
        | ((F.size("__rows") == 0) & ~F.col("value").rlike(_LIST))
    )
    frame = frame.withColumn(RAW, F.when(bad, F.col("value")))
    nothing = F.array(F.lit(None).cast(renamed))
    frame = frame.withColumn("__row", F.explode(F.when(F.col(RAW).isNotNull(), nothing).otherwise(F.col("__rows"))))
    frame = frame.select(
        *[restored(F.col("__row").getField(name)).alias(name) for name in renamed.fieldNames()], RAW, FILE, MODIFIED
    )
    return frame.select(*[_value(column, place) for column in columns], RAW, FILE, MODIFIED)


def _value(column: _Column, place: dict[str, str]) -> Column:
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType

    value = F.coalesce(*[F.col(place[name]) for name in column.names])
    if column.unless:
        value = F.when(F.coalesce(*[F.col(place[name]) for name in column.unless]).isNotNull(), value)
    if not isinstance(column.fit.shape, StringType):
        value = parsed(value, column.fit.shape).getField("value").cast(column.fit.stored)
    return value.alias(column.name)


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
