"""What the elements of XML have inside: what there was in all records, and how it gets into a table's columns.

Of one record nobody can tell whether an element is a list of one, or a text that has attributes elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from lakehouse.sources.conform import Take, Way, as_json, way
from lakehouse.sources.fields import Wanted
from lakehouse.sources.nested import is_nested

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType, StructField, StructType


def found(inferred: StructType, mark: str, text_name: str) -> list[StructField]:
    """The fields of records whose elements all had an attribute of the name `mark`; `text_name`: that of their texts.

    With the mark each element is a struct. Without, Spark drops the attributes of an element that is a plain text
    elsewhere, or keeps all that is inside as one text, and the order of the records decides.
    """
    return [_field(field.name, _unmarked(field.dataType, mark, text_name)) for field in inferred.fields]


def _unmarked(kind: DataType, mark: str, text_name: str) -> DataType:
    """The type without marks: an empty struct for what never has anything, text for what has a text only."""
    from pyspark.sql.types import ArrayType, StringType, StructType

    if isinstance(kind, ArrayType):
        return ArrayType(_unmarked(kind.elementType, mark, text_name))
    if not isinstance(kind, StructType):
        return kind
    fields = [_field(f.name, _unmarked(f.dataType, mark, text_name)) for f in kind.fields if f.name != mark]
    only = [field.dataType for field in fields if field.name == text_name and len(fields) == 1]
    return only[0] if only and isinstance(only[0], StringType) else StructType(fields)


def reading(came: DataType, stored: DataType | None, wanted: Wanted, text_name: str) -> DataType:
    """The type to read a field as, so that its values get into a column of the stored type (None: a new one)."""
    from pyspark.sql.types import ArrayType, StringType, StructType

    if isinstance(came, ArrayType) or isinstance(stored, ArrayType):
        inside = came.elementType if isinstance(came, ArrayType) else came
        within = stored.elementType if isinstance(stored, ArrayType) else stored
        return ArrayType(reading(inside, within, wanted, text_name))
    if isinstance(came, StructType) and (came.fields or isinstance(stored, StructType)):
        columns = {f.name.casefold(): f.dataType for f in stored.fields} if isinstance(stored, StructType) else {}
        return StructType(
            [
                _field(
                    f.name, reading(f.dataType, columns.get(wanted.nested_name(f.name).casefold()), wanted, text_name)
                )
                for f in came.fields
            ]
        )
    if isinstance(stored, StructType):
        return StructType([_field(text_name, came)])
    return StringType()  # a text, or an element that never has anything


def element(text_name: str, came: DataType, stored: DataType, wanted: Wanted) -> Way | None:
    """The way of an element that is less than others of its name; None for what goes the way of all types."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, StringType, StructType

    if isinstance(came, ArrayType) and not isinstance(stored, ArrayType):
        inner = way(came.elementType, stored, wanted)
        return _either(came, inner, lambda value: F.size(value) == 1, lambda value: value.getItem(0))
    if isinstance(came, StructType) and not is_nested(stored):
        return _text_alone(text_name, came, stored, wanted)
    if isinstance(came, StringType) and not isinstance(stored, StringType) and not is_nested(stored):
        inner = way(came, stored, replace(wanted, special=None))  # as Spark reads it, an empty element is no number
        return _before(inner, lambda value: F.nullif(value, F.lit("")))
    return None


def _text_alone(text_name: str, came: StructType, stored: DataType, wanted: Wanted) -> Way:
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType

    texts = [field for field in came.fields if field.name == text_name]
    others = [field.name for field in came.fields if field.name != text_name]

    def alone(value: Column) -> Column:
        return reduce(lambda one, other: one & value.getField(other).isNull(), others, value.isNotNull())

    def text(value: Column) -> Column:
        found = value.getField(text_name) if texts else F.lit(None).cast("string")
        return found if texts and is_nested(texts[0].dataType) else F.coalesce(found, F.lit(""))

    return _either(came, way(texts[0].dataType if texts else StringType(), stored, wanted), alone, text)


def _before(inner: Way, first: Take) -> Way:
    def then(one: Take) -> Take:
        return lambda value: one(first(value))

    news = {path: then(inside) for path, inside in inner.news.items()}
    return Way(inner.stored, then(inner.take), None if inner.lost is None else then(inner.lost), news)


def _either(came: DataType, inner: Way, alone: Callable[[Column], Column], one: Take) -> Way:
    """The way of a value that counts as one of its parts where it has no other; else it is JSON in a text column."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType

    part = _before(inner, one)
    if isinstance(inner.stored, StringType):
        take = lambda value: F.when(alone(value), part.take(value)).otherwise(as_json(value, came))  # noqa: E731
        inside = part.lost
        return Way(inner.stored, take, inside and (lambda value: alone(value) & inside(value)))

    def lost(value: Column) -> Column:
        broken = part.lost(value) if part.lost else F.lit(False)
        return value.isNotNull() & (~alone(value) | broken)

    return Way(inner.stored, lambda value: F.when(alone(value), part.take(value)), lost, part.news)


def _field(name: str, kind: DataType) -> StructField:
    from pyspark.sql.types import StructField

    return StructField(name, kind)
