"""Values of one type as values of another: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

from lakehouse.lake import types
from lakehouse.quality.casts import castable, strict_cast
from lakehouse.sources.fields import Wanted
from lakehouse.sources.nested import DEEPEST, MICROSECONDS, is_nested

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType, DecimalType, StructType

_WIDER: Mapping[str, frozenset[str]] = {
    "tinyint": frozenset(["smallint", "int", "bigint", "float", "double"]),
    "smallint": frozenset(["int", "bigint", "float", "double"]),
    "int": frozenset(["bigint", "double"]),
    "float": frozenset(["double"]),
    "date": frozenset(["timestamp_ntz"]),
}
"""Type -> types that have all of its values."""
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_MOST_DIGITS = 38
_TIMES = frozenset(["date", "timestamp", "timestamp_ntz"])

Take = Callable[["Column"], "Column"]


@dataclass(frozen=True)
class Way:
    """How a value gets into a column."""

    stored: DataType
    """The column's type, grown by what the value has and it did not."""
    take: Take
    """The value as that type; NULL, or without some of its parts, where it does not fit."""
    lost: Take | None = None
    """Whether `take` is not all of the value; None: it always is."""
    news: Mapping[str, Take] = field(default_factory=dict)
    """Path of a nested field that only lacks a place because types must not evolve -> whether the value has it."""


def way(came: DataType, stored: DataType | None, wanted: Wanted, levels: int = DEEPEST) -> Way:
    """The way of a value into a column of this type (None: a new column, of at most so many levels).

    New nested fields go to the end of their struct, or have no place where the type must not evolve. With
    `wanted.widen` a plain type, also of a struct's field, becomes one that has both, where Delta can change it so.
    """
    from pyspark.sql.types import ArrayType, MapType, StringType, StructType

    if wanted.special and stored is not None and (known := wanted.special(came, stored, wanted)):
        return known
    if stored is None and levels == 0 and is_nested(came):
        return _plain(came, StringType())
    if isinstance(came, StructType) and (stored is None or isinstance(stored, StructType)):
        return _struct(came, stored, wanted, levels - 1)
    if isinstance(came, ArrayType) and (stored is None or isinstance(stored, ArrayType)):
        kind = stored.elementType if stored is not None else None
        inner = way(came.elementType, kind, replace(wanted, widen=False), levels - 1)
        return _array(came, inner)
    if isinstance(came, MapType) and (
        stored is None or (isinstance(stored, MapType) and stored.keyType == storable(came.keyType))
    ):
        values = stored.valueType if stored is not None else None
        return _map(came, way(came.valueType, values, replace(wanted, widen=False), levels - 1))
    if stored is None:
        return _plain(came, storable(came))
    return _plain(came, _widened(came, stored) if wanted.widen else stored)


def _widened(came: DataType, stored: DataType) -> DataType:
    """A type that has the values of both and to which Delta can widen the stored one; without any, the stored one."""
    from pyspark.sql.types import DecimalType

    if is_nested(came) or is_nested(stored) or fitting(came, stored):
        return stored
    now = stored.simpleString()
    # Delta makes a whole number a decimal of 10 or 20 digits before the point, whatever it has
    start = DecimalType(20 if now == "bigint" else 10, 0) if now in _DIGITS else stored
    kinds = _candidates(start, came)
    return next((k for k in kinds if types.widens(now, k.simpleString()) and fitting(came, k)), stored)


