"""The table that a step writes, as a way to write needs to know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lakehouse.lake import types
from lakehouse.names import TableName, quoted


@dataclass(frozen=True)
class Target:
    """One table at its place; types are canonical texts (`lake/types.py`)."""

    name: TableName
    path: str
    columns: Mapping[str, str]
    """Stored columns after the write -> type, in order; those that `existing` lacks are added by the write itself."""
    existing: Mapping[str, str]
    """Columns that the table has now -> type, in order."""
    version: int | None = None
    """The table's version that the write was decided on; None: as it is."""
    partitioned_by: tuple[str, ...] = ()
    """Partition columns; only a write that replaces the schema has to name them."""
    comments: Mapping[str, str] = field(default_factory=dict)
    """Column -> comment of columns that the write adds."""
    empty: bool = False
    """The table has no rows yet, so nothing that comes can match any."""
    widens: bool = False
    """The table's columns may get wider types (`delta.enableTypeWidening`)."""
    replaces: bool = False
    """A full refresh: what is stored is replaced by the write, which knows nothing of it (`empty`)."""
    replace_schema: bool = False
    """The write may give the table another schema: a full refresh of a table that is a function of its inputs."""

    @property
    def sql(self) -> str:
        """The table as SQL names it."""
        return location(self.path)

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Stored columns that the table does not have yet; names compare case-insensitively (S16)."""
        there = {name.casefold() for name in self.existing}
        return tuple(name for name in self.columns if name.casefold() not in there)

    @property
    def grown_columns(self) -> Mapping[str, str]:
        """Stored columns that get fields inside of them, or a wider type -> the type that they have now."""
        there = {name.casefold(): text for name, text in self.existing.items()}
        found = {name: (there.get(name.casefold(), text), text) for name, text in self.columns.items()}
        return {
            name: now
            for name, (now, then) in found.items()
            if now != then and ("struct<" in then or (self.widens and types.widens(now, then)))
        }

    @property
    def grown(self) -> Sequence[tuple[str, str]]:
        """The type of each grown column as it is now and as it will be."""
        return [(now, self.columns[name]) for name, now in self.grown_columns.items()]

    @property
    def evolves(self) -> bool:
        """Whether the write changes the table's columns."""
        return bool(self.new_columns or self.grown_columns)


def location(path: str) -> str:
    """The Delta table at a path as SQL names it."""
    return f"delta.{quoted(path)}"
