"""Rows are shuffled before a write so that fewer, larger files come out."""

from __future__ import annotations

from lakehouse.maintenance.base import Shape
from lakehouse.model import Model


class Keys(Model):
    """The keys of this operation under `maintenance`."""

    optimize_write: bool = False
    """Delta shuffles rows before it writes them, for fewer and larger files."""


def properties(keys: Keys, shape: Shape) -> dict[str, str]:
    """Delta's property, only where it is on: elsewhere the session's default counts."""
    return {"delta.autoOptimize.optimizeWrite": "true"} if keys.optimize_write else {}
