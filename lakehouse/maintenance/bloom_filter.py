"""Parquet bloom filters by table property: a lookup by value skips files that do not hold it."""

from __future__ import annotations

from pydantic import Field

from lakehouse.maintenance.base import Shape
from lakehouse.model import Model


class BloomFilter(Model):
    """`{fpp: 0.01, num_items: 5000}`."""

    fpp: float = Field(0.01, gt=0, lt=1)
    """Share of lookups that read a file which does not hold the value."""
    num_items: int | None = Field(None, ge=1)
    """Distinct values to expect in a row group; without it each filter takes 1 MiB."""


class Keys(Model):
    """The keys of this operation under `maintenance`."""

    bloom_filter: dict[str, BloomFilter] = Field(default_factory=dict)
    """Column -> its filter. Files written from now on have one; others get it when they are rewritten."""


def properties(keys: Keys, shape: Shape) -> dict[str, str]:
    """Parquet's own settings, which Delta hands from the table's properties to every writer of the table."""
    found: dict[str, str] = {}
    for column, options in keys.bloom_filter.items():
        found[f"parquet.bloom.filter.enabled#{column}"] = "true"
        found[f"parquet.bloom.filter.fpp#{column}"] = repr(options.fpp)
        if options.num_items is not None:
            found[f"parquet.bloom.filter.expected.ndv#{column}"] = str(options.num_items)
    return found
