"""A Delta table that this project does not make."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from lakehouse.sources.base import Source


class Options(Source):
    """Keys of `source: {format: delta}`."""

    available: ClassVar[bool] = False

    format: Literal["delta"] = "delta"
    """A Delta table that this project does not make, by name or path."""
    table: str | None = None
    """Its name in the catalog."""
    path: str | None = None
    """Its folder or URL."""
    changes: bool = False
    """Read its change feed, so that updates and deletes come too."""
    starting_version: int | Literal["latest"] | None = None
    """The first version that is read; left out, the whole table as it is at the first run comes first."""

    @model_validator(mode="after")
    def _one_place(self) -> Options:
        if (self.table is None) == (self.path is None):
            raise ValueError("write exactly one of `table` and `path`")
        return self
