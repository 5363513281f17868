"""Core expectations about two or more columns of a row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from lakehouse.quality.core.base import RowExpectation
from lakehouse.quality.core.compare import Value, literal

if TYPE_CHECKING:
    from pyspark.sql import Column

_INTEGERS = ("tinyint", "smallint", "int", "bigint")


class ColumnPair(RowExpectation):
    """About two columns."""

    column_A: str = Field(min_length=1)  # noqa: N815 - as Great Expectations spells it
    """The first column."""
    column_B: str = Field(min_length=1)  # noqa: N815
    """The second column."""
    ignore_row_if: Literal["both_values_are_missing", "either_value_is_missing", "neither"] = "both_values_are_missing"
    """Rows that are not judged."""

    def names(self) -> frozenset[str]:
        return frozenset({self.column_A, self.column_B})

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        first, second = columns[self.column_A], columns[self.column_B]
        match self.ignore_row_if:
            case "both_values_are_missing":
                return first.isNotNull() | second.isNotNull()
            case "either_value_is_missing":
                return first.isNotNull() & second.isNotNull()
            case _:
                return None


class ExpectColumnPairValuesToBeEqual(ColumnPair):
    """Both values are the same; NULL equals NULL alone."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        return columns[self.column_A].eqNullSafe(columns[self.column_B])

    def message(self) -> str:
        return f"{self.column_A} is not {self.column_B}"


class ExpectColumnPairValuesAToBeGreaterThanB(ColumnPair):
    """The first value is greater; where one of them is NULL nothing can be told, and the row keeps the rule."""

    or_equal: bool | None = None
    """Equal values will do."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        first, second = columns[self.column_A], columns[self.column_B]
        return (first >= second) | first.eqNullSafe(second) if self.or_equal else first > second

    def message(self) -> str:
        return f"{self.column_A} is not {'at least' if self.or_equal else 'greater than'} {self.column_B}"


class ExpectColumnPairValuesToBeInSet(ColumnPair):
    """The two values are one of these pairs; NULL may be in a pair."""

    value_pairs_set: tuple[tuple[Value, Value], ...] = Field(min_length=1)
    """The allowed pairs."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        def same(name: str, value: object) -> Column:
            column = columns[name]
            return column.isNull() if value is None else column.eqNullSafe(literal(value, types[name]))

        return reduce(or_, [same(self.column_A, a) & same(self.column_B, b) for a, b in self.value_pairs_set])

    def message(self) -> str:
        return f"({self.column_A}, {self.column_B}) is not in the set of pairs"


class ColumnSet(RowExpectation):
    """About several columns."""

    column_list: tuple[str, ...] = Field(min_length=2)
    """The columns."""
    ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "all_values_are_missing"
    """Rows that are not judged."""

    @field_validator("column_list")
    @classmethod
    def _columns_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.casefold() for name in value}) != len(value):
            raise ValueError("a column stands in the list twice")
        return value

    def names(self) -> frozenset[str]:
        return frozenset(self.column_list)

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        present = [columns[name].isNotNull() for name in self.column_list]
        match self.ignore_row_if:
            case "all_values_are_missing":
                return reduce(or_, present)
            case "any_value_is_missing":
                return reduce(and_, present)
            case _:
                return None


class ExpectMulticolumnSumToEqual(ColumnSet):
    """The values add up to this; NULL counts as nothing."""

    sum_total: float
    """The sum."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        from pyspark.sql import functions as F

        def operand(name: str) -> Column:
            if types[name] not in (*_INTEGERS, "float", "double") and not types[name].startswith("decimal"):
                raise ValueError(f"`{name}` is {types[name]}, which cannot be added")
            value = F.coalesce(columns[name], F.lit(0))
            return value.cast("decimal(38,0)") if types[name] in _INTEGERS else value  # cannot overflow

        total = sum((operand(name) for name in self.column_list[1:]), operand(self.column_list[0]))
        return total == F.lit(self.sum_total)

    def message(self) -> str:
        return f"the sum of {', '.join(self.column_list)} is not {self.sum_total:g}"


class ExpectMulticolumnValuesToBeEqual(ColumnSet):
    """All values are the same; NULL equals NULL alone."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        first, *others = (columns[name] for name in self.column_list)
        return reduce(and_, [first.eqNullSafe(other) for other in others])

    def message(self) -> str:
        return f"{', '.join(self.column_list)} are not all equal"


class ExpectSelectColumnValuesToBeUniqueWithinRecord(ColumnSet):
    """No two of the values are the same; NULL equals NULL."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        values = [columns[name] for name in self.column_list]
        pairs = [a.eqNullSafe(b) for i, a in enumerate(values) for b in values[i + 1 :]]
        return ~reduce(or_, pairs)

    def message(self) -> str:
        return f"{', '.join(self.column_list)} are not all different"
