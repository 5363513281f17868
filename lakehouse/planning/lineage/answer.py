"""Where one column, or each column of a table, comes from and goes to: a tree for people, steps for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import Position, Problem, SpecError, suggestion
from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import Field, Frame
from lakehouse.planning.lineage.graph import Graph, Use
from lakehouse.planning.lineage.tree import Node, Walk
from lakehouse.planning.steps import Plan


@dataclass(frozen=True)
class Lineage:
    """The answer for a column or, when `column` is None, for all columns of a table; `str()` gives text for people."""

    table: TableName
    column: str | None
    tree: Node
    upstream: tuple[Use, ...] | None
    """Every step of the ways up, once; None when it was not asked for."""
    downstream: tuple[Use, ...] | None
    """Every step of the ways down, once; None when it was not asked for."""

    def __str__(self) -> str:
        return "\n".join(self.tree.lines())

    def to_dict(self) -> dict[str, Any]:
        """The steps for programs."""
        found: dict[str, Any] = {"table": str(self.table), "column": self.column}
        for name, uses in (("upstream", self.upstream), ("downstream", self.downstream)):
            if uses is not None:
                found[name] = [use.to_dict() for use in uses]
        return found


def lineage_of(plan: Plan, text: str, *, upstream: bool = True, downstream: bool = True) -> Lineage:
    """Where `layer.table.column`, or every column of `layer.table`, comes from and goes to.

    Raises SpecError, with the nearest name, for a table or column that is not there.
    """
    table, wanted = _table(plan, text)
    graph = Graph.of(plan, table)
    frame = graph.frames[table]
    names = list(frame.columns) if wanted is None else [_column(frame, table, wanted)]
    up, down = Walk(graph), Walk(graph)
    above = {name: up.sources(table, name) or (_nothing(frame, name),) for name in names} if upstream else {}
    below = {name: down.uses(Field(table, name)) for name in names} if downstream else {}
    rows = _part(f"rows of {table} depend on", up.rows(table) if upstream else ())
    if wanted is None:
        columns = [
            Node(name, children=(*_part("comes from", above.get(name)), *_part("goes into", below.get(name))))
            for name in names
        ]
        tree = Node(str(table), children=(*columns, *_others(frame), *rows))
    else:
        (name,) = names
        uses = (below[name] or (Node("nothing"),)) if downstream else ()
        parts = (*_part("comes from", above.get(name)), *rows, *_part("goes into", uses))
        tree = Node(f"{table}.{name}", children=parts)
    found = (tuple(walk.found) if asked else None for walk, asked in ((up, upstream), (down, downstream)))
    return Lineage(table, names[0] if wanted else None, tree, *found)


def _part(title: str, children: tuple[Node, ...] | None) -> tuple[Node, ...]:
    return (Node(title, children=children),) if children else ()


def _table(plan: Plan, text: str) -> tuple[TableName, str | None]:
    """The table, and the column if one is named."""
    tables = {str(step.name): step.name for step in plan.steps}
    layer, _, rest = text.partition(".")
    name, _, column = rest.partition(".")
    found = tables.get(f"{layer}.{name}")
    if found is None:
        wanted = f"{layer}.{name}" if name else layer
        raise _problem("unknown-table", f"there is no table {wanted!r} in this project", suggestion(wanted, tables))
    return found, column or None


def _column(frame: Frame, table: TableName, wanted: str) -> str:
    if frame.has(wanted):
        return frame.spelled(wanted)
    if frame.is_open and frame.get(wanted) is not None:
        message = f"nothing here is made of a column {wanted!r} of {table}, which has whatever its input has"
    else:
        message = f"{table} has no column {wanted!r}"
    raise _problem("unknown-column", message, suggestion(wanted, frame.columns))


def _problem(code: str, message: str, fix: str) -> SpecError:
    return SpecError([Problem(Position("COLUMN", 1, 1), code, message, fix)])


def _nothing(frame: Frame, name: str) -> Node:
    text = frame.columns[name].text
    return Node(f"no column: {text}" if text else "no column")


def _others(frame: Frame) -> Iterator[Node]:
    """What else the table may have."""
    for origin in frame.passing:
        what = "field" if isinstance(origin, str) else "column"
        yield Node(f"every other {what} of {origin}, by its own name")
    for prefix, column in frame.families:
        yield Node(f"{prefix}…, from {', '.join(sorted(str(edge.field) for edge in column.edges))}")
    if frame.blurred is not None:
        origins = sorted(str(edge.field) for edge in frame.blurred)
        yield Node(f"columns that cannot be told, from {', '.join(origins) or 'nothing that is known'}")
