"""XML: each element that is called as `rowTag` says is one record; its values arrive as text.

Attributes are fields whose names begin with `_`, a text beside attributes or elements is the field `_VALUE`, an element
that comes several times is an array. In a column of plain values, one of an array and a text of which other records
have more count as they are. An element without anything is an empty text, and NULL in a column of another type. Names
that differ by case are one.

The rows are found in the whole text of a file, which is held in memory: a file of more than 256 MiB fails (32 MiB when
it is compressed). Spark's own reader loses a row that does not end, and more. Nothing outside of a file is ever read
for it: what a DOCTYPE says is passed over, and a record with an entity of its own is bad.
"""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial, reduce
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from lakehouse.errors import StepError
from lakehouse.sources import elements, markup
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.conform import Way, way
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Field, Part, Scan, Wanted
from lakehouse.sources.filesystem import filesystem
from lakehouse.sources.header import growing
from lakehouse.sources.reading import file_columns, load, reader
from lakehouse.sources.stores import raise_if_away
from lakehouse.sources.typed import taken

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructField

_MOST = 256 << 20
_EDGE = 1 << 16
"""Bytes at the beginning and at the end of a file that are looked at here."""
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4", ".snappy", ".deflate")
_CORRUPT, _NOTHING = "\ufdd0corrupt", "\ufdd0nothing"
_MARK = "lakehouse-mark"
"""An attribute that no file has."""
_NAME = re.compile(r"[^\s<>/\"'=&\\]+")


class Options(FileSource):
    """Keys of `source: {format: xml}`."""

    spark_options: ClassVar[frozenset[str] | None] = frozenset([
        "rowTag", "attributePrefix", "valueTag", "encoding", "charset", "ignoreSurroundingSpaces", "nullValue",
        "ignoreNamespace",
    ])  # fmt: skip
    infers: ClassVar[bool] = True
    arrives_as: ClassVar[str | None] = "string"  # what is nested arrives so inside

    format: Literal["xml"] = "xml"
    """XML files; `options: {rowTag: …}` names the element that is one row."""

    @model_validator(mode="after")
    def _names_its_rows(self) -> Options:
        row_tag = self.option("rowTag")
        if not row_tag:
            raise ValueError("XML needs the name of the element that is one row; write `options: {rowTag: …}`")
        if not _NAME.fullmatch(row_tag):
            raise ValueError(f"{row_tag!r} is not the name of an element; write it without brackets, as `book`")
        if self.attribute_prefix == self.value_tag:
            raise ValueError("`valueTag` cannot be the same as `attributePrefix`")
        return self

    @property
    def attribute_prefix(self) -> str:
        return self.option("attributePrefix", "_")

    @property
    def value_tag(self) -> str:
        return self.option("valueTag", "_VALUE")


def scan(spark: SparkSession, options: Options, files: Sequence[SourceFile], wanted: Wanted) -> Scan:
    """Read the files; ONE Spark job, which infers their fields. The beginning and the end of each are read here.

    Raises StepError for an encoding that is not known.
    """
    from pyspark.sql import DataFrame

    failed: dict[str, str] = {}
    groups: dict[str, list[SourceFile]] = defaultdict(list)
    for file, encoding in zip(files, _encodings(spark, options, files, wanted.storage), strict=True):
        if isinstance(encoding, Exception):
            failed[file.path] = f"cannot be read: {encoding}"
        elif file.size > (_MOST >> 3 if file.path.lower().endswith(_COMPRESSED) else _MOST):
            failed[file.path] = f"cannot be read: {file.size >> 20} MiB are too much; split it into smaller files"
        elif file.size:
            groups[encoding].append(file)
    if not groups:
        return Scan([], failed, clean=True)
    records = reduce(DataFrame.union, [_records(spark, options, group, name) for name, group in groups.items()])
    fields = _infer(spark, options, records)
    named = f"no element <{options.option('rowTag')}> of these files has a value; `rowTag` names the element of a row"
    wanted = replace(wanted, special=partial(elements.element, options.value_tag))
    warnings = [*_cut(groups, options, wanted.storage), *([] if fields else [named])]
    return Scan([_part(options, records, fields, wanted)], failed, warnings)


