"""Core expectations about the number of rows of the table after the commit (S51)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, model_validator

from lakehouse.names import TableName
from lakehouse.quality.core.base import TableRowsExpectation, Verdict


class ExpectTableRowCountToBeBetween(TableRowsExpectation):
    """The number of rows of the table after the commit."""

    min_value: int | None = None
    """The least number."""
    max_value: int | None = None
    """The greatest number."""
    strict_min: bool = False
    """The lower bound itself is not allowed."""
    strict_max: bool = False
    """The upper bound itself is not allowed."""

    @model_validator(mode="after")
    def _a_bound(self) -> ExpectTableRowCountToBeBetween:
        if self.min_value is None and self.max_value is None:
            raise ValueError("min_value and max_value are both missing; give at least one")
        return self

    def verdict(self, rows: int, other: int | None) -> Verdict:
        low, high = self.min_value, self.max_value
        above = low is None or (rows > low if self.strict_min else rows >= low)
        below = high is None or (rows < high if self.strict_max else rows <= high)
        parts = [f"{'above' if self.strict_min else 'at least'} {low:,}"] if low is not None else []
        parts += [f"{'below' if self.strict_max else 'at most'} {high:,}"] if high is not None else []
        return Verdict(above and below, rows, f"the table would have {rows:,} rows, not {' and '.join(parts)}")


class ExpectTableRowCountToEqual(TableRowsExpectation):
    """The number of rows of the table after the commit."""

    value: int
    """The number."""

    def verdict(self, rows: int, other: int | None) -> Verdict:
        return Verdict(rows == self.value, rows, f"the table would have {rows:,} rows, not {self.value:,}")


def _a_table(name: str) -> str:
    return str(TableName.parse(name))


OtherTable = Annotated[str, AfterValidator(_a_table)]
"""`layer.table`."""


class ExpectTableRowCountToEqualOtherTable(TableRowsExpectation):
    """The table has as many rows after the commit as another one has when this one is written."""

    other_table_name: OtherTable
    """The other table, as `silver.flights`; one that the same run writes is written first."""

    @property
    def other(self) -> str | None:
        return self.other_table_name

    def verdict(self, rows: int, other: int | None) -> Verdict:
        told = f"the table would have {rows:,} rows, and {self.other_table_name} has {other or 0:,}"
        return Verdict(rows == other, {"self": rows, "other": other}, told)
