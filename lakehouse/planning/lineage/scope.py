"""What a name means inside a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlglot import exp

from lakehouse.cleanse.others import Beside
from lakehouse.planning.lineage.frame import NOTHING, Column, Edge, Edges, Field, Frame, through
from lakehouse.quality.flow import Kind

HIDDEN = "\0"
"""Stands in names that no query can write."""


class Relation(NamedTuple):
    """Something that is read: by what names its columns are qualified, and what they are."""

    alias: str
    name: str
    """`layer.table` of a table, else a view's name or nothing."""
    frame: Frame
    shared: frozenset[str] = frozenset()
    """Columns by which it was joined to those before it, in small letters: `*` has them once."""


@dataclass(frozen=True)
class Scope:
    """What the expressions of one SELECT see."""

    relations: list[Relation]
    outer: Scope | None = None
    windows: Mapping[str, exp.Expr] = field(default_factory=dict)
    aliases: dict[str, Column] = field(default_factory=dict)
    """Names, in small letters, that the SELECT has given so far."""
    aliases_first: bool = False
    """Whether a name of the SELECT hides a column, as behind GROUP BY."""

    def alias(self, name: str, column: Column, item: exp.Expr) -> None:
        """Give a column of the result its name, by which the rest of the query may call it.

        Not when it is made of a column of that very name: then there is one, and it is meant.
        """
        if not any(c.name.casefold() == name.casefold() for c in item.find_all(exp.Column)):
            self.aliases[name.casefold()] = column

    def resolve(self, node: exp.Column) -> tuple[Column, bool]:
        """The column, and whether the node is a field inside of it; one without sources when nothing is called so."""
        names = [part.name for part in node.parts]
        for scope in self._outward():
            found = scope._qualified(names)
            if found is not None:
                return found
            if any(relation.frame.has(names[0]) for relation in scope.relations):
                break
        for scope in self._outward():
            column = scope._bare(names[0])
            if column is not None:
                return column, len(names) > 1
        return Column(), False

    def _outward(self) -> list[Scope]:
        return [self, *(self.outer._outward() if self.outer else ())]

    def _qualified(self, names: list[str]) -> tuple[Column, bool] | None:
        for length in (2, 1):
            prefix = ".".join(names[:length]).casefold()
            for relation in self.relations if len(names) > length else ():
                if prefix == (relation.name if length == 2 else relation.alias).casefold():
                    return relation.frame.get(names[length]) or Column(), len(names) > length + 1
        return None

    def _bare(self, name: str) -> Column | None:
        alias = self.aliases.get(name.casefold())
        if alias is not None and self.aliases_first:
            return alias
        known = [r.frame.get(name) for r in self.relations if r.frame.has(name)]
        if known:
            return known[0] if len(known) == 1 else Column(through((c, Kind.IDENTITY) for c in known))
        if alias is not None:
            return alias
        possible = [c for r in self.relations if (c := r.frame.get(name)) is not None]
        if len(possible) < 2:
            return possible[0] if possible else None
        return Column(_unsure(NOTHING.union(*(c.edges for c in possible))))

    def star(self, alias: str, left_out: frozenset[str]) -> Frame:
        """All columns of the relation, or of all of them, but for those left out (in small letters)."""
        found = Frame()
        for relation in self.relations:
            if alias and relation.alias.casefold() != alias.casefold():
                continue
            frame, apart = relation.frame, left_out | (frozenset() if alias else relation.shared)
            columns = {n: c for n, c in frame.columns.items() if n.casefold() not in apart}
            found = joined(found, replace(frame, columns=columns, gone=frame.gone | apart, rows=NOTHING))
        return found

    def share(self, names: list[str], before: int) -> Edges:
        """Columns by which relations are joined to the ones before them: all have them. Gives what the join reads."""
        rows = NOTHING
        for index, relation in enumerate(self.relations):
            frame = relation.frame
            found = {frame.spelled(name): c for name in names if (c := frame.get(name)) is not None}
            shared = relation.shared.union(name.casefold() for name in found) if index >= before else relation.shared
            frame = replace(frame, columns={**frame.columns, **found})
            self.relations[index] = relation._replace(frame=frame, shared=shared)
            rows |= through((column, Kind.JOIN) for column in found.values())
        return rows


def beside(frame: Frame, name: str, column: Column) -> Frame:
    """The frame with one more column; a second one of a name is only found by its place."""
    hidden = f"{name}{HIDDEN}{len(frame.columns)}" if frame.has(name) else name
    return replace(frame, columns={**frame.columns, hidden: column})


def joined(one: Frame, other: Frame) -> Frame:
    """The columns of both side by side; of two open ones it cannot be told which has a column that is not known."""
    columns = dict(one.columns)
    for name, column in other.columns.items():
        columns[f"{name}{HIDDEN}{len(columns)}" if one.has(name) else name] = column
    if one.is_open and other.is_open:
        return Frame(columns, blurred=_unsure(_rest(one) | _rest(other)), rows=one.rows | other.rows)
    rest = one if one.is_open else other
    return replace(rest, columns=columns, rows=one.rows | other.rows)


def every(frame: Frame) -> Edges:
    """Where all the columns of a frame come from."""
    return NOTHING.union(*(column.edges for column in frame.columns.values())) | _rest(frame)


def _rest(frame: Frame) -> Edges:
    """Where columns that are not known come from."""
    passing = frozenset(Edge(Field(origin, None), Kind.IDENTITY) for origin in frame.passing)
    families = NOTHING.union(*(column.edges for _, column in frame.families))
    return passing | families | (frame.blurred or NOTHING)


def _unsure(edges: Edges) -> Edges:
    """The same edges, when it cannot be told from which of the columns."""
    return frozenset(Edge(Field(edge.field.origin, None), edge.kind) for edge in edges)


def put_beside(frame: Frame, args: Beside, other: Frame) -> Frame:
    """The rows with what a rule takes of another table beside them."""
    pairs = [(frame, name) for _, name in args.reads()]
    pairs += [(other, name) for loc, _, name in args.wants() if loc[0] != "select"]
    rows = frame.rows | through((side.get(name), Kind.JOIN) for side, name in pairs)
    columns = list(other.columns) if args.select is None else [other.spelled(name) for name in args.select]
    taken = {new: other.get(name) or Column() for new, name in args.taken(columns).items()}
    if args.select is not None or not args.takes or not other.is_open:
        there = {name.casefold() for name in taken}
        return replace(frame, columns={**frame.columns, **taken}, gone=frame.gone - there, rows=rows)
    # of a prefix it cannot be told which column has it
    rest = Frame(taken, blurred=_unsure(_rest(other))) if args.prefix else replace(other, columns=taken, rows=NOTHING)
    return replace(joined(frame, rest), rows=rows)