def _struct(came: StructType, stored: StructType | None, wanted: Wanted, levels: int) -> Way:
    from pyspark.sql import functions as F
    from pyspark.sql.types import NullType, StringType, StructField, StructType

    columns = {field.name.casefold(): field for field in stored.fields} if stored is not None else {}
    ways: dict[str, tuple[str, Way]] = {}
    foreign: list[str] = []
    news: dict[str, Take] = {}
    for item in came.fields:
        if isinstance(item.dataType, NullType):
            continue  # it has no value
        name = wanted.nested_name(item.name)
        fold = name.casefold()
        if fold in ways or (stored is not None and fold not in columns and not wanted.evolve):
            foreign.append(item.name)
            if fold not in ways:
                news[name] = _there(item.name)
            continue
        inner = way(item.dataType, columns[fold].dataType if fold in columns else None, wanted, levels)
        ways[fold] = (item.name, inner)
        news |= {f"{name}.{path}": _there(item.name, inside) for path, inside in inner.news.items()}
        columns[fold] = StructField(columns[fold].name if fold in columns else name, inner.stored)
    grown = StructType([StructField(field.name, field.dataType) for field in columns.values()])
    if not grown.fields:
        return Way(StringType(), lambda value: as_json(value, came))  # Delta has no struct without fields
    some = {name: inner.lost for name, inner in ways.values() if inner.lost is not None}

    def take(value: Column) -> Column:
        members = []
        for fold, item in columns.items():
            name, inner = ways.get(fold, ("", None))
            member = inner.take(value.getField(name)) if inner else F.lit(None).cast(item.dataType)
            members.append(member.alias(item.name))
        return F.when(value.isNotNull(), F.struct(*members))

    def lost(value: Column) -> Column:
        parts = [value.getField(name).isNotNull() for name in foreign]
        parts += [one(value.getField(name)) for name, one in some.items()]
        return reduce(lambda one, other: one | other, parts)

    same = came.simpleString() == grown.simpleString() and not foreign and not some
    return Way(grown, (lambda value: value) if same else take, lost if foreign or some else None, news)


def _there(name: str, inside: Take | None = None) -> Take:
    """Whether the field of a struct has a value, or one for which `inside` is true."""
    if inside is None:
        return lambda value: value.getField(name).isNotNull()
    return lambda value: inside(value.getField(name))


def _some(inside: Take) -> Take:
    """Whether this is so of an element of an array."""
    from pyspark.sql import functions as F

    return lambda value: F.coalesce(F.exists(value, inside), F.lit(False))


def _array(came: DataType, inner: Way) -> Way:
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType

    return Way(
        ArrayType(inner.stored),
        lambda value: F.transform(value, inner.take),
        None if inner.lost is None else _some(inner.lost),
        {f"element.{path}": _some(inside) for path, inside in inner.news.items()},
    )


def _map(came: DataType, inner: Way) -> Way:
    from pyspark.sql import functions as F
    from pyspark.sql.types import MapType

    assert isinstance(came, MapType)
    key = storable(came.keyType)

    def values(one: Take) -> Take:
        return lambda value: _some(one)(F.map_values(value))

    def take(value: Column) -> Column:
        keyed = value if key == came.keyType else F.transform_keys(value, lambda name, _: name.cast(key))
        return F.transform_values(keyed, lambda _, item: inner.take(item))

    return Way(
        MapType(key, inner.stored),
        take,
        None if inner.lost is None else values(inner.lost),
        {f"value.{path}": values(inside) for path, inside in inner.news.items()},
    )


def _plain(came: DataType, stored: DataType) -> Way:
    """The way of a value that has no parts, or of one whose parts have no place one by one."""
    a, b = storable(came).simpleString(), stored.simpleString()
    if b == "string" and a != "binary":
        return Way(stored, as_text(came))
    if not is_nested(came) and (fitting(storable(came), stored) or (b == "variant" and a not in ("string", "binary"))):
        return Way(stored, lambda value: value.cast(a).cast(b))
    return Way(
        stored,
        lambda value: _tried(value, a, b),
        lambda value: value.isNotNull() & _tried(value, a, b).isNull(),
    )


