"""Core expectations that Spark has no expression for: Great Expectations itself looks at the rows, by jobs of its own.

They need `great-expectations` to be installed (`pip install 'medallion-lakehouse[quality]'`), and can only `warn` and
`fail`: it tells how many rows are wrong, not which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from lakehouse.quality.core.base import ColumnExpectation, FrameExpectation, OnlyRowsHaveShares, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Through(FrameExpectation, ColumnExpectation):
    """About one column, asked of Great Expectations."""

    about: ClassVar[str] = "About the rows of a run, by Great Expectations itself: `warn` or `fail`."
    in_pandas: ClassVar[bool] = False
    """Great Expectations has it for pandas only: the column's values come through the driver, piece by piece."""

    def ask(self, rows: DataFrame) -> Verdict:
        from lakehouse.quality import great_expectations as gx

        asked = self.model_dump(exclude_none=True, exclude={"row_condition", "condition_parser"})
        answer = (gx.ask_in_pandas if self.in_pandas else gx.ask)(self.name, asked, self.column, rows)
        share = "" if self.mostly is None else f", {self.mostly:.10g} of them must pass"
        told = f"{answer.unexpected or 0:,} of {answer.judged or 0:,} values of {self.column} break it{share}"
        if answer.observed is not None:
            told = f"Great Expectations observes {answer.observed} in {self.column}"
        return Verdict(answer.success, answer.observed, told, answer.judged, answer.unexpected)


class ExpectColumnValuesToBeIncreasing(Through):
    """Each value is at least the one before it, in the order in which Spark reads the rows."""

    strictly: bool | None = None
    """Each value is greater than the one before it."""


class ExpectColumnValuesToBeDecreasing(ExpectColumnValuesToBeIncreasing):
    """Each value is at most the one before it, in the order in which Spark reads the rows."""


class ExpectColumnValuesToBeDateutilParseable(Through):
    """The text is a date or time for python-dateutil."""

    in_pandas: ClassVar[bool] = True


class ExpectColumnValuesToMatchJsonSchema(Through):
    """The text is JSON of this schema; text that is not JSON fails the step."""

    json_schema: dict[str, Any]
    """The JSON schema."""


class ExpectColumnKLDivergenceToBeLessThan(Through, OnlyRowsHaveShares):
    """The distribution is near a given one."""

    partition_object: dict[str, Any] | None = None
    """The given distribution."""
    threshold: float | None = None
    """The greatest divergence."""
    internal_weight_holdout: float = Field(0, ge=0, le=1)
    """Weight for values between the bins."""
    tail_weight_holdout: float = Field(0, ge=0, le=1)
    """Weight for values outside of the bins."""
    bucketize_data: bool = True
    """Whether continuous data are put in bins."""
    min_value: float | None = None
    """The least divergence."""
    max_value: float | None = None
    """The greatest divergence."""