def _cut(groups: Mapping[str, Sequence[SourceFile]], options: Options, storage: Mapping[str, str]) -> list[str]:
    """Warnings for files that may be cut behind a row, of which nothing else could be seen to be missing."""

    def one(item: tuple[SourceFile, str]) -> str:
        file, encoding = item
        store, inner = filesystem(file.path, storage)
        try:
            with store.open_input_file(inner(file.path)) as stream:
                texts = [codecs.decode(stream.read_at(_EDGE, at), encoding, "replace") for at in (0, _last(file.size))]
        except (OSError, LookupError):  # a run tells when it reads it, and Java may know more encodings
            return ""
        name = markup.unclosed(*texts)
        if not name or options.option("rowTag") in (name, name.rpartition(":")[2]):  # a row that does not end is bad
            return ""
        return f"{file.path} ends before its outermost element <{name}> does: rows may be missing at its end"

    files = [(f, name) for name, group in groups.items() for f in group if not f.path.lower().endswith(_COMPRESSED)]
    with ThreadPoolExecutor(8) as threads:
        return [warning for warning in threads.map(one, files) if warning]


def _last(size: int) -> int:
    """Where the last bytes of a file begin, so that no sign of UTF-16 or UTF-32 is cut."""
    return max(0, size - _EDGE) // 4 * 4


def _encodings(
    spark: SparkSession, options: Options, files: Sequence[SourceFile], storage: Mapping[str, str]
) -> list[str | Exception]:
    """The encoding of each file, or why it cannot be read; the option's where it is written."""
    charset: Any = spark._jvm.java.nio.charset.Charset  # type: ignore[union-attr]

    @cache
    def known(name: str) -> bool:
        return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:_+-]*", name)) and bool(charset.isSupported(name))

    written = options.option("encoding") or options.option("charset")
    if written and not known(written):
        raise StepError(f"the encoding {written!r} is unknown", code="source.options")

    def one(file: SourceFile) -> str | Exception:
        try:
            found = written or markup.encoding(next(growing(file.path, storage), b""))
        except OSError as error:
            raise_if_away(file.path, error)
            return error
        return found if known(found) else ValueError(f"its encoding {found!r} is unknown")

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, files))


def _records(spark: SparkSession, options: Options, files: Sequence[SourceFile], encoding: str) -> DataFrame:
    """The pieces of the files as `value`, whether each may be a record as `whole`, and the columns of their files."""
    from pyspark.sql import functions as F

    frame = load(reader(spark, {"wholetext": "true"}).format("text"), files)
    text, exact = F.col("value"), F.is_valid_utf8("value")
    if encoding.upper().replace("_", "-") not in ("UTF-8", "UTF8", "US-ASCII", "ASCII"):
        with _any_charset(spark):
            frame = frame.withColumn("value", F.decode(F.col("value").cast("binary"), encoding))
        exact = F.lit(False)
    text = F.regexp_replace(text, "^\ufeff", "").alias("text")
    return _pieces(options, frame.select(text, exact.alias("exact"), *file_columns(frame, files)))


def of_texts(
    spark: SparkSession, options: Options, records: DataFrame, wanted: Wanted, along: Sequence[str] = ()
) -> list[Part]:
    """Records by their texts in the column `value`, each alone; ONE Spark job. Columns `along` go along."""
    from pyspark.sql import functions as F

    texts = records.select(F.col("value").alias("text"), F.lit(True).alias("exact"), FILE, MODIFIED, *along)
    pieces = _pieces(options, texts, along)
    wanted = replace(wanted, special=partial(elements.element, options.value_tag))
    return [_part(options, pieces, _infer(spark, options, pieces), wanted, along)]


