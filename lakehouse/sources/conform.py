"""Values of one type as values of another, as long as none of them changes by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.lake import types
from lakehouse.sources.fields import Wanted
from lakehouse.sources.nested import is_nested

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType, DecimalType, StructField, StructType

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

Take = Callable[["Column"], "Column"]


@dataclass(frozen=True)
class Way:
    """How a value gets into a column."""

    stored: DataType
    """The column's type, grown by what the value has and it did not."""
    named: DataType
    """The value's own type with the column's names inside."""
    take: Take | None
    """None: some values may not fit, so that each is to be looked at."""
    foreign: tuple[str, ...] = ()
    """Names inside for which the column has no place."""


def way(came: DataType, stored: DataType | None, wanted: Wanted) -> Way:
    """The way of a value into a column of this type (None: a new column).

    New nested fields go to the end of their struct, or are foreign where the type must not evolve.
    """
    from pyspark.sql.types import ArrayType, MapType, StringType, StructType

    if isinstance(came, StructType) and (stored is None or isinstance(stored, StructType)):
        return _struct(came, stored, wanted)
    if isinstance(came, ArrayType) and (stored is None or isinstance(stored, ArrayType)):
        inner = way(came.elementType, stored.elementType if stored is not None else None, wanted)
        return Way(ArrayType(inner.stored), ArrayType(inner.named), _each(inner.take), inner.foreign)
    if isinstance(came, MapType) and (stored is None or isinstance(stored, MapType)):
        key = storable(came.keyType)
        if stored is None or stored.keyType == key:
            inner = way(came.valueType, stored.valueType if stored is not None else None, wanted)
            return Way(MapType(key, inner.stored), MapType(key, inner.named), _each_value(inner.take), inner.foreign)
    ours = came if is_nested(came) else storable(came)
    target = ours if stored is None else stored
    if isinstance(target, StringType):
        return Way(target, ours, as_json if is_nested(came) else lambda value: value.cast("string"))
    fits = not is_nested(came) and fitting(ours, target)
    return Way(target, ours, (lambda value: value.cast(ours).cast(target)) if fits else None)


def _struct(came: StructType, stored: StructType | None, wanted: Wanted) -> Way:
    from pyspark.sql.types import NullType, StringType, StructField, StructType

    there = {field.name.casefold(): field for field in stored.fields} if stored is not None else {}
    columns = {fold: field.dataType for fold, field in there.items()}
    spelled = {fold: field.name for fold, field in there.items()}
    named: list[StructField] = []
    foreign: list[str] = []
    takes: dict[str, tuple[str, Take | None]] = {}
    for field in came.fields:
        name = wanted.nested_name(field.name)
        fold = name.casefold()
        no_place = fold in takes or (stored is not None and fold not in there and not wanted.evolve)
        if isinstance(field.dataType, NullType):
            named.append(field)  # it has no value
            continue
        old = there[fold].dataType if fold in there and not no_place else None
        inner = way(field.dataType, old, wanted)
        if no_place:
            foreign.append(field.name)
            named.append(StructField(field.name, inner.named))
            continue
        foreign += inner.foreign
        columns[fold] = inner.stored
        spelled.setdefault(fold, name)
        takes[fold] = (field.name, inner.take)
        named.append(StructField(spelled[fold], inner.named))
    grown = StructType([StructField(spelled[fold], kind) for fold, kind in columns.items()])
    if not grown.fields:
        return Way(StringType(), came, as_json)  # Delta has no struct without fields
    native = not foreign and all(take is not None for _, take in takes.values())
    return Way(grown, StructType(named), _members(came, grown, takes) if native else None, tuple(foreign))


def _members(came: StructType, grown: StructType, takes: Mapping[str, tuple[str, Take | None]]) -> Take:
    from pyspark.sql import functions as F

    def take(value: Column) -> Column:
        members = []
        for field in grown.fields:
            name, inner = takes.get(field.name.casefold(), ("", None))
            member = inner(value.getField(name)) if inner is not None else F.lit(None).cast(field.dataType)
            members.append(member.alias(field.name))
        return F.when(value.isNotNull(), F.struct(*members))

    return (lambda value: value) if came.simpleString() == grown.simpleString() else take


def _each(take: Take | None) -> Take | None:
    from pyspark.sql import functions as F

    return None if take is None else lambda value: F.transform(value, take)


def _each_value(take: Take | None) -> Take | None:
    from pyspark.sql import functions as F

    return None if take is None else lambda value: F.transform_values(value, lambda _, item: take(item))


def as_json(value: Column) -> Column:
    """The value as JSON text."""
    from pyspark.sql import functions as F

    return F.to_json(value)


def storable(kind: DataType) -> DataType:
    """The type in which Delta stores the values: text for what it has no type for (times of day, intervals)."""
    from pyspark.sql.types import StringType

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
        for field in other.fields:
            fold = field.name.casefold()
            kind = common(fields[fold].dataType, field.dataType) if fold in fields else field.dataType
            fields[fold] = StructField(fields[fold].name if fold in fields else field.name, kind)
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
