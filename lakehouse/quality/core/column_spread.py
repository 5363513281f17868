"""Core expectations about values far from the others: the rows are looked at once before they are judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from lakehouse.quality.core.column_aggregates import numeric
from lakehouse.quality.core.column_map import ColumnMap

if TYPE_CHECKING:
    from pyspark.sql import Column


class SpreadExpectation(ColumnMap):
    """About each value beside figures of all values of the run's rows, which one job takes first."""

    about: ClassVar[str] = "About single rows, beside figures of all rows of the run, which cost a job."

    def look(self, value: Column, types: Mapping[str, str]) -> Mapping[str, Column]:
        """The figures, as aggregates; `value` is NULL in rows that are not judged."""
        raise NotImplementedError

    def near(self, value: Column, figures: Mapping[str, Any]) -> Column | None:
        """Whether the value is near enough; None when the figures do not tell."""
        raise NotImplementedError

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        raise NotImplementedError


class ExpectColumnValueZScoresToBeLessThan(SpreadExpectation):
    """No value lies this many standard deviations from the mean."""

    threshold: float
    """The number of standard deviations."""
    double_sided: bool
    """Values far below the mean count too."""

    def look(self, value: Column, types: Mapping[str, str]) -> Mapping[str, Column]:
        from pyspark.sql import functions as F

        numeric(self.column, types)
        return {"mean": F.avg(value), "deviation": F.stddev_samp(value)}

    def near(self, value: Column, figures: Mapping[str, Any]) -> Column | None:
        from pyspark.sql import functions as F

        deviation = figures["deviation"]
        if not deviation or math.isnan(deviation) or figures["mean"] is None:
            return None
        score = (value - F.lit(figures["mean"])) / F.lit(deviation)
        return F.abs(score) < F.lit(abs(self.threshold)) if self.double_sided else score < F.lit(self.threshold)

    def message(self) -> str:
        side = "" if self.double_sided else "above "
        return f"is {self.threshold:g} standard deviations or more {side}{'from ' if self.double_sided else ''}the mean"


class ExpectColumnValuesToNotBeOutliers(SpreadExpectation):
    """No value lies far outside of the others."""

    method: Literal["iqr", "std"] = "iqr"
    """By the quartiles or by the standard deviation."""
    multiplier: float = Field(1.5, ge=0)
    """How many of them away is far."""

    def look(self, value: Column, types: Mapping[str, str]) -> Mapping[str, Column]:
        from pyspark.sql import functions as F

        numeric(self.column, types)
        if self.method == "std":
            return {"mean": F.avg(value), "deviation": F.stddev_samp(value)}
        return {"first": F.percentile(value, 0.25), "third": F.percentile(value, 0.75)}

    def near(self, value: Column, figures: Mapping[str, Any]) -> Column | None:
        from pyspark.sql import functions as F

        found = [None if v is None or not math.isfinite(v) else float(v) for v in figures.values()]
        one, other = found
        if one is None or other is None:
            return None
        if self.method == "iqr":
            reach = self.multiplier * (other - one)
            return (value >= F.lit(one - reach)) & (value <= F.lit(other + reach))
        reach = self.multiplier * other
        return F.abs(value - F.lit(one)) < F.lit(reach) if reach > 0 else value == F.lit(one)

    def message(self) -> str:
        return f"lies more than {self.multiplier:g} {'quartile ranges' if self.method == 'iqr' else 'deviations'} away"
