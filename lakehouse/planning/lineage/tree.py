"""Ways through the graph as trees: a line for each column, what it comes from or goes into below it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import Field
from lakehouse.planning.lineage.graph import Graph, Use
from lakehouse.quality.flow import Kind

_Key = TypeVar("_Key", bound=Hashable)
_AGAIN = "as above"


@dataclass(frozen=True)
class Node:
    """One line, and what hangs below it."""

    label: str
    kinds: tuple[Kind, ...] = ()
    """How this goes into what is above it or, on the way down, how that goes into this."""
    note: str = ""
    children: tuple[Node, ...] = ()

    @property
    def text(self) -> str:
        """The line without its indent."""
        parts = (self.label, ", ".join(self.kinds), f"({self.note})" if self.note else "")
        return "  ".join(part for part in parts if part)

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree as indented text."""
        yield "  " * depth + self.text
        for child in self.children:
            yield from child.lines(depth + 1)


@dataclass
class Walk:
    """Ways through the graph in one direction; `found` keeps every step of them once."""

    graph: Graph
    found: dict[Use, None] = field(default_factory=dict)

    def sources(self, table: TableName, column: str) -> tuple[Node, ...]:
        """What a column comes from, up to the files."""
        return self._sources(table, column, set())

    def rows(self, table: TableName) -> tuple[Node, ...]:
        """What decides which rows a table has; where that comes from in turn is left out."""
        uses = self._grouped([(use.field, use) for use in self.graph.sources(table, None)])
        return tuple(Node(str(source), kinds) for source, kinds in uses.items())

    def uses(self, source: Field) -> tuple[Node, ...]:
        """What a column goes into, down to the last table."""
        return self._uses(source, {source})

    def _sources(self, table: TableName, column: str, seen: set[Field]) -> tuple[Node, ...]:
        grouped = self._grouped([(use.field, use) for use in self.graph.sources(table, column)])
        return tuple(self._source(source, kinds, seen) for source, kinds in grouped.items())

    def _source(self, source: Field, kinds: tuple[Kind, ...], seen: set[Field]) -> Node:
        origin, name = source
        if isinstance(origin, str) or name is None:
            return Node(str(source), kinds)
        if source in seen:
            return Node(str(source), kinds, _AGAIN)
        seen.add(source)
        column = self.graph.frames[origin].columns.get(name)
        if column is None:
            return Node(str(source), kinds, "no such column")
        return Node(str(source), kinds, column.text, self._sources(origin, name, seen))

    def _uses(self, source: Field, seen: set[Field]) -> tuple[Node, ...]:
        uses = self.graph.uses(source)
        sure = {use.target for use in uses if use.field.column is not None}
        grouped = self._grouped([((use.table, use.column, use.target in sure), use) for use in uses])
        return tuple(self._use(*target, kinds, seen) for target, kinds in grouped.items())

    def _use(self, table: TableName, column: str | None, sure: bool, kinds: tuple[Kind, ...], seen: set[Field]) -> Node:
        note = "" if sure else "of several columns, which of them cannot be told"
        if column is None:
            return Node(f"rows of {table}", kinds, note)
        target = Field(table, column)
        if target in seen:
            return Node(str(target), kinds, note or _AGAIN)
        seen.add(target)
        return Node(str(target), kinds, note, self._uses(target, seen))

    def _grouped(self, uses: Sequence[tuple[_Key, Use]]) -> dict[_Key, tuple[Kind, ...]]:
        """Each key with its kinds, in the order in which they come."""
        grouped: dict[_Key, tuple[Kind, ...]] = {}
        for key, use in uses:
            self.found.setdefault(use)
            grouped[key] = (*grouped.get(key, ()), use.kind)
        return grouped
