"""Core expectations about the different values of a column, and about the most frequent ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lakehouse.names import quoted
from lakehouse.quality.core.base import (
    BatchExpectation,
    ColumnExpectation,
    FrameExpectation,
    OnlyRowsHaveShares,
    Verdict,
)
from lakehouse.quality.core.compare import Values, in_set

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class Distinct(BatchExpectation, ColumnExpectation):
    """About the values that occur, NULL left out."""

    value_set: Values = Field(min_length=1)
    """The values, all of one kind."""

    def outside(self, value: Column, type_text: str) -> Column:
        """How many different values occur that are not in the set."""
        from pyspark.sql import functions as F

        return F.count_distinct(F.when(~in_set(value, self.value_set, type_text), value))

    def inside(self, value: Column, type_text: str) -> Column:
        """How many values of the set occur."""
        from pyspark.sql import functions as F

        return F.size(F.collect_set(F.when(in_set(value, self.value_set, type_text), value)))

    def verdict_of(self, outside: int, inside: int | None) -> Verdict:
        """What the counts mean; without `inside` it does not matter which of the values occur."""
        missing = 0 if inside is None else len(self.value_set) - inside
        parts = [f"{outside:,} values of {self.column} are not in the set"] if outside else []
        parts += [f"{missing:,} values of the set do not occur in {self.column}"] if missing else []
        observed = {"outside": outside, "missing": missing} if inside is not None else {"outside": outside}
        return Verdict(not parts, observed, "; ".join(parts), unexpected=outside + missing)


class ExpectColumnDistinctValuesToBeInSet(Distinct):
    """Every value that occurs is in the set."""

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        return {"outside": self.outside(values[self.column], types[self.column])}

    def verdict(self, figures: Mapping[str, Any]) -> Verdict:
        return self.verdict_of(figures["outside"], None)


class ExpectColumnDistinctValuesToContainSet(Distinct):
    """Every value of the set occurs."""

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        return {"inside": self.inside(values[self.column], types[self.column])}

    def verdict(self, figures: Mapping[str, Any]) -> Verdict:
        return self.verdict_of(0, figures["inside"])


class ExpectColumnDistinctValuesToEqualSet(Distinct):
    """The values that occur are those of the set."""

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        value, kind = values[self.column], types[self.column]
        return {"outside": self.outside(value, kind), "inside": self.inside(value, kind)}

    def verdict(self, figures: Mapping[str, Any]) -> Verdict:
        return self.verdict_of(figures["outside"], figures["inside"])


class ExpectColumnMostCommonValueToBeInSet(FrameExpectation, ColumnExpectation, OnlyRowsHaveShares):
    """The most frequent value is in the set."""

    value_set: Values
    """The allowed values, all of one kind."""
    ties_okay: bool | None = None
    """Of several most frequent values one in the set is enough."""

    def ask(self, rows: DataFrame) -> Verdict:
        from pyspark.sql import functions as F

        from lakehouse.quality.rows import types_of

        kind = {name.casefold(): text for name, text in types_of(rows).items()}[self.column.casefold()]
        value = F.col(quoted(self.column))
        counts = rows.where(value.isNotNull()).groupBy(value.alias("value")).agg(F.count(F.lit(1)).alias("times"))
        inside = in_set(F.col("value"), self.value_set, kind)
        ties = counts.groupBy("times").agg(
            F.count(F.lit(1)).alias("values"), F.count_if(inside).alias("inside"), F.min("value").cast("string")
        )
        first = ties.orderBy(F.col("times").desc()).limit(1).collect()
        if not first:
            return Verdict(False, None, f"there is no most frequent value of {self.column}, as there are no values")
        times, most, good, example = first[0]
        met = good > 0 if self.ties_okay else (most, good) == (1, 1)
        told = f"the most frequent value of {self.column}"
        told = f"{told} is not in the set" if most == 1 else f"{most:,} values of {self.column} are the most frequent"
        return Verdict(met, {"value": example, "times": times, "values": most}, told)
