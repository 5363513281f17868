"""A project as read: every table and task with the place of each of its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakehouse.errors import Position
from lakehouse.names import TableName
from lakehouse.spec.choices import step
from lakehouse.spec.dump import to_yaml
from lakehouse.spec.environment import Environment
from lakehouse.spec.late import references_in
from lakehouse.spec.models import Pipeline, Table, Task
from lakehouse.spec.nodes import MapNode, Mark, Node, Scalar, position
from lakehouse.spec.scalars import Value

TASKS = "tasks"
"""The layer of a task's name."""


@dataclass(frozen=True)
class Origin:
    """Where a table or task was written: its values, the place of its name, its pipeline, the variables it sees."""

    node: Node
    mark: Mark
    pipeline: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    """Those of its variables that come from `for_each`."""


@dataclass(frozen=True)
class Project:
    """All pipelines of a folder under one environment; inert."""

    root: Path
    """The project's folder, absolute."""
    environment: Environment
    pipelines: tuple[Pipeline, ...]
    tables: Mapping[TableName, Table]
    """In the order of files and of layers."""
    tasks: Mapping[TableName, Task]
    selected: frozenset[TableName]
    """Tables and tasks of the files that were asked for."""
    origins: Mapping[TableName, Origin] = field(default_factory=dict, repr=False)
    sources: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    """File -> its lines."""

    def position(self, name: TableName, *keys: str | int) -> Position:
        """Where a value of a table or task is written; the nearest place above it when it is not written."""
        node, mark = self._find(name, keys)
        return position(node.mark if isinstance(node, Scalar) else mark)

    def key_position(self, name: TableName, *keys: str | int) -> Position:
        """Where a key is written, as the name of a column in `schema`."""
        return position(self._find(name, keys)[1])

    def text_position(self, line: int, column: int, name: TableName, *keys: str | int) -> Position:
        """Where a character of a text is written; line and column count from 1 inside the text."""
        node, mark = self._find(name, keys)
        return position(node.place(line - 1, column - 1) if isinstance(node, Scalar) else mark)

    def written(self, name: TableName, *keys: str | int) -> bool:
        """Whether the file has these keys, so that what stands there is not a default."""
        return self._written(name, keys) is not None

    def value(self, name: TableName, *keys: str | int) -> Value:
        """The scalar that the file has there; None where it has none."""
        node = self._written(name, keys)
        return node.value if isinstance(node, Scalar) else None

    def source_line(self, place: Position) -> str:
        """The line of the file, empty when there is none."""
        lines = self.sources.get(place.file, [])
        return lines[place.line - 1] if 0 < place.line <= len(lines) else ""

    def pipeline_of(self, name: TableName) -> Pipeline:
        """The pipeline that a table or task was written in."""
        wanted = self.origins[name].pipeline
        return next(p for p in self.pipelines if p.pipeline == wanted)

    def variables_of(self, name: TableName) -> Mapping[str, Any]:
        """Values of the variables that the expressions of a table may use as `:name`."""
        return self.origins[name].variables

    def late_references(self, name: TableName, variables: Mapping[str, Any]) -> Iterator[str]:
        """References known only when a run starts, in the texts of a table and in these variables."""
        yield from references_in(self.origins[name].node)
        yield from references_in(variables)

    def place_of_text(self, name: TableName, pattern: str) -> tuple[str | int, ...]:
        """Keys down to the first text of a table in which the pattern is found; none when it is nowhere."""
        return next(_found(self.origins[name].node, re.compile(pattern)), ())

    def to_yaml(self) -> dict[str, str]:
        """Pipeline -> its file, everything put in: `for_each`, `defaults`, variables. It loads as the same project."""
        values = {
            (name.layer, name.table): {key: origin.variables[key] for key in sorted(origin.own)}
            for name, origin in self.origins.items()
        }
        found = {}
        for pipeline in self.pipelines:
            mine = {k: v for k, v in values.items() if self.origins[TableName(*k)].pipeline == pipeline.pipeline}
            layers: dict[str, dict[str, Any]] = {}
            for name, step_ in (*self.tables.items(), *self.tasks.items()):
                if self.origins[name].pipeline == pipeline.pipeline:
                    layers.setdefault(name.layer, {})[name.table] = step_
            found[pipeline.pipeline] = to_yaml(pipeline.model_copy(update={**layers, "defaults": None}), mine)
        return found

    def _written(self, name: TableName, keys: tuple[str | int, ...]) -> Node | None:
        node: Node | None = self.origins[name].node if name in self.origins else None
        for key in keys:
            node = step(node, key) if node is not None else None
        return node

    def _find(self, name: TableName, keys: tuple[str | int, ...]) -> tuple[Node, Mark]:
        origin = self.origins.get(name)
        if origin is None:
            mark = (str(name), 1, 1)
            return Scalar(None, "", mark), mark
        if not keys:
            return Scalar(str(name), str(name), origin.mark), origin.mark
        node, mark = origin.node, origin.mark
        for key in keys:
            inner = step(node, key)
            if inner is None:
                if isinstance(key, int):
                    continue  # one value where a list would do
                break
            mark = node.keys[key] if isinstance(node, MapNode) and isinstance(key, str) else inner.mark
            node = inner
        return node, mark


def _found(node: Node, pattern: re.Pattern[str], keys: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, Scalar):
        if pattern.search(node.text):
            yield keys
        return
    for key, item in node.items.items() if isinstance(node, MapNode) else enumerate(node.items):
        yield from _found(item, pattern, (*keys, key))
