"""A table or query of a database."""

from __future__ import annotations

from typing import ClassVar, Literal

from lakehouse.model import Duration
from lakehouse.sources.base import Source


class Options(Source):
    """Keys of `source: {format: jdbc}`."""

    available: ClassVar[bool] = False

    format: Literal["jdbc"] = "jdbc"
    """A table or query of a database, read by Spark's JDBC source."""
    cursor_column: str | None = None
    """A column that only grows; a run reads the rows from its last value on. Left out, the whole is read."""
    lag: int | float | Duration | None = None
    """How far before the last value a run starts again, for rows that were committed late."""
    initial_value: int | float | str | None = None
    """Where the first run starts; left out, at the beginning."""
