"""Core expectations about one figure of a column: its mean, its greatest value, the number of different ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from lakehouse.model import Model
from lakehouse.quality.core.base import BatchExpectation, Bound, ColumnExpectation, Verdict
from lakehouse.quality.core.compare import is_number, literal

if TYPE_CHECKING:
    from pyspark.sql import Column

INTEGERS = ("tinyint", "smallint", "int", "bigint")


def numeric(column: str, types: Mapping[str, str]) -> str:
    """The column's type; raises ValueError unless it is a number."""
    if not is_number(types[column]):
        raise ValueError(f"`{column}` is {types[column]}, and this rule is about numbers")
    return types[column]


def without_nan(value: Column, type_text: str) -> Column:
    """The value, NULL where it is not a number; medians and quantiles pass over those, as Spark's own do."""
    from pyspark.sql import functions as F

    return F.when(~F.isnan(value), value) if type_text in ("float", "double") else value


def shown(value: Any) -> str:
    """A figure in words."""
    return f"{value:.10g}" if isinstance(value, float | Decimal) else str(value)


class Between(BatchExpectation, ColumnExpectation):
    """One figure of a column, between two bounds; no figure at all (no values) is not between them."""

    figure: ClassVar[str] = ""
    """What it is, in words."""

    min_value: Bound | None = None
    """The least allowed figure; without it there is no lower bound."""
    max_value: Bound | None = None
    """The greatest allowed figure; without it there is no upper bound."""
    strict_min: bool = False
    """The lower bound itself is not allowed."""
    strict_max: bool = False
    """The upper bound itself is not allowed."""

    @model_validator(mode="after")
    def _a_bound(self) -> Between:
        if self.min_value is None and self.max_value is None:
            raise ValueError("min_value and max_value are both missing; give at least one")
        if isinstance(self.min_value, str) != isinstance(self.max_value, str) and None not in (
            self.min_value,
            self.max_value,
        ):
            raise ValueError("min_value and max_value are of different kinds")
        return self

    @property
    def range_text(self) -> str:
        """The bounds in words."""
        low = f"{'above' if self.strict_min else 'at least'} {self.min_value}" if self.min_value is not None else ""
        high = f"{'below' if self.strict_max else 'at most'} {self.max_value}" if self.max_value is not None else ""
        return " and ".join(part for part in (low, high) if part)

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        """The figure; raises ValueError where the column has none."""
        raise NotImplementedError

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        self.check_bounds(types[self.column])
        return {"figure": self.aggregate(values[self.column], types[self.column], rows)}

    def check_bounds(self, type_text: str) -> None:
        """Raise ValueError for bounds that the figure cannot be compared with: as a rule it is a number."""
        for bound in (self.min_value, self.max_value):
            if isinstance(bound, str):
                raise ValueError(f"the {self.figure} is a number, and {bound!r} is a text")

    def verdict(self, figures: Mapping[str, Any]) -> Verdict:
        found = figures["figure"]
        if found is None or (isinstance(found, float) and math.isnan(found)):
            return Verdict(False, None, f"there is no {self.figure} of {self.column}, as there are no values")
        good = self.within(found, figures)
        return Verdict(good, found, f"the {self.figure} of {self.column} is {shown(found)}, not {self.range_text}")

    def within(self, found: Any, figures: Mapping[str, Any]) -> bool:
        """Whether the figure lies between the bounds."""
        low, high = self.min_value, self.max_value
        above = low is None or (found > low if self.strict_min else found >= low)
        return bool(above and (high is None or (found < high if self.strict_max else found <= high)))


class Extreme(Between):
    """The greatest or the least value, of any type that can be compared."""

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        kind = types[self.column]
        if not is_number(kind) and kind not in ("string", "date", "timestamp", "timestamp_ntz"):
            raise ValueError(f"`{self.column}` is {kind}, which has no {self.figure} to compare")
        value = self.aggregate(values[self.column], kind, rows)
        # compared by Spark, which knows the session's time zone
        found = {"figure": value if is_number(kind) else value.cast("string")}
        if self.min_value is not None:
            low = literal(self.min_value, kind)
            found["above"] = value > low if self.strict_min else value >= low
        if self.max_value is not None:
            high = literal(self.max_value, kind)
            found["below"] = value < high if self.strict_max else value <= high
        return found

    def within(self, found: Any, figures: Mapping[str, Any]) -> bool:
        return bool(figures.get("above", True) and figures.get("below", True))


class ExpectColumnMaxToBeBetween(Extreme):
    """The greatest value."""

    figure: ClassVar[str] = "greatest value"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        return F.max(value)


class ExpectColumnMinToBeBetween(Extreme):
    """The least value."""

    figure: ClassVar[str] = "least value"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        return F.min(value)


class ExpectColumnMeanToBeBetween(Between):
    """The mean."""

    figure: ClassVar[str] = "mean"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        numeric(self.column, {self.column: type_text})
        return F.avg(value)