def _pieces(options: Options, texts: DataFrame, along: Sequence[str] = ()) -> DataFrame:
    """What may be records in each text, or the text itself where there is none and it is not empty."""
    from pyspark.sql import functions as F

    rows = markup.rows(options.option("rowTag"), options.flag("ignoreNamespace"))
    frame = texts.withColumn("pieces", markup.pieces(F.col("text"), rows))
    nothing = (F.size("pieces") == 0) & F.col("text").rlike(r"\S") & ~markup.is_xml(F.col("text"))
    if along:  # what stands for a record is one, whatever it says
        nothing = F.size("pieces") == 0
    found = F.explode(F.when(nothing, F.array("text")).otherwise(F.col("pieces")))
    frame = frame.select(found.alias("value"), "exact", FILE, MODIFIED, *along)
    lost = ~F.col("exact") & F.contains("value", F.lit("\ufffd"))
    return frame.select("value", (markup.whole(F.col("value"), rows) & ~lost).alias("whole"), FILE, MODIFIED, *along)


@contextmanager
def _any_charset(spark: SparkSession) -> Iterator[None]:
    """What is planned inside decodes every encoding that Java knows, with U+FFFD for what is none of its signs."""
    names = ("spark.sql.legacy.javaCharsets", "spark.sql.legacy.codingErrorAction")
    before = {name: spark.conf.get(name) or "false" for name in names}
    try:
        for name in names:
            spark.conf.set(name, "true")
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def _infer(spark: SparkSession, options: Options, records: DataFrame) -> list[StructField]:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    texts = records.where("whole").select(markup.with_attribute(markup.without_asides(F.col("value")), _MARK))
    jvm: Any = spark._jvm
    dataset = getattr(texts._jdf, "as")(jvm.org.apache.spark.sql.Encoders.STRING())
    inferred = DataFrame(spark.read.options(**_parser_options(options))._jreader.xml(dataset), spark).schema
    fields = elements.found(inferred, options.attribute_prefix + _MARK, options.value_tag)
    return [field for field in fields if field.name not in (_CORRUPT, options.attribute_prefix + _MARK)]


def _part(
    options: Options,
    records: DataFrame,
    found: Sequence[StructField],
    wanted: Wanted,
    along: Sequence[str] = (),
) -> Part:
    from pyspark.sql import functions as F
    from pyspark.sql.types import DataType, StringType, StructField, StructType

    groups: dict[str, list[StructField]] = defaultdict(list)
    for field in found:
        groups[wanted.name(field.name).casefold()].append(field)
    ways: list[tuple[StructField, Way, bool]] = []
    for same in groups.values():
        name = wanted.name(same[0].name)
        chosen = next((field for field in same if field.name == name), same[0])
        for field in [chosen, *(other for other in same if other is not chosen)]:
            text = wanted.type(field.name) or ("" if wanted.evolve else "string")
            text = text if field is chosen else "string"  # what has no place is rescued, as the text it is
            stored = DataType.fromDDL(text) if text else None
            kind = elements.reading(field.dataType, stored, wanted, options.value_tag)
            ways.append((StructField(field.name, kind), way(kind, stored, wanted), field is chosen))
    extra = [StructField(_NOTHING, StringType()), StructField(_CORRUPT, StringType())]  # the last: Spark counts on it
    schema = StructType([*(field for field, _, _ in ways), *extra])
    parsed = F.from_xml(markup.without_asides(F.col("value")), schema, _parser_options(options))
    frame = records.withColumn("row", F.when(F.col("whole"), parsed))
    row = F.col("row")
    fields: list[Field] = []
    columns: list[Column] = []
    for index, (item, how, placed) in enumerate(ways):
        one, made = taken(index, item.name, row.getField(item.name), how, way(item.dataType, StringType(), wanted).take)
        fields.append(replace(one, placed=placed))
        columns += made
    bad = row.isNull() | row.getField(_CORRUPT).isNotNull()
    frame = frame.select(*columns, F.when(bad, F.col("value")).alias(RAW), FILE, MODIFIED, *along)
    return Part(frame, fields, f"the record is not one whole element <{options.option('rowTag')}>", "xml")


def _parser_options(options: Options) -> dict[str, str]:
    ours = ("encoding", "charset")
    theirs = {name: value for name, value in options.options.items() if name.casefold() not in ours}
    return {
        **theirs,
        "inferSchema": "false",
        "columnNameOfCorruptRecord": _CORRUPT,
        "wildcardColName": _NOTHING,  # or an element called xs_any would take what others are
    }
