"""Rows counted while an action passes them, so that counting costs no job of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class Observed:
    """Counts of the rows of a frame, taken by the first action that passes them all: an aggregate, or a write.

    `frame` is the one to go on with. An action that may stop before the last row, as a limit, must not be the first.
    """

    def __init__(self, frame: DataFrame, **counts: Column) -> None:
        from pyspark.sql import Observation

        self._below, self._counts = frame, counts
        self._observation = Observation()
        self.frame = frame.observe(self._observation, *(column.alias(name) for name, column in counts.items()))

    def get(self) -> dict[str, int]:
        """Name -> count. Where no action told, as when Spark left out a part of the query, by a job of its own."""
        return dict(zip(self._counts, self._told() or self._counted(), strict=True))

    def _told(self) -> tuple[int, ...]:
        found: Any = self._observation._jo
        row = found.getRowOrEmpty() if found is not None else None
        # an action that lost the counts tells an empty row
        if row is None or row.isEmpty() or row.get().size() != len(self._counts):
            return ()
        return tuple(int(row.get().get(index)) for index in range(len(self._counts)))

    def _counted(self) -> tuple[int, ...]:
        (row,) = self._below.agg(*(column.alias(name) for name, column in self._counts.items())).collect()
        return tuple(int(value or 0) for value in row)