class ExpectColumnMedianToBeBetween(Between):
    """The median: of two in the middle their mean."""

    figure: ClassVar[str] = "median"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        numeric(self.column, {self.column: type_text})
        return F.median(without_nan(value, type_text))


class ExpectColumnStdevToBeBetween(Between):
    """The standard deviation of the sample; there is none of a single value."""

    figure: ClassVar[str] = "standard deviation"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        numeric(self.column, {self.column: type_text})
        return F.stddev_samp(value)


class ExpectColumnSumToBeBetween(Between):
    """The sum."""

    figure: ClassVar[str] = "sum"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        exact = numeric(self.column, {self.column: type_text}) in INTEGERS
        return F.sum(value.cast("decimal(38,0)") if exact else value)  # cannot overflow


class ExpectColumnUniqueValueCountToBeBetween(Between):
    """The number of different values."""

    figure: ClassVar[str] = "number of different values"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        return F.count_distinct(value)


class ExpectColumnProportionOfUniqueValuesToBeBetween(Between):
    """Different values among all that are not NULL; 0 where there are none."""

    figure: ClassVar[str] = "share of different values"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        return F.coalesce(F.try_divide(F.count_distinct(value), F.count(value)), F.lit(0.0))


class ExpectColumnProportionOfNonNullValuesToBeBetween(Between):
    """The share of rows that have a value; 0 where there are no rows."""

    figure: ClassVar[str] = "share of rows with a value"

    def aggregate(self, value: Column, type_text: str, rows: Column) -> Column:
        from pyspark.sql import functions as F

        return F.coalesce(F.try_divide(F.count(value), F.count_if(rows)), F.lit(0.0))


class QuantileRanges(Model):
    """Quantiles, and a range for each."""

    quantiles: tuple[float, ...] = Field(min_length=1)
    """Shares from 0 to 1, as in `[0.1, 0.5, 0.9]`."""
    value_ranges: tuple[tuple[int | float | None, int | float | None], ...]
    """A least and a greatest value for each; null where there is no bound."""

    @model_validator(mode="after")
    def _fit(self) -> QuantileRanges:
        if len(self.quantiles) != len(self.value_ranges):
            count = f"{len(self.quantiles)} quantiles and {len(self.value_ranges)} ranges"
            raise ValueError(f"there are {count}; give a range for each")
        if bad := [q for q in self.quantiles if not 0 <= q <= 1]:
            raise ValueError(f"{bad[0]:g} is no quantile; they go from 0 to 1")
        if bad_range := [r for r in self.value_ranges if None not in r and r[0] > r[1]]:  # type: ignore[operator]
            raise ValueError(f"the range {list(bad_range[0])} ends before it begins")
        return self


class ExpectColumnQuantileValuesToBeBetween(BatchExpectation, ColumnExpectation):
    """Several quantiles, each between two bounds."""

    quantile_ranges: QuantileRanges
    """`{quantiles: [0.5], value_ranges: [[1, 2]]}`."""
    allow_relative_error: bool | float = False
    """False for exact quantiles, or how far the rank may be off, as a share of the rows: 0.01 is cheaper by far."""

    @field_validator("allow_relative_error")
    @classmethod
    def _a_share(cls, value: bool | float) -> bool | float:
        if value is True or not 0 <= value <= 1:
            raise ValueError("write false, or a number from 0 to 1")
        return value

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        from pyspark.sql import functions as F

        kind = numeric(self.column, types)
        value = without_nan(values[self.column], kind).cast("double")
        # the algorithm of Spark's approxQuantile; the greatest accuracy makes it exact
        accuracy = int(1 / self.allow_relative_error) if self.allow_relative_error else 2**31 - 1
        return {"figure": F.percentile_approx(value, list(self.quantile_ranges.quantiles), accuracy)}

    def verdict(self, figures: Mapping[str, Any]) -> Verdict:
        ranges = self.quantile_ranges
        found = figures["figure"] or [None] * len(ranges.quantiles)
        wrong = [
            f"{q:g} is {'missing' if value is None else shown(value)}"
            for q, value, bounds in zip(ranges.quantiles, found, ranges.value_ranges, strict=True)
            if not _in_range(value, *bounds)
        ]
        observed = {"quantiles": list(ranges.quantiles), "values": list(found)}
        return Verdict(not wrong, observed, f"quantiles of {self.column} are out of range: {', '.join(wrong)}")


def _in_range(value: float | None, low: float | None, high: float | None) -> bool:
    """As Great Expectations has it: a value that is within a ten-thousandth of a bound is in range."""
    if value is None:
        return False
    near = any(b is not None and math.isfinite(b) and abs(value - b) <= 1e-8 + 1e-4 * abs(b) for b in (low, high))
    return near or ((low is None or value >= low) and (high is None or value <= high))
