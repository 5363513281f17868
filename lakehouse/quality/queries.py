"""The columns of a query: which it gives, and which it names that cannot be there. Told without Spark.

Nothing is said where anything is open: a table whose columns are not declared, a table function, a PIVOT, a function
that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, ScopeType, traverse_scope

from lakehouse.names import TableName
from lakehouse.quality.expressions import CURRENT, DIALECT
from lakehouse.quality.functions import columns_inside
from lakehouse.quality.references import parse_query

Names = tuple[str, ...]
ColumnsOf = Callable[[TableName], Collection[str] | None]
"""The columns of a table; None where more may come."""
Views = Mapping[str, Collection[str] | None]
"""Name in small letters -> the columns of a view; None where more may come."""

_ALWAYS = frozenset({"_metadata", "window", "session_window", "grouping__id", *CURRENT})
"""Names that Spark itself puts into a query."""


@dataclass(frozen=True)
class Missing:
    """A name in a query that is no column of what the query reads there."""

    name: str
    near: Names
    """What could have been meant."""
    start: int
    """Index of its first character in the text."""


@dataclass(frozen=True)
class Looked:
    """What is known of a query."""

    columns: Names | None
    """What it gives, in order; None where that is open."""
    missing: tuple[Missing, ...] = ()
    twice: tuple[tuple[str, int], ...] = ()
    """Names that two of its columns are given, each with the index of the second's first character."""
    nameless: tuple[tuple[str, int], ...] = ()
    """Expressions among its columns that have no name, each with the index of a character in it."""
    bare: tuple[tuple[str, int], ...] = ()
    """Tables that are read by a name without a layer, each with the index of its first character."""
    variables: frozenset[str] = frozenset()
    """Names of the variables, written `:name`, that it uses."""


def look(sql: str, columns_of: ColumnsOf, views: Views | None = None) -> Looked:
    """What the query gives and names; raises SqlError when it is none.

    `views` are what it may read by a name without a layer.
    """
    views = views or {}
    query = parse_query(sql)
    variables = frozenset(node.name for node in query.find_all(exp.Placeholder)) - {"", "?"}
    try:
        scopes = traverse_scope(query)
        reading = _Reading(columns_of, views, columns_inside(query, exp.Table, exp.Pivot))
        for scope in scopes:
            reading.given[id(scope.expression)] = reading.gives(scope)
        missing = [item for scope in scopes for item in reading.missing(scope)]
        unique = {item.start: item for item in missing}  # a lateral view is met twice
        columns = reading.given[id(scopes[-1].expression)] if scopes else None
        found = tuple(unique.values())
        bare = tuple(dict.fromkeys(place for scope in scopes for place in _bare(scope) if place[0] not in views))
        return Looked(columns, found, tuple(_twice(query)), tuple(_nameless(query)), bare, variables)
    except (SqlglotError, RecursionError):  # an exotic query, about which nothing is said
        return Looked(None, variables=variables)


def _bare(scope: Scope) -> Iterator[tuple[str, int]]:
    for source in scope.sources.values():
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier) and not source.args.get("db"):
            yield source.name, source.this.meta.get("start", 0)


def _nameless(query: exp.Query) -> Iterator[tuple[str, int]]:
    """Calls and operations without an alias: the name that Spark makes up has signs that Delta refuses."""
    for item in query.selects:
        if isinstance(item, exp.AggFunc | exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Window):
            start = min((node.meta["start"] for node in item.walk() if "start" in node.meta), default=0)
            yield item.sql(dialect=DIALECT), start


def _twice(query: exp.Query) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for item in query.selects:
        named = (
            item.args.get("alias")
            if isinstance(item, exp.Alias)
            else item.this
            if isinstance(item, exp.Column)
            else None
        )
        if isinstance(named, exp.Identifier):
            if named.name.casefold() in seen:
                yield named.name, named.meta.get("start", 0)
            seen.add(named.name.casefold())


