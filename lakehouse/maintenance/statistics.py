"""Columns whose smallest and largest value Delta keeps per file, by which files are skipped."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse.maintenance.base import Shape
from lakehouse.model import Model, Names

BY_DEFAULT = 32
"""Delta keeps statistics of so many columns from the left, counting the fields of a struct, when none are named."""
_WITHOUT = ("boolean", "binary", "array<", "map<")
"""Types for which Delta refuses to be told to keep statistics."""


class Keys(Model):
    """The keys of this operation under `maintenance`."""

    statistics: Names | None = None
    """Columns with statistics per file; those that the table itself needs are always among them."""


def properties(keys: Keys, shape: Shape) -> dict[str, str]:
    """The columns by name where Delta's own choice, the first 32, would leave out one that is asked for or needed."""
    types = {name.casefold(): (name, text) for name, text in shape.columns.items()}
    asked = list(keys.statistics) if keys.statistics else []
    if not asked and not _beyond(shape):
        return {}
    others = [] if asked else list(shape.columns)
    wanted: dict[str, str] = {}
    for name in (*shape.first, *asked, *others):
        stored, text = types.get(name.casefold(), (name, ""))
        if stored.casefold() not in wanted and not text.startswith(_WITHOUT) and stored not in shape.partitioned_by:
            wanted[stored.casefold()] = stored
        if not asked and _leaves(shape.columns.get(n, "") for n in wanted.values()) >= BY_DEFAULT:
            break
    return {"delta.dataSkippingStatsColumns": ",".join(_property_name(name) for name in wanted.values())}


def _beyond(shape: Shape) -> bool:
    """Whether a column that needs statistics lies behind the first 32."""
    needed = {name.casefold() for name in shape.first}
    before = 0
    for name, text in shape.columns.items():
        before += _leaves([text])
        if before > BY_DEFAULT and name.casefold() in needed:
            return True
    return False


def _leaves(types: Iterable[str]) -> int:
    """Columns as Delta counts them: each field of a struct is one."""
    return sum(max(1, text.count(":")) for text in types)


def _property_name(name: str) -> str:
    return name if name.replace("_", "a").isalnum() else f"`{name}`"
