"""Core expectations about uniqueness, order, aggregates and the table: modelled, not built yet."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from lakehouse.model import Names
from lakehouse.quality.core.base import (
    AggregateExpectation,
    Bound,
    ColumnExpectation,
    CoreExpectation,
    TableExpectation,
)


class ExpectColumnValuesToBeUnique(ColumnExpectation):
    """No value occurs twice."""


class ExpectColumnValuesToBeIncreasing(ColumnExpectation):
    """Each value is at least the one before it."""

    strictly: bool | None = None
    """Each value is greater than the one before it."""


class ExpectColumnValuesToBeDecreasing(ExpectColumnValuesToBeIncreasing):
    """Each value is at most the one before it."""


class ExpectColumnValuesToBeDateutilParseable(ColumnExpectation):
    """The text is a date or time for python-dateutil."""


class ExpectColumnValuesToBeJsonParseable(ColumnExpectation):
    """The text is JSON."""


class ExpectColumnValuesToMatchJsonSchema(ColumnExpectation):
    """The text is JSON of this schema."""

    json_schema: dict[str, Any]
    """The JSON schema."""


class ExpectColumnValuesToMatchStrftimeFormat(ColumnExpectation):
    """The text is a date or time in this format."""

    strftime_format: str
    """Python's format, as in `%Y-%m-%d`."""


class ExpectColumnValuesToBeOfType(ColumnExpectation):
    """The column has this type."""

    type_: str
    """Name of Spark's class for the type, as in `IntegerType`."""


class ExpectColumnTypeToBe(ExpectColumnValuesToBeOfType):
    """The column has this type."""


class ExpectColumnValuesToBeInTypeList(ColumnExpectation):
    """The column has one of these types."""

    type_list: Names | None = None
    """Names of Spark's classes."""


class ExpectColumnValueZScoresToBeLessThan(ColumnExpectation):
    """No value lies this many standard deviations from the mean."""

    threshold: float
    """The number of standard deviations."""
    double_sided: bool
    """Values far below the mean count too."""


class ExpectColumnValuesToNotBeOutliers(ColumnExpectation):
    """No value lies far outside of the others."""

    method: Literal["iqr", "std"] = "iqr"
    """By the quartiles or by the standard deviation."""
    multiplier: float = 1.5
    """How many of them away is far."""


class ExpectCompoundColumnsToBeUnique(CoreExpectation):
    """No combination of values of these columns occurs twice."""

    column_list: Names
    """The columns."""
    ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "all_values_are_missing"
    """Rows that are not judged."""

    def names(self) -> frozenset[str]:
        return frozenset(self.column_list)


class _ValueSet(ColumnExpectation):
    value_set: tuple[Any, ...]
    """The values."""


class ExpectColumnDistinctValuesToBeInSet(_ValueSet):
    """Every value that occurs is in the set."""


class ExpectColumnDistinctValuesToContainSet(_ValueSet):
    """Every value of the set occurs."""


class ExpectColumnDistinctValuesToEqualSet(_ValueSet):
    """The values that occur are those of the set."""


class ExpectColumnMostCommonValueToBeInSet(_ValueSet):
    """The most frequent value is in the set."""

    ties_okay: bool | None = None
    """Of several most frequent values one in the set is enough."""


class ExpectColumnMaxToBeBetween(AggregateExpectation):
    """The greatest value."""


class ExpectColumnMinToBeBetween(AggregateExpectation):
    """The least value."""


class ExpectColumnMeanToBeBetween(AggregateExpectation):
    """The mean."""


class ExpectColumnMedianToBeBetween(AggregateExpectation):
    """The median."""


class ExpectColumnStdevToBeBetween(AggregateExpectation):
    """The standard deviation of the sample."""


class ExpectColumnSumToBeBetween(AggregateExpectation):
    """The sum."""


class ExpectColumnUniqueValueCountToBeBetween(AggregateExpectation):
    """The number of different values."""


class ExpectColumnProportionOfUniqueValuesToBeBetween(AggregateExpectation):
    """Different values among all that are not NULL."""


class ExpectColumnProportionOfNonNullValuesToBeBetween(AggregateExpectation):
    """The share of rows that have a value."""


class ExpectColumnQuantileValuesToBeBetween(ColumnExpectation):
    """Several quantiles, each between two bounds."""

    quantile_ranges: dict[str, Any]
    """`{quantiles: [0.5], value_ranges: [[1, 2]]}`."""
    allow_relative_error: bool | str = False
    """Whether an approximation will do."""


class ExpectColumnKLDivergenceToBeLessThan(ColumnExpectation):
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
    min_value: Bound | None = None
    """The least value."""
    max_value: Bound | None = None
    """The greatest value."""


class ExpectColumnToExist(TableExpectation):
    """The table has this column."""

    column: str
    """The column."""
    column_index: int | None = None
    """Its place, from 0."""


class ExpectTableColumnCountToBeBetween(TableExpectation):
    """The number of columns."""

    min_value: int | None = None
    """The least number."""
    max_value: int | None = None
    """The greatest number."""


class ExpectTableColumnCountToEqual(TableExpectation):
    """The number of columns."""

    value: int
    """The number."""


class ExpectTableColumnsToMatchOrderedList(TableExpectation):
    """The columns, in this order."""

    column_list: Names
    """The columns."""


class ExpectTableColumnsToMatchSet(TableExpectation):
    """The columns, in any order."""

    column_set: Names
    """The columns."""
    exact_match: bool | None = True
    """False allows others beside them."""


class ExpectTableRowCountToBeBetween(TableExpectation):
    """The number of rows of the table after the commit."""

    min_value: int | None = None
    """The least number."""
    max_value: int | None = None
    """The greatest number."""
    strict_min: bool = False
    """The lower bound itself is not allowed."""
    strict_max: bool = False
    """The upper bound itself is not allowed."""


class ExpectTableRowCountToEqual(TableExpectation):
    """The number of rows of the table after the commit."""

    value: int
    """The number."""


class ExpectTableRowCountToEqualOtherTable(TableExpectation):
    """The table has as many rows as another one."""

    other_table_name: str
    """The other table."""


class ExpectQueryResultsToMatchComparison(TableExpectation):
    """Two queries give the same rows."""

    base_query: str
    """A query over the table."""
    comparison_data_source_name: str
    """Where the other query runs."""
    comparison_query: str
    """The other query."""


class UnexpectedRowsExpectation(TableExpectation):
    """A query that finds no rows."""

    unexpected_rows_query: str
    """The query; `{batch}` stands for the rows."""