def _tried(value: Column, came: str, stored: str) -> Column:
    """The value as the other type where it is the same there, else NULL."""
    from pyspark.sql import functions as F

    numbers = _is_number(came) and _is_number(stored)
    if numbers or {came, stored} <= _TIMES:
        tried = value.try_cast(stored)
        return F.when(tried.try_cast(came).eqNullSafe(value), tried)
    if came == "string" and stored == "variant":
        return F.try_parse_json(value)
    if came == "string" and castable(came, stored):
        return strict_cast(value, came, stored)
    if came == "binary" and stored == "string":
        text = value.cast("string")
        return F.when(F.is_valid_utf8(text), text)
    return F.lit(None).cast(stored)


def as_text(kind: DataType) -> Take:
    """Any value as text: bytes in Base64 and what has parts as JSON, as in Spark's JSON."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import BinaryType

    if is_nested(kind):
        return lambda value: as_json(value, kind)
    return F.base64 if isinstance(kind, BinaryType) else lambda value: value.cast("string")


def as_json(value: Column, kind: DataType) -> Column:
    """The value, which has parts, as JSON text."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import BinaryType, MapType

    if isinstance(kind, MapType) and isinstance(kind.keyType, BinaryType):
        return F.to_json(F.transform_keys(value, lambda name, _: F.base64(name)), MICROSECONDS)
    return F.to_json(value.cast(storable(kind)), MICROSECONDS)


def storable(kind: DataType) -> DataType:
    """The type in which Delta stores the values: text for what it has no type for (times of day, intervals)."""
    from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

    if isinstance(kind, StructType):
        return StructType([StructField(field.name, storable(field.dataType)) for field in kind.fields])
    if isinstance(kind, ArrayType):
        return ArrayType(storable(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(storable(kind.keyType), storable(kind.valueType))
    try:
        types.from_json(kind.jsonValue())
    except ValueError:
        return StringType()
    return kind


def common(one: DataType, other: DataType) -> DataType:
    """A type that the values of both fit, with nothing changed: text where there is no other."""
    from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

    if isinstance(one, StructType) and isinstance(other, StructType):
        fields = {field.name.casefold(): field for field in one.fields}
        for item in other.fields:
            fold = item.name.casefold()
            kind = common(fields[fold].dataType, item.dataType) if fold in fields else item.dataType
            fields[fold] = StructField(fields[fold].name if fold in fields else item.name, kind)
        return StructType(list(fields.values()))
    if isinstance(one, ArrayType) and isinstance(other, ArrayType):
        return ArrayType(common(one.elementType, other.elementType))
    if isinstance(one, MapType) and isinstance(other, MapType) and one.keyType == other.keyType:
        return MapType(one.keyType, common(one.valueType, other.valueType))
    if is_nested(one) or is_nested(other):
        return StringType()
    return next((kind for kind in _candidates(one, other) if fitting(one, kind) and fitting(other, kind)), StringType())


def _candidates(one: DataType, other: DataType) -> list[DataType]:
    from pyspark.sql.types import DecimalType, DoubleType

    found = [one, other, DoubleType()]
    a, b = _as_decimal(one), _as_decimal(other)
    if a is not None and b is not None:
        scale = max(a.scale, b.scale)
        digits = max(a.precision - a.scale, b.precision - b.scale) + scale
        found += [DecimalType(digits, scale)] if digits <= _MOST_DIGITS else []
    return found


def fitting(came: DataType, stored: DataType) -> bool:
    """Whether each value of a plain type is one of the other type too."""
    from pyspark.sql.types import DecimalType

    a, b = came.simpleString(), stored.simpleString()
    if a == b or b in _WIDER.get(a, ()):
        return True
    number = _as_decimal(came)
    if number is None or not isinstance(stored, DecimalType):
        return False
    return stored.scale >= number.scale and stored.precision - stored.scale >= number.precision - number.scale


def _as_decimal(kind: DataType) -> DecimalType | None:
    from pyspark.sql.types import DecimalType

    if isinstance(kind, DecimalType):
        return kind
    digits = _DIGITS.get(kind.simpleString())
    return DecimalType(digits, 0) if digits else None


def _is_number(text: str) -> bool:
    return text in _DIGITS or text in ("float", "double") or text.startswith("decimal(")
