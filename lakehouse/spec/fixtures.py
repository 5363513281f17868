"""Tests written in YAML: rows in, rows out."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from lakehouse.model import Model, TableRef

Rows = tuple[dict[str, Any], ...]


class Batch(Model):
    """One step of a test: rows that arrive, and what the table holds then."""

    given: dict[str, Rows] = Field(default_factory=dict)
    """Table -> rows that arrive in it; columns left out are NULL."""
    expect: Rows | None = None
    """Rows that the table holds after this batch, in any order; only the named columns are compared."""
    quarantine: Rows | None = None
    """Rows that its quarantine holds after this batch."""


class Test(Model):
    """A test of one table, with its inputs as fixtures."""

    __test__ = False  # not one of pytest's

    table: TableRef
    """The table that is run."""
    description: str | None = None
    """What the test shows."""
    now: str | None = None
    """The time at which the run starts."""
    steps: tuple[Batch, ...] = Field(min_length=1)
    """Batches, one after the other."""
    invariant: bool = True
    """Also run with all batches joined and with each given twice."""
