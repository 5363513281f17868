"""Which columns come from which, and how: the words, and what an SQL expression says about it. Pure.

The kinds are those of OpenLineage's column lineage: a value is taken *directly* from a column as it is, changed, or
aggregated; or a column has an *indirect* say, in which of several values is taken, or in which rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlglot import exp

from lakehouse.quality import expressions


class Kind(StrEnum):
    """How a column goes into another one, or into the rows of a table; the order counts: the stronger comes later."""

    IDENTITY = "identity"
    TRANSFORMATION = "transformation"
    AGGREGATION = "aggregation"
    CONDITIONAL = "conditional"
    """Decides which of several values is taken, as the condition of a CASE."""
    WINDOW = "window"
    """Orders or divides the rows that a window function sees."""
    FILTER = "filter"
    JOIN = "join"
    GROUP_BY = "group by"
    SORT = "sort"

    @property
    def is_direct(self) -> bool:
        """Whether the value itself goes in."""
        return self in _DIRECT

    def after(self, inner: Kind) -> Kind:
        """The kind of a way whose first part is `inner` and whose second part is this one."""
        if not self.is_direct:
            return self
        return inner if not inner.is_direct else max(self, inner, key=_DIRECT.index)


_DIRECT = (Kind.IDENTITY, Kind.TRANSFORMATION, Kind.AGGREGATION)
_ONE_ROWS_VALUE = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
"""Functions of a window that the parser takes for aggregates, and that give the value of one row."""

Source = tuple[str, Kind]
"""A column of the frame before, and how it goes in."""


@dataclass(frozen=True)
class Value:
    """What a column is made of."""

    sources: frozenset[Source] = frozenset()
    text: str = ""
    """What is computed, as its author wrote it; for people."""


@dataclass(frozen=True)
class Flow:
    """What one thing that is done to a frame makes of its columns; those it does not tell of stay as they are."""

    made: Mapping[str, Value] = field(default_factory=dict)
    """Column after -> the columns before from which its value comes."""
    gone: frozenset[str] = frozenset()
    """Columns before that are not there after, unless they are made anew."""
    only: tuple[str, ...] | None = None
    """All columns that are there after, but for those that are carried along; None when others stay."""
    rows: frozenset[Source] = frozenset()
    """Columns before that have a say in which rows there are after."""
    families: Mapping[str, str] = field(default_factory=dict)
    """Prefix -> column before: what is called so and is not told otherwise comes from that column, as a struct's field
    does."""


def same(*names: str) -> Value:
    """The value of one of these columns as it is."""
    return Value(frozenset((name, Kind.IDENTITY) for name in names))


def changed(*names: str) -> Value:
    """A value computed from these columns."""
    return Value(frozenset((name, Kind.TRANSFORMATION) for name in names))


def value(text: str) -> Value:
    """What an expression makes of columns."""
    return Value(_sources(text), text)


def used(text: str, kind: Kind) -> frozenset[Source]:
    """The columns of an expression that decides about rows, as a filter does."""
    return frozenset((name, kind.after(inner)) for name, inner in _sources(text))


def _sources(text: str) -> frozenset[Source]:
    found: set[Source] = set()
    for node, kind in parts(expressions.parse(text)):
        if isinstance(node, exp.Column):
            nested = len(node.parts) > 1
            found.add((node.parts[0].name, Kind.TRANSFORMATION.after(kind) if nested else kind))
    return frozenset(found)


def parts(tree: exp.Expr, windows: Mapping[str, exp.Expr] | None = None) -> Iterator[tuple[exp.Expr, Kind]]:
    """The columns, stars and queries inside an expression, each with how it goes into the value; in no order.

    `windows` are those that a query defines by name.
    """
    todo = [(tree, Kind.IDENTITY)]
    while todo:
        node, kind = todo.pop()
        if isinstance(node, exp.Column):
            if expressions.is_column(node) or isinstance(node.this, exp.Star):
                yield node, kind
        elif isinstance(node, exp.Query | exp.Star):
            yield node, kind
        elif isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
            pass  # counts rows, reads no column
        elif isinstance(node, exp.Window):
            todo += _window(node, kind, windows or {})
        else:
            todo += [(child, how.after(kind)) for child, how in _inside(node)]


def _inside(node: exp.Expr) -> Iterator[tuple[exp.Expr, Kind]]:
    """The parts of a node, each with how it goes into the node's value."""
    conditions: tuple[object, ...] = ()
    how = Kind.TRANSFORMATION
    if isinstance(node, exp.Paren | exp.Alias | exp.Aliases):
        how = Kind.IDENTITY
    elif isinstance(node, exp.If | exp.Nvl2 | exp.Case):
        conditions = (node.this,)
    elif isinstance(node, exp.Filter):
        conditions, how = (node.expression,), Kind.IDENTITY
    elif expressions.is_aggregate(node) or isinstance(node, exp.WithinGroup):
        how = Kind.AGGREGATION
    for child in node.iter_expressions():
        if isinstance(node, exp.Case) and isinstance(child, exp.If):
            yield child.this, Kind.CONDITIONAL
            yield child.args["true"], how
        else:
            yield child, Kind.CONDITIONAL if any(child is c for c in conditions) else how


def _window(node: exp.Window, kind: Kind, windows: Mapping[str, exp.Expr]) -> Iterator[tuple[exp.Expr, Kind]]:
    inner: exp.Expr = node.this
    while isinstance(inner, exp.IgnoreNulls | exp.RespectNulls):
        inner = inner.this
    if isinstance(inner, _ONE_ROWS_VALUE):
        yield from ((argument, Kind.TRANSFORMATION.after(kind)) for argument in inner.iter_expressions())
    else:
        yield inner, kind
    named = windows.get(node.args["alias"].name.casefold()) if node.args.get("alias") else None
    for definition in (node, named):
        for child in definition.iter_expressions() if definition is not None else ():
            if child is not node.this and not isinstance(child, exp.Identifier):
                yield child, Kind.WINDOW.after(kind)
