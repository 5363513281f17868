"""The columns of a project as a graph: what each is used for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import Edges, Field, Frame
from lakehouse.planning.lineage.tables import stored_frames
from lakehouse.planning.steps import Plan
from lakehouse.quality.flow import Kind

_KINDS = list(Kind)


@dataclass(frozen=True)
class Use:
    """One step of the way: a field goes into a column of a table or, where that is None, decides which rows it has."""

    field: Field
    kind: Kind
    table: TableName
    column: str | None

    @property
    def target(self) -> str:
        """What the field is used for, in words."""
        return f"rows of {self.table}" if self.column is None else f"{self.table}.{self.column}"

    def to_dict(self) -> dict[str, Any]:
        """The use for programs; type and subtype are the words of OpenLineage."""
        origin, column = self.field
        place = {"source": origin} if isinstance(origin, str) else {"table": str(origin)}
        return {
            "from": {**place, "column": column},
            "to": {"table": str(self.table), "column": self.column},
            "type": "DIRECT" if self.kind.is_direct else "INDIRECT",
            "subtype": self.kind.name,
        }


@dataclass(frozen=True)
class Graph:
    """The stored columns of tables, each table after those that it reads."""

    frames: Mapping[TableName, Frame]

    @classmethod
    def of(cls, plan: Plan, table: TableName | None = None) -> Graph:
        """The columns of all tables, or of those that have to do with one: others tell which columns an input has."""
        wanted = {step.name for step in plan.steps}
        if table is not None:
            reads = {step.name: {read.table for read in step.reads} for step in plan.steps}
            readers: dict[TableName, set[TableName]] = {name: set() for name in reads}
            for name, tables in reads.items():
                for read in tables:
                    readers[read].add(name)
            wanted = _reached(_reached(_reached({table}, reads), readers), reads)
        return cls(stored_frames([step for step in plan.steps if step.name in wanted]))

    def sources(self, table: TableName, column: str | None) -> list[Use]:
        """What a column, or (None) which rows there are, comes from: values first."""
        frame = self.frames[table]
        edges = frame.rows if column is None else frame.columns[column].edges
        return sorted(self._uses(edges, table, column), key=lambda use: (not use.kind.is_direct, self._place(use)))

    def uses(self, field: Field) -> Sequence[Use]:
        """What a field goes into, by table; also where it may be the one of several that is meant."""
        unsure = self._by_field.get((field.origin, ""), ())
        return sorted((*self._by_field.get(_key(field), ()), *unsure), key=self._place_of_target)

    @cached_property
    def _by_field(self) -> Mapping[tuple[object, str], Sequence[Use]]:
        found: dict[tuple[object, str], list[Use]] = {}
        for table, frame in self.frames.items():
            for column in (*frame.columns, None):
                for use in self.sources(table, column):
                    found.setdefault(_key(use.field), []).append(use)
        return found

    def _uses(self, edges: Edges, table: TableName, column: str | None) -> Iterator[Use]:
        for (origin, name), kind in edges:
            # as the table spells it, in which a name may be asked for in any case
            known = self.frames.get(origin) if isinstance(origin, TableName) else None
            spelled = known.spelled(name) if known is not None and name is not None else name
            yield Use(Field(origin, spelled), kind, table, column)

    @cached_property
    def _order(self) -> Mapping[tuple[object, str], tuple[int, int]]:
        return {
            _key(Field(table, column)): (i, j)
            for i, (table, frame) in enumerate(self.frames.items())
            for j, column in enumerate(frame.columns)
        }

    def _place(self, use: Use) -> tuple[object, ...]:
        return self._order.get(_key(use.field), (-1, -1)), str(use.field), _KINDS.index(use.kind)

    def _place_of_target(self, use: Use) -> tuple[object, ...]:
        i, j = self._order.get(_key(Field(use.table, use.column)), (list(self.frames).index(use.table), 1 << 30))
        return i, j, _KINDS.index(use.kind)


def _key(field: Field) -> tuple[object, str]:
    return field.origin, (field.column or "").casefold()


def _reached(names: Iterable[TableName], edges: Mapping[TableName, set[TableName]]) -> set[TableName]:
    found, edge = set(names), set(names)
    while edge:
        edge = {n for name in edge for n in edges.get(name, ())} - found
        found |= edge
    return found
