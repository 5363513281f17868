"""The core expectation that needs what a pipeline does not have: modelled, so that it is refused by name."""

from __future__ import annotations

from typing import ClassVar

from lakehouse.quality.core.base import TableExpectation


class ExpectQueryResultsToMatchComparison(TableExpectation):
    """Two queries give the same rows; the second one runs in a data source of a Great Expectations context."""

    available: ClassVar[bool] = False

    base_query: str
    """A query over the table."""
    comparison_data_source_name: str
    """Where the other query runs."""
    comparison_query: str
    """The other query."""
