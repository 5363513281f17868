"""Nested JSON between the shape it comes in and the type that the table has for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.lake import types

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType, StructField, StructType

NUMBER = "\ufdd0"
"""Stands before the text of a number, so that it stays as it came: parsing rewrites 1.50 as 1.5, 1e5 as 100000.0."""

_TOKENS = (
    r"""("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')"""
    r"|(?<![\w$.+-])(-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity|NaN))(?![\w$.+-])"
)
_REWRITTEN = r"[:\[,]\s*-?(?:\d+[.eE]|0\d|Infinity|NaN)|[:\[,]\s*-0"
"""Where a number may stand whose text does not survive parsing."""
_BROKEN = "__broken"
DEEPEST = 32
"""Levels of a column that are stored as such; what is deeper is JSON text in them. A table of more than forty can be
read by Spark alone: the schema's JSON has three levels for each, and others read no more than 128."""


@dataclass(frozen=True)
class Fit:
    """How values of one shape get into a column of one type."""

    shape: DataType
    """What to read: names as they came, in the order of the table's type."""
    stored: DataType
    """What the column holds: the same with the table's names."""
    native: bool = True
    """False when some values may not have the shape, so that each has to be looked at."""
    foreign: tuple[str, ...] = ()
    """Names inside for which there is no place."""
    news: tuple[str, ...] = ()
    """Paths of those that only lack one because the type must not evolve."""


def fit(came: DataType, stored: DataType | None, plain: Callable[[str], str], evolve: bool) -> Fit:
    """Match an inferred type, all texts inside, with the stored one (None: none yet).

    New nested fields go to the end of their struct, or are foreign where the type must not evolve; of names that are
    the same to the table, the exact spelling wins (S16) and the others are foreign.
    """
    from pyspark.sql.types import ArrayType, StringType, StructType

    if isinstance(stored, StringType) or (stored is None and isinstance(came, StringType)):
        return Fit(StringType(), StringType())
    if isinstance(came, StructType) and (stored is None or isinstance(stored, StructType)):
        return _fit_struct(came, stored, plain, evolve)
    if isinstance(came, ArrayType) and (stored is None or isinstance(stored, ArrayType)):
        inner = fit(came.elementType, stored.elementType if stored is not None else None, plain, evolve)
        news = tuple(f"element.{path}" for path in inner.news)
        return Fit(ArrayType(inner.shape), ArrayType(inner.stored), inner.native, inner.foreign, news)
    assert stored is not None  # an inferred type is a text, a struct or an array
    return Fit(stored, stored, native=False)


def _fit_struct(came: StructType, stored: StructType | None, plain: Callable[[str], str], evolve: bool) -> Fit:
    from pyspark.sql.types import StructField, StructType

    there = list(stored.fields) if stored is not None else []
    spelled = {field.name.casefold(): field.name for field in there}
    by_name: dict[str, list[StructField]] = defaultdict(list)
    for field in came.fields:
        name = plain(field.name)
        by_name[spelled.get(name.casefold(), name).casefold()].append(field)
    shapes: list[StructField] = []
    columns: list[StructField] = []
    foreign: list[str] = []
    news: list[str] = []
    native = True
    for field in there:
        found, others = primary(by_name.pop(field.name.casefold(), []), field.name)
        foreign += others
        if found is None:
            shapes.append(StructField(field.name, field.dataType))
            columns.append(field)
            continue
        inner = fit(found.dataType, field.dataType, plain, evolve)
        shapes.append(StructField(found.name, inner.shape))
        columns.append(StructField(field.name, inner.stored))
        native, foreign = native and inner.native, [*foreign, *inner.foreign]
        news += [f"{field.name}.{path}" for path in inner.news]
    for fields in by_name.values():
        found, others = primary(fields, plain(fields[0].name))
        if found is None or (stored is not None and not evolve):
            foreign += [field.name for field in fields]
            news.append(plain(fields[0].name))
            continue
        foreign += others
        inner = fit(found.dataType, None, plain, evolve)
        shapes.append(StructField(found.name, inner.shape))
        columns.append(StructField(plain(found.name), inner.stored))
        native, foreign = native and inner.native, [*foreign, *inner.foreign]
    return Fit(StructType(shapes), StructType(columns), native and not foreign, tuple(foreign), tuple(news))


def primary(fields: Sequence[StructField], name: str) -> tuple[StructField | None, list[str]]:
    """Of fields that are one column to the table: the one whose spelling is the column's, and the names of the others.

    A name that a record has twice comes twice; the reader takes its last value.
    """
    by_name = {field.name: field for field in fields}
    if not by_name:
        return None, []
    chosen = name if name in by_name else max(by_name)
    doubles = [field.dataType for field in fields if field.name == chosen]
    field = by_name[chosen]
    if any(kind != doubles[0] for kind in doubles):
        from pyspark.sql.types import StringType, StructField

        field = StructField(chosen, StringType())
    return field, sorted(other for other in by_name if other != chosen)


