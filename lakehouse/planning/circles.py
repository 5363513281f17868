"""Tables that wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from lakehouse.errors import Problem
from lakehouse.names import TableName
from lakehouse.planning.steps import Step, tables_of
from lakehouse.quality.expressions import place_of
from lakehouse.quality.references import references
from lakehouse.spec.load import Project


def circles(steps: list[Step]) -> Iterator[list[TableName]]:
    """Every circle of tables that wait for each other, each for the one before it and the first for the last."""
    graph = {s.name: sorted(s.after) for s in sorted(steps, key=lambda s: s.name)}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            names: list[TableName] = error.args[1]
        else:
            return
        # the first one is told last too
        first = names.index(min(names))
        ring = [*names[first:-1], *names[:first]]
        yield ring
        graph = {name: after for name, after in graph.items() if name not in ring}


def told(project: Project, ring: list[TableName]) -> Problem:
    """The circle, told where its first table waits."""
    where = project.position(ring[0])
    table, last = project.tables[ring[0]], ring[-1]
    found: list[tuple[str | int, ...]] = []
    found += [("from", index) for index, item in enumerate(table.from_ or ()) if item.table == last]
    found += [("depends_on", index) for index, item in enumerate(table.depends_on or ()) if item == str(last)]
    found += [loc for loc, other in tables_of(table) if other == last]
    if found:
        where = project.position(ring[0], *found[0])
    elif table.sql is not None:
        start = next(r.start for r in references(table.sql) if r.name == last)
        where = project.text_position(*place_of(table.sql, start), ring[0], "sql")
    way_round = " -> ".join(str(n) for n in [*ring, ring[0]])
    message = f"these tables wait for each other: {way_round}" if len(ring) > 1 else f"{last} waits for itself"
    return Problem(where, "cycle", message, "take one of these steps away")
