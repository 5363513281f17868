"""The lineage of all columns of a pipeline in one text: a line for each column, and one for the rows of each table."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.names import TableName
from lakehouse.planning.lineage import Graph
from lakehouse.planning.lineage.frame import Edges, Frame
from lakehouse.planning.steps import Plan


def written(plan: Plan) -> str:
    return "\n\n".join("\n".join(_table(*item)) for item in Graph.of(plan).frames.items()) + "\n"


def _table(name: TableName, frame: Frame) -> Iterator[str]:
    yield str(name)
    for column in sorted(frame.columns):
        made = frame.columns[column]
        yield f"  {column} <- {_edges(made.edges) or made.text}"
    for origin in frame.passing:
        yield f"  … <- {origin}"
    if frame.rows:
        yield f"  rows <- {_edges(frame.rows)}"


def _edges(edges: Edges) -> str:
    return ", ".join(sorted(f"{edge.field} ({edge.kind})" for edge in edges))