class _Reading:
    """The scopes of one query, innermost first, with what each of them gives."""

    def __init__(self, columns_of: ColumnsOf, views: Views, unclear: Container[int]) -> None:
        self.columns_of = columns_of
        self.views = views
        self.unclear = unclear
        """Columns, by identity, of which it cannot be told what they are."""
        self.given: dict[int, Names | None] = {}
        """What the scopes met so far give, by the identity of their expressions."""

    def gives(self, scope: Scope) -> Names | None:
        """The columns of a scope, in order."""
        names = self._gives(scope)
        renamed = tuple(str(column) for column in scope.outer_columns or ())
        return renamed or names

    def _gives(self, scope: Scope) -> Names | None:
        tree = scope.expression
        if isinstance(tree, exp.SetOperation):
            return self.given.get(id(tree.left.unnest()))  # named by its first query
        if isinstance(tree, exp.Select):
            found: list[str] = []
            for item in tree.selects:
                names = self._projected(item, scope)
                if names is None:
                    return None
                found += names
            return tuple(found)
        if isinstance(tree, exp.Lateral | exp.Values):
            return tuple(tree.alias_column_names) or None
        return None

    def _projected(self, item: exp.Expr, scope: Scope) -> Sequence[str] | None:
        if isinstance(item, exp.Aliases):
            return [str(name) for name in item.aliases]
        star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
        if isinstance(star, exp.Star):
            names = self._sources(scope, item.table if isinstance(item, exp.Column) else "")
            gone = {column.name.casefold() for column in star.args.get("except_") or ()}
            if names is None or star.args.get("rename"):
                return None
            return [name for name in dict.fromkeys(names) if name.casefold() not in gone]
        if isinstance(item, exp.Alias | exp.Column | exp.Dot):
            return [item.alias_or_name] if item.alias_or_name else None
        return None

    def _sources(self, scope: Scope, alias: str = "") -> Names | None:
        """The columns of all that a scope reads, or of what is called so there."""
        names: list[str] = []
        met = False
        for name, source in scope.sources.items():
            if alias and name.casefold() != alias.casefold():
                continue
            met = True
            columns = self._source(source)
            if columns is None:
                return None
            names += columns
        return tuple(names) if met or not alias else None

    def _source(self, source: exp.Expr | Scope) -> Names | None:
        if isinstance(source, Scope):
            return self.given.get(id(source.expression))
        if source.args.get("pivots") or not isinstance(source.this, exp.Identifier):
            return None
        if source.alias_column_names:
            return tuple(source.alias_column_names)
        if not source.args.get("db"):
            view = self.views.get(source.name.casefold())
            return None if view is None else tuple(view)
        found = self.columns_of(TableName(source.args["db"].name, source.this.name))
        return None if found is None else tuple(found)

    def missing(self, scope: Scope) -> Iterator[Missing]:
        """Names in one scope, without those below it, that nothing it can see has."""
        if not isinstance(scope.expression, exp.Select):
            return
        for column in scope.find_all(exp.Column):
            parts = column.parts
            first = parts[0]
            if not isinstance(first, exp.Identifier) or "start" not in first.meta or first.name.casefold() in _ALWAYS:
                continue
            if id(column) in self.unclear:
                continue
            found = self._judged(column, scope)
            if found is not None:
                yield found
        for join in scope.expression.args.get("joins") or ():
            yield from self._joined(join, scope)

    def _judged(self, column: exp.Column, scope: Scope) -> Missing | None:
        parts = column.parts
        seen: list[str] = []
        for level in _levels(scope):
            for name, source in level.sources.items():
                columns = self._source(source)
                at = _qualifies(name, source, parts)
                if columns is None or (at and isinstance(parts[at], exp.Star)):
                    return None
                if at:
                    there = _has(columns, parts[at].name) or _has(seen, parts[0].name)
                    return None if there else _missing(parts[at], columns)
                seen += columns
            seen += _own_names(level)
        if isinstance(parts[-1], exp.Star) or _has(seen, parts[0].name):
            return None
        return _missing(parts[0], [*seen, *scope.sources] if len(parts) > 1 else seen)

    def _joined(self, join: exp.Join, scope: Scope) -> Iterator[Missing]:
        """Columns of USING that are not on both sides."""
        sides = {name: self._source(source) for name, source in scope.sources.items()}
        right = sides.pop(join.alias_or_name, None)
        if right is None or None in sides.values():
            return
        left = [name for columns in sides.values() for name in columns or ()]
        for item in join.args.get("using") or ():
            if isinstance(item, exp.Identifier) and not (_has(right, item.name) and _has(left, item.name)):
                yield _missing(item, [name for name in right if _has(left, name)])


def _levels(scope: Scope) -> Iterator[Scope]:
    """The scope, then those around it whose columns it sees too."""
    level: Scope | None = scope
    while level is not None:
        yield level
        correlated = level.scope_type in (ScopeType.SUBQUERY, ScopeType.UDTF, ScopeType.SET_OPERATION)
        level = level.parent if correlated or level.can_be_correlated else None


def _own_names(scope: Scope) -> list[str]:
    """Names that a SELECT gives its columns, which it may use itself."""
    tree = scope.expression
    if not isinstance(tree, exp.Select):
        return []
    found: list[str] = []
    for item in tree.selects:
        names = [item.alias] if isinstance(item, exp.Alias) else item.aliases if isinstance(item, exp.Aliases) else []
        found += map(str, names)
    return found


def _qualifies(name: str, source: exp.Expr | Scope, parts: Sequence[exp.Expr]) -> int:
    """Of how many parts of a column's name the source's own name is the beginning: `f.x`, `silver.flights.x`."""
    if name and len(parts) > 1 and parts[0].name.casefold() == name.casefold():
        return 1
    if isinstance(source, exp.Table) and source.args.get("db") and len(parts) > 2:
        full = (source.args["db"].name.casefold(), source.name.casefold())
        return 2 if (parts[0].name.casefold(), parts[1].name.casefold()) == full else 0
    return 0


def _missing(part: exp.Expr, near: Sequence[str]) -> Missing:
    return Missing(part.name, tuple(dict.fromkeys(near)), part.meta.get("start", 0))


def _has(names: Sequence[str], name: str) -> bool:
    return name.casefold() in {other.casefold() for other in names}
