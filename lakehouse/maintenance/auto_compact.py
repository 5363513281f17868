"""Delta's own compaction of small files right after a write."""

from __future__ import annotations

from lakehouse.maintenance.base import Shape
from lakehouse.model import Model


class Keys(Model):
    """The keys of this operation under `maintenance`."""

    auto_compact: bool = False
    """Delta compacts small files after each write by itself, in a commit of its own."""


def properties(keys: Keys, shape: Shape) -> dict[str, str]:
    """Delta's property, only where it is on: elsewhere the session's default counts."""
    return {"delta.autoOptimize.autoCompact": "true"} if keys.auto_compact else {}