def shallow(kind: DataType, levels: int = DEEPEST) -> DataType:
    """The inferred type with texts for what is deeper than so many levels."""
    from pyspark.sql.types import ArrayType, StringType, StructField, StructType

    if not is_nested(kind):
        return kind
    if levels == 0:
        return StringType()
    if isinstance(kind, ArrayType):
        return ArrayType(shallow(kind.elementType, levels - 1))
    assert isinstance(kind, StructType)  # inference makes no maps
    return StructType([StructField(field.name, shallow(field.dataType, levels - 1)) for field in kind.fields])


def is_nested(kind: DataType) -> bool:
    """Whether values of the type have values inside."""
    from pyspark.sql.types import ArrayType, MapType, StructType

    return isinstance(kind, ArrayType | MapType | StructType)


def type_text(kind: DataType) -> str:
    """The canonical text of a type of Spark's."""
    return types.from_json(kind.jsonValue())


def marked(text: Column) -> Column:
    """The JSON with every number as a text that begins with `NUMBER`; `restored` takes it back."""
    from pyspark.sql import functions as F

    # each token gets two signs behind it: together they stand behind a text, around a number
    out = F.regexp_replace(text, _TOKENS, "$1\ufdd1$2\ufdd2")
    out = F.replace(out, F.lit("\ufdd1\ufdd2"), F.lit(""))
    out = F.replace(F.replace(out, F.lit("\ufdd1"), F.lit('"' + NUMBER)), F.lit("\ufdd2"), F.lit('"'))
    return F.when(text.rlike(_REWRITTEN), out).otherwise(text)  # a long text is copied only where it has to be


def restored(text: Column) -> Column:
    """A text out of marked JSON, its numbers as they came."""
    from pyspark.sql import functions as F

    return F.when(F.contains(text, F.lit(NUMBER)), F.regexp_replace(text, f'"?{NUMBER}([^"]*)"?', "$1")).otherwise(text)


def parsed(text: Column, shape: DataType) -> Column:
    """A struct of `value`, the text as that shape, and `__broken`, not NULL when it does not have the shape."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    wrapped = F.concat(F.lit('{"value":'), text, F.lit("}"))
    schema = StructType([StructField("value", shape), StructField(_BROKEN, StringType())])
    how = {"columnNameOfCorruptRecord": _BROKEN, **LIMITS}
    if not all_texts(shape):
        return F.from_json(wrapped, schema, how)
    # once more as JSON, to take the marks out of texts and out of the JSON that became one text
    again = F.to_json(F.from_json(marked(wrapped), schema, how))
    again = F.regexp_replace(again, rf'\\"{NUMBER}([^"\\]*)\\"', "$1")
    return F.from_json(F.replace(again, F.lit(NUMBER), F.lit("")), schema, LIMITS)


def broken(parse: Column, text: Column, foreign: Sequence[str]) -> Column:
    """Whether what `parsed` made of the text is not all of it."""
    import re

    from pyspark.sql import functions as F

    bad = text.isNotNull() & (parse.getField(_BROKEN).isNotNull() | parse.getField("value").isNull()) & (text != "null")
    if foreign:
        names = "|".join(re.escape(name) for name in foreign)
        bad = bad | F.coalesce(text.rlike(f'"(?:{names})"\\s*:'), F.lit(False))
    return bad


def as_texts(shape: DataType) -> DataType:
    """The same type with texts as its leaves."""
    from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

    if isinstance(shape, StructType):
        return StructType([StructField(field.name, as_texts(field.dataType)) for field in shape.fields])
    if isinstance(shape, ArrayType):
        return ArrayType(as_texts(shape.elementType))
    if isinstance(shape, MapType):
        return MapType(shape.keyType, as_texts(shape.valueType))
    return StringType()


def text_paths(kind: DataType, plain: Callable[[str], str]) -> frozenset[tuple[str, ...]]:
    """Paths inside of a type, in small letters, at which it has texts; the empty path is the type itself."""
    from pyspark.sql.types import ArrayType, StringType, StructType

    if isinstance(kind, StructType):
        inside = {plain(field.name).casefold(): field.dataType for field in kind.fields}
        return frozenset((name, *path) for name, part in inside.items() for path in text_paths(part, plain))
    if isinstance(kind, ArrayType):
        return frozenset(("element", *path) for path in text_paths(kind.elementType, plain))
    return frozenset([()] if isinstance(kind, StringType) else [])


def all_texts(shape: DataType) -> bool:
    """Whether the leaves of a type are all texts."""
    from pyspark.sql.types import ArrayType, MapType, StringType, StructType

    if isinstance(shape, StructType):
        return all(all_texts(field.dataType) for field in shape.fields)
    if isinstance(shape, ArrayType):
        return all_texts(shape.elementType)
    if isinstance(shape, MapType):
        return all_texts(shape.valueType)
    return isinstance(shape, StringType)


MICROSECONDS = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""Options of `to_json`, which cuts timestamps to milliseconds otherwise."""
LIMITS = {"maxNestingDepth": "102", "maxStringLen": "2147483647", "maxNumLen": "2147483647"}
"""A record nested deeper is bad (Spark's inference overflows the stack at 400 and takes the JVM down); texts and
numbers may be of any length (Jackson's own limits are 20 MB and 1000 digits)."""
