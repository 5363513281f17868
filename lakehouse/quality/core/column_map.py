"""Core expectations about one column of each row; NULL is judged by the rules about NULL only (S48)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from lakehouse.quality.core.base import Bound, ColumnExpectation, RowExpectation
from lakehouse.quality.core.compare import Values, between, in_set, joined, literal

if TYPE_CHECKING:
    from pyspark.sql import Column


class ColumnMap(ColumnExpectation, RowExpectation):
    """About the value of `column`, where it is not NULL."""

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        return columns[self.column].isNotNull()

    def text_only(self, types: Mapping[str, str]) -> None:
        """Raise ValueError unless the column is text."""
        if types[self.column] != "string":
            raise ValueError(f"`{self.column}` is {types[self.column]}, and this rule is about text")


class ExpectColumnValuesToNotBeNull(ColumnMap):
    """There is a value."""

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        return None

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        return columns[self.column].isNotNull()

    def message(self) -> str:
        return "is NULL"


class ExpectColumnValuesToBeNull(ColumnMap):
    """There is no value."""

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        return None

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        return columns[self.column].isNull()

    def message(self) -> str:
        return "is not NULL"


class Bounds(ColumnMap):
    """Two bounds, at least one of them given."""

    min_value: Bound | None = None
    """The least allowed; without it there is no lower bound."""
    max_value: Bound | None = None
    """The greatest allowed; without it there is no upper bound."""
    strict_min: bool = False
    """The lower bound itself is not allowed."""
    strict_max: bool = False
    """The upper bound itself is not allowed."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Bounds:
        low, high = self.min_value, self.max_value
        if low is None and high is None:
            raise ValueError("min_value and max_value are both missing; give at least one")
        if isinstance(low, str) != isinstance(high, str) and low is not None and high is not None:
            raise ValueError("min_value and max_value are of different kinds")
        if low is not None and high is not None and low > high:  # type: ignore[operator]
            raise ValueError(f"min_value {low} is greater than max_value {high}")
        return self

    def range_text(self) -> str:
        """The bounds in words."""
        low = f"{'above' if self.strict_min else 'at least'} {self.min_value}" if self.min_value is not None else ""
        high = f"{'below' if self.strict_max else 'at most'} {self.max_value}" if self.max_value is not None else ""
        return " and ".join(part for part in (low, high) if part)

    def within(self, value: Column, type_text: str) -> Column:
        """Whether the value lies between the bounds."""
        low, high = (None if b is None else literal(b, type_text) for b in (self.min_value, self.max_value))
        return between(value, low, high, self.strict_min, self.strict_max)


class ExpectColumnValuesToBeBetween(Bounds):
    """The value lies between two bounds."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        return self.within(columns[self.column], types[self.column])

    def message(self) -> str:
        return f"is not {self.range_text()}"


class ExpectColumnValueLengthsToBeBetween(Bounds):
    """The number of characters lies between two bounds."""

    @model_validator(mode="after")
    def _bounds_are_whole(self) -> ExpectColumnValueLengthsToBeBetween:
        if not all(b is None or (isinstance(b, int | float) and b == int(b)) for b in (self.min_value, self.max_value)):
            raise ValueError("a length is a whole number")
        return self

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        from pyspark.sql import functions as F

        self.text_only(types)
        return self.within(F.length(columns[self.column]), "int")

    def message(self) -> str:
        return f"its length is not {self.range_text()}"


class ExpectColumnValueLengthsToEqual(ColumnMap):
    """The number of characters is this one."""

    value: int
    """The number of characters."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        from pyspark.sql import functions as F

        self.text_only(types)
        return F.length(columns[self.column]) == F.lit(self.value)

    def message(self) -> str:
        return f"its length is not {self.value}"


class ExpectColumnValuesToBeInSet(ColumnMap):
    """The value is one of these."""

    value_set: Values
    """The allowed values, all of one kind."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        return in_set(columns[self.column], self.value_set, types[self.column])

    def message(self) -> str:
        return "is not in the set"


class ExpectColumnValuesToNotBeInSet(ColumnMap):
    """The value is none of these."""

    value_set: Values
    """The forbidden values, all of one kind."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        return ~in_set(columns[self.column], self.value_set, types[self.column])

    def message(self) -> str:
        return "is in the set of forbidden values"


class ExpectColumnValuesToMatchRegex(ColumnMap):
    """The regular expression is found somewhere in the text."""

    regex: str = "(?s).*"
    """Java's regular expression; `^` and `$` tie it to the ends."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return columns[self.column].rlike(self.regex)

    def message(self) -> str:
        return f"does not match {self.regex}"


class ExpectColumnValuesToNotMatchRegex(ColumnMap):
    """The regular expression is found nowhere in the text."""

    regex: str
    """Java's regular expression."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return ~columns[self.column].rlike(self.regex)

    def message(self) -> str:
        return f"matches {self.regex}"


class ExpectColumnValuesToMatchRegexList(ColumnMap):
    """One or all of the regular expressions are found in the text."""

    regex_list: tuple[str, ...] = Field(min_length=1)
    """Java's regular expressions."""
    match_on: Literal["any", "all"] = "any"
    """How many of them."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return joined([columns[self.column].rlike(r) for r in self.regex_list], self.match_on)

    def message(self) -> str:
        return f"does not match {self.match_on} of {', '.join(self.regex_list)}"


class ExpectColumnValuesToNotMatchRegexList(ColumnMap):
    """None of the regular expressions is found in the text."""

    regex_list: tuple[str, ...] = Field(min_length=1)
    """Java's regular expressions."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return ~joined([columns[self.column].rlike(r) for r in self.regex_list], "any")

    def message(self) -> str:
        return f"matches one of {', '.join(self.regex_list)}"
