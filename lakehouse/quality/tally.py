"""What comes in and what rules take away, counted on the rows' way to the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.lake.observed import Observed

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_KEPT = "__kept"


class Tally:
    """Counts of one attempt. `whole`: how many rows there are to begin with is known without looking at them."""

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._exact = True
        """Nothing but conditions has changed which rows there are."""
        self._taken = False
        self._read: Observed | None = None
        self._gone: list[Observed] = []
        self._left: Observed | None = None
        self._beaten: list[Observed] = []
        self._elsewhere = False

    def leave(self) -> None:
        """Another commit of the same rows counts what was read and taken away; this one counts none of it."""
        self._elsewhere = True

    def reads(self, frame: DataFrame) -> DataFrame:
        """The frame, its rows counted as those that were read."""
        from pyspark.sql import functions as F

        self._read = Observed(frame, rows=F.count(F.lit(1)))
        return self._read.frame

    def take(self, frame: DataFrame, kept: Column) -> DataFrame:
        """The rows for which the condition, which is never NULL, is true; the others are counted."""
        from pyspark.sql import functions as F

        self._taken = True
        if self._whole and self._exact:
            # counted behind the condition, by which Spark can leave out whole files then
            self._left = Observed(frame.where(kept), rows=F.count(F.lit(1)))
            return self._left.frame
        marked = self.gone(frame.withColumn(_KEPT, kept), ~F.col(_KEPT))
        return marked.where(_KEPT).drop(_KEPT)

    def gone(self, frame: DataFrame, condition: Column) -> DataFrame:
        """The frame, with the rows counted for which the condition is true: what comes next takes them away."""
        from pyspark.sql import functions as F

        self._gone.append(Observed(frame, rows=F.count_if(condition)))
        return self._gone[-1].frame

    def beat(self, frame: DataFrame, kept: Column) -> DataFrame:
        """The rows for which the condition, which is never NULL, is true: others beat the rest, which is counted."""
        from pyspark.sql import functions as F

        self._beaten.append(Observed(frame.withColumn(_KEPT, kept), rows=F.count_if(~F.col(_KEPT))))
        return self._beaten[-1].frame.where(_KEPT).drop(_KEPT)

    def passed(self, *, changes_rows: bool) -> None:
        """A rule has been applied, which may have changed which rows there are."""
        self._exact = self._exact and (self._taken or not changes_rows)
        self._taken = False

    def rows_read(self) -> int | None:
        """Rows that were read; None where that was not asked for: as many as came out."""
        if self._read is None:
            return None
        return 0 if self._elsewhere else self._read.get()["rows"]

    def rows_beaten(self) -> int:
        """Rows that others of the same commit beat before the table was asked."""
        return sum(found.get()["rows"] for found in self._beaten)

    def rows_gone(self, there: int = 0) -> int:
        """Rows that conditions took away; `there` are the rows of inputs that are read whole."""
        if self._elsewhere:
            return 0
        left = 0 if self._left is None else max(there - self._left.get()["rows"], 0)
        return left + sum(found.get()["rows"] for found in self._gone)
