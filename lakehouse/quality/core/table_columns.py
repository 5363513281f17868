"""Core expectations about the columns of the table and their types; they cost no job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from lakehouse.model import Names
from lakehouse.quality.core.base import TableColumnsExpectation, Verdict

_TYPES = {
    "BooleanType": "boolean", "ByteType": "tinyint", "ShortType": "smallint", "IntegerType": "int",
    "LongType": "bigint", "FloatType": "float", "DoubleType": "double", "DecimalType": "decimal",
    "StringType": "string", "BinaryType": "binary", "DateType": "date", "TimestampType": "timestamp",
    "TimestampNTZType": "timestamp_ntz", "ArrayType": "array", "MapType": "map", "StructType": "struct",
    "VariantType": "variant", "NullType": "void",
}  # fmt: skip
"""Spark's class for a type -> how its text begins."""
_FAMILIES = {
    "IntegralType": ("tinyint", "smallint", "int", "bigint"),
    "FractionalType": ("float", "double", "decimal"),
    "NumericType": ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal"),
}


def _kinds(names: Sequence[str]) -> set[str]:
    """How the types of these names begin; raises ValueError when Spark has none of them."""
    found: set[str] = set()
    for name in names:
        if name in ("DataType", "AtomicType"):
            found |= set(_TYPES.values()) - ({"array", "map", "struct", "variant"} if name == "AtomicType" else set())
        found |= set(_FAMILIES.get(name, ())) | ({_TYPES[name]} if name in _TYPES else set())
    if not found:
        raise ValueError(f"{', '.join(names)}: no type of Spark; write the name of its class, as in IntegerType")
    return found


def _known(name: str) -> str:
    _kinds([name])
    return name


def _some_known(names: tuple[str, ...]) -> tuple[str, ...]:
    _kinds(names)
    return names


TypeName = Annotated[str, AfterValidator(_known)]
"""Name of one of Spark's classes for types."""
TypeNames = Annotated[Names, AfterValidator(_some_known)]
"""Names, at least one of which is that of a class of Spark's; others are none's type."""


class OfColumn(TableColumnsExpectation):
    """About one column of the table, found by its name without regard to case."""

    column: str = Field(min_length=1)
    """The column."""

    def names(self) -> frozenset[str]:
        return frozenset({self.column})

    def type_in(self, columns: Mapping[str, str], names: Sequence[str]) -> Verdict:
        """Whether the column's type is one of these."""
        there = {name.casefold(): text for name, text in columns.items()}
        if self.column.casefold() not in there:
            raise ValueError(f"there is no column {self.column!r} in the table")
        text = there[self.column.casefold()]
        told = f"{self.column} is {text}, not {' or '.join(names)}"
        return Verdict(text.partition("(")[0].partition("<")[0] in _kinds(names), text, told)


class OfType(OfColumn):
    """The column has this type."""

    type_: TypeName
    """Name of Spark's class for the type, as in `IntegerType`."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        return self.type_in(columns, [self.type_])


class ExpectColumnValuesToBeOfType(OfType):
    """The column has this type."""


class ExpectColumnTypeToBe(OfType):
    """The column has this type."""


class ExpectColumnValuesToBeInTypeList(OfColumn):
    """The column has one of these types; without a list any will do."""

    type_list: TypeNames | None = None
    """Names of Spark's classes."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        return self.type_in(columns, self.type_list or ["DataType"])


class ExpectColumnToExist(TableColumnsExpectation):
    """The table has this column."""

    column: str
    """The column."""
    column_index: int | None = None
    """Its place, from 0; as in Great Expectations 0 stands for any place."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        there = [name.casefold() for name in columns]
        if not self.column_index:
            return Verdict(self.column.casefold() in there, None, f"the table has no column {self.column}")
        at = (
            there[self.column_index : self.column_index + 1]
            if self.column_index > 0
            else there[self.column_index :][:1]
        )
        told = f"column {self.column_index} of the table is {at[0] if at else 'not there'}, not {self.column}"
        return Verdict(at == [self.column.casefold()], at[0] if at else None, told)


class ColumnCount(TableColumnsExpectation):
    """The number of columns."""

    def counted(self, columns: Mapping[str, str], low: int | None, high: int | None) -> Verdict:
        """Whether there are that many."""
        count = len(columns)
        wanted = f"{low}" if low == high else " to ".join("any" if b is None else str(b) for b in (low, high))
        met = (low is None or count >= low) and (high is None or count <= high)
        return Verdict(met, count, f"the table has {count} columns, not {wanted}")


class ExpectTableColumnCountToBeBetween(ColumnCount):
    """The number of columns."""

    min_value: int | None = None
    """The least number."""
    max_value: int | None = None
    """The greatest number."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        return self.counted(columns, self.min_value, self.max_value)


class ExpectTableColumnCountToEqual(ColumnCount):
    """The number of columns."""

    value: int
    """The number."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        return self.counted(columns, self.value, self.value)


class ExpectTableColumnsToMatchOrderedList(TableColumnsExpectation):
    """The columns, in this order."""

    column_list: Names
    """The columns."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        there, wanted = list(columns), list(self.column_list)
        if _folded(there) == _folded(wanted):
            return Verdict(True, there)
        pairs = zip(_folded(wanted), _folded(there), strict=False)
        place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(there), len(wanted)))
        found, expected = (names[place] if place < len(names) else "nothing" for names in (there, wanted))
        return Verdict(False, there, f"column {place} of the table is {found}, not {expected}")


class ExpectTableColumnsToMatchSet(TableColumnsExpectation):
    """The columns, in any order."""

    column_set: Names
    """The columns."""
    exact_match: bool | None = True
    """False allows others beside them."""

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        there, wanted = _folded(columns), _folded(self.column_set)
        missing = [name for name in self.column_set if name.casefold() not in there]
        others = [name for name in columns if name.casefold() not in wanted] if self.exact_match else []
        parts = [f"has no {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(others)}, which the set does not"] if others else []
        return Verdict(not parts, list(columns), f"the table {' and '.join(parts)}")


def _folded(names: Sequence[str] | Mapping[str, str]) -> list[str]:
    return [name.casefold() for name in names]
