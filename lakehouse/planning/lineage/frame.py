"""The columns of a frame, by where each comes from, also while it is not known which columns there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from lakehouse.names import TableName
from lakehouse.quality.flow import Flow, Kind, Value
from lakehouse.quality.rows import carried

Origin = TableName | str
"""A table, or the path of a source."""


class Field(NamedTuple):
    """A column of a table, or a field of a source's files."""

    origin: Origin
    column: str | None
    """None: one of its columns, or several; which ones cannot be told."""

    def __str__(self) -> str:
        if isinstance(self.origin, str):
            return f"every field of {self.origin}" if self.column is None else f"{self.origin}:{self.column}"
        return f"every column of {self.origin}" if self.column is None else f"{self.origin}.{self.column}"


class Edge(NamedTuple):
    """A field from which something comes, and how."""

    field: Field
    kind: Kind


Edges = frozenset[Edge]
NOTHING: Edges = frozenset()


@dataclass(frozen=True)
class Column:
    """Where the value of one column comes from."""

    edges: Edges = NOTHING
    type: str | None = None
    text: str = ""
    """How the column comes to be, where its sources do not say it; for people."""


def through(columns: Iterable[tuple[Column | None, Kind]]) -> Edges:
    """What is made of these columns, each going in as its kind says."""
    return frozenset(
        Edge(edge.field, kind.after(edge.kind)) for column, kind in columns for edge in (column.edges if column else ())
    )


@dataclass(frozen=True)
class Frame:
    """Columns at one point of a step; names ignore case."""

    columns: Mapping[str, Column] = field(default_factory=dict)
    """Those that are known, in order."""
    passing: Mapping[Origin, str | None] = field(default_factory=dict)
    """Inputs of which it is not known what columns they have -> type of those columns, where all have one. Their
    columns pass by their own names, but for those that are known or gone."""
    gone: frozenset[str] = frozenset()
    """Names, in small letters, of columns that are not there."""
    families: tuple[tuple[str, Column], ...] = ()
    """(Prefix in small letters, where columns whose names begin so come from)."""
    blurred: Edges | None = None
    """Where any other column comes from; None when there is no other."""
    rows: Edges = NOTHING
    """What has a say in which rows there are."""

    @cached_property
    def _spelled(self) -> Mapping[str, str]:
        return {name.casefold(): name for name in self.columns}

    @property
    def is_open(self) -> bool:
        """Whether there may be columns that are not known."""
        return bool(self.passing or self.families) or self.blurred is not None

    def spelled(self, name: str) -> str:
        """The name as the frame has it."""
        return self._spelled.get(name.casefold(), name)

    def has(self, name: str) -> bool:
        """Whether the column is known to be there."""
        return name.casefold() in self._spelled

    def get(self, name: str) -> Column | None:
        """The column, as far as it can be told; None when there is none of that name."""
        fold = name.casefold()
        if fold in self._spelled:
            return self.columns[self._spelled[fold]]
        if fold in self.gone:
            return None
        for prefix, column in self.families:
            if fold.startswith(prefix):
                return column
        if self.passing:
            types = set(self.passing.values())
            edges = frozenset(Edge(Field(origin, name), Kind.IDENTITY) for origin in self.passing)
            return Column(edges, types.pop() if len(types) == 1 else None)
        return None if self.blurred is None else Column(self.blurred)

    def after(self, flow: Flow) -> Frame:
        """The frame after that was done to it."""
        made = {self.spelled(name): self._made(value) for name, value in flow.made.items()}
        rows = self.rows | through((self.get(name), kind) for name, kind in flow.rows)
        gone = {name.casefold() for name in flow.gone}
        kept = {name: column for name, column in self.columns.items() if name.casefold() not in gone}
        if flow.only is not None:
            new = {name.casefold() for name in flow.made}
            wanted = {
                name if name.casefold() in new else self.spelled(name): made.get(self.spelled(name))
                or self.get(name)
                or Column()
                for name in flow.only
            }
            return Frame({**wanted, **{name: kept[name] for name in carried(kept)}}, rows=rows)
        families = [
            (prefix.casefold(), Column(through([(self.get(name), Kind.TRANSFORMATION)])))
            for prefix, name in flow.families.items()
        ]
        return replace(
            self,
            columns={**kept, **made},
            gone=(self.gone | gone) - {name.casefold() for name in made},
            families=(*families, *self.families),
            rows=rows,
        )

    def _made(self, value: Value) -> Column:
        sources = [(self.get(source), kind) for source, kind in value.sources]
        bare = sources[0][0] if len(sources) == 1 and sources[0][1] is Kind.IDENTITY else None
        edges = through(sources)
        return Column(edges, bare.type if bare else None, "" if edges else value.text)

    def only(self, names: Iterable[str]) -> Frame:
        """The known columns of these names, in this order, and no others."""
        return Frame({name: self.get(name) or Column() for name in names}, rows=self.rows)

    def blur(self, inputs: Iterable[Origin]) -> Frame:
        """The frame after something that may have made anything of it: every column comes from all of the inputs."""
        edges = frozenset(Edge(Field(origin, None), Kind.TRANSFORMATION) for origin in inputs)
        return Frame(blurred=edges, rows=self.rows)


def united(frames: Iterable[Frame]) -> Frame:
    """Rows of all the frames, their columns matched by name."""
    parts = list(frames)
    if len(parts) == 1:
        return parts[0]
    names: dict[str, str] = {}
    for part in parts:
        for name in part.columns:
            names.setdefault(name.casefold(), name)
    columns = {}
    for name in names.values():
        found = [column for part in parts if (column := part.get(name)) is not None]
        types = {column.type for column in found}
        edges = NOTHING.union(*(column.edges for column in found))
        columns[name] = Column(edges, types.pop() if len(types) == 1 else None)
    blurred = [part.blurred for part in parts if part.blurred is not None]
    return Frame(
        columns,
        {origin: kind for part in parts for origin, kind in part.passing.items()},
        frozenset.intersection(*(part.gone for part in parts)),
        tuple(family for part in parts for family in part.families),
        NOTHING.union(*blurred) if blurred else None,
        NOTHING.union(*(part.rows for part in parts)),
    )
