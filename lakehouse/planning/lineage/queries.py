"""Where the columns of a query come from.

sqlglot parses; what the names mean is found here, because its own `qualify` and `lineage` need the columns of every
table, and those of a Bronze table are what its files have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import NOTHING, Column, Edge, Edges, Frame, through, united
from lakehouse.planning.lineage.scope import HIDDEN, Relation, Scope, beside, every, joined
from lakehouse.quality import expressions
from lakehouse.quality.flow import Kind, parts
from lakehouse.quality.references import parse_query, reference_of

Tables = Callable[[TableName], Frame]
_DIALECT = "spark"


def frame_of(sql: str, tables: Tables, views: Mapping[str, Frame] | None = None) -> Frame:
    """The columns of the query's result; `tables` gives those of a table that it names.

    `views` are what it may read by a name without a layer, in small letters.
    """
    found = _Query(tables, views or {}).frame(parse_query(sql))
    return replace(found, columns={name: column for name, column in found.columns.items() if HIDDEN not in name})


@dataclass(frozen=True)
class _Query:
    """One query, or one inside of another: what it sees."""

    tables: Tables
    views: Mapping[str, Frame] = field(default_factory=dict)
    """Names, in small letters, that WITH gives to queries."""
    outer: Scope | None = None

    def frame(self, node: exp.Expr) -> Frame:
        """The columns of the result."""
        inside = self._with(node)
        if isinstance(node, exp.Subquery):
            found = inside.frame(node.this)
        elif isinstance(node, exp.SetOperation):
            found = inside.both(node)
        elif isinstance(node, exp.Select):
            return inside.select(node)
        else:
            return Frame(blurred=NOTHING)
        scope = Scope([Relation("", "", found)])
        return replace(found, rows=found.rows | inside.ordered(node, scope, []))

    def _with(self, node: exp.Expr) -> _Query:
        clause = node.args.get("with_") or exp.With()
        inside = self
        for cte in clause.expressions:
            if clause.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
                first = _named(inside.frame(cte.this.this), cte.alias_column_names)
                inside = replace(inside, views={**inside.views, cte.alias.casefold(): first})
            found = _named(inside.frame(cte.this), cte.alias_column_names)
            inside = replace(inside, views={**inside.views, cte.alias.casefold(): found})
        return inside

    # --- one SELECT ---------------------------------------------------------------------------------------------------

    def select(self, node: exp.Select) -> Frame:
        windows = {w.name.casefold(): w for w in node.args.get("windows") or ()}
        scope = Scope([], self.outer, windows)
        rows = self._from(node, scope)
        rows |= self.rows(node.args.get("where"), scope, Kind.FILTER)
        result = Frame()
        named: list[tuple[exp.Expr, Column | None]] = []
        for item in node.expressions:
            star = _star(item)
            if star is not None:
                result = joined(result, scope.star(*star))
                named.append((item, None))
                continue
            column = self.column(item, scope)
            for name in _names(item):
                scope.alias(name, column, item)
                result = beside(result, name, column)
            named.append((item, column))
        rows |= self._groups(node.args.get("group"), scope, named)
        scope = replace(scope, aliases_first=True)
        rows |= self.rows(node.args.get("having"), scope, Kind.FILTER)
        rows |= self.rows(node.args.get("qualify"), scope, Kind.FILTER)
        rows |= self.ordered(node, scope, named)
        if node.args.get("distinct"):
            rows |= _used(every(result), Kind.GROUP_BY)
        return replace(result, rows=result.rows | rows)

    def _from(self, node: exp.Expr, scope: Scope) -> Edges:
        """Put what is read into the scope; gives what decides which of its rows are there."""
        clause = node.args.get("from_")
        rows = self._relation(clause.this, scope) if clause is not None else NOTHING
        for join in node.args.get("joins") or ():
            rows |= self._join(join, scope)
        for lateral in node.args.get("laterals") or ():
            rows |= self._relation(lateral, scope)
        return rows

    def _join(self, join: exp.Join, scope: Scope) -> Edges:
        before = len(scope.relations)
        rows = self._relation(join.this, scope)
        shared = [name.name for name in join.args.get("using") or ()]
        if join.method == "NATURAL":
            left, right = scope.relations[:before], scope.relations[before:]
            shared = [n for r in right for n in r.frame.columns if any(other.frame.has(n) for other in left)]
        rows |= scope.share(shared, before)
        rows |= self.rows(join.args.get("on"), scope, Kind.JOIN)
        if join.kind in ("SEMI", "ANTI"):
            del scope.relations[before:]  # seen by its own condition only
        return rows

    def _relation(self, node: exp.Expr, scope: Scope) -> Edges:
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            rows = self._relation(node.this, scope)  # brackets around a join
        else:
            name, frame = self._read(node, scope)
            if node.args.get("pivots"):
                frame = Frame(blurred=_used(every(frame), Kind.TRANSFORMATION), rows=frame.rows)
            frame = _named(frame, node.alias_column_names)
            scope.relations.append(Relation(node.alias or name.rpartition(".")[2], name, frame))
            rows = frame.rows
        for join in node.args.get("joins") or ():
            rows |= self._join(join, scope)
        return rows

    def _read(self, node: exp.Expr, scope: Scope) -> tuple[str, Frame]:
        """The name of what is read, and its columns."""
        reference = reference_of(node) if isinstance(node, exp.Table) else None
        if reference is not None:
            return str(reference.name), self.tables(reference.name)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            return node.name, self.views.get(node.name.casefold(), Frame(blurred=NOTHING))
        if isinstance(node, exp.Subquery):
            return "", self.frame(node)
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            return "", replace(self, outer=scope).frame(node.this)
        # a function that makes rows: of what it is given
        made = frozenset(self.column(node.this, scope).edges) if isinstance(node.this, exp.Expr) else NOTHING
        return "", Frame(blurred=made)

    def _groups(self, group: exp.Expr | None, scope: Scope, named: list[tuple[exp.Expr, Column | None]]) -> Edges:
        if group is None:
            return NOTHING
        if group.args.get("all"):
            keys = [c for item, c in named if c is not None and not _aggregates(item)]
            return through((key, Kind.GROUP_BY) for key in keys)
        return self._places(group.iter_expressions(), scope, named, Kind.GROUP_BY)

    def ordered(self, node: exp.Expr, scope: Scope, named: list[tuple[exp.Expr, Column | None]]) -> Edges:
        order = node.args.get("order")
        items = [item.this if isinstance(item, exp.Ordered) else item for item in order.expressions] if order else []
        return self._places(items, scope, named, Kind.SORT)

    def _places(
        self, items: Iterable[exp.Expr], scope: Scope, named: list[tuple[exp.Expr, Column | None]], kind: Kind
    ) -> Edges:
        """What expressions read, among which a number is the place of a column in the result."""
        rows = NOTHING
        for item in items:
            if isinstance(item, exp.Literal) and item.is_int and 0 < int(item.name) <= len(named):
                rows |= through([(named[int(item.name) - 1][1], kind)])
            else:
                rows |= self.rows(item, scope, kind)
        return rows

    # --- one expression -----------------------------------------------------------------------------------------------

    def rows(self, node: exp.Expr | None, scope: Scope, kind: Kind) -> Edges:
        """What a condition, or a key to group or order by, reads."""
        return NOTHING if node is None else _used(self.column(node, scope).edges, kind)

    def column(self, node: exp.Expr, scope: Scope) -> Column:
        """What an expression makes of the columns in scope."""
        found: list[tuple[Column | None, Kind]] = []
        rows: Edges = NOTHING
        for part, kind in parts(node, scope.windows):
            if isinstance(part, exp.Query):
                inner = replace(self, outer=scope).frame(part)
                found.append((Column(every(inner)), kind))
                rows |= frozenset(Edge(e.field, kind.after(e.kind)) for e in inner.rows)
            elif isinstance(part, exp.Star) or isinstance(part.this, exp.Star):
                found.append((Column(every(scope.star(part.text("table"), frozenset()))), kind))
            elif isinstance(part, exp.Column):
                column, nested = scope.resolve(part)
                found.append((column, kind.after(Kind.TRANSFORMATION) if nested else kind))
        edges = through(found) | rows
        bare = isinstance(node.unalias(), exp.Column) and len(found) == 1
        type_text = found[0][0].type if bare and found[0][0] and found[0][1] is Kind.IDENTITY else None
        return Column(edges, type_text, "" if edges else _text(node))

    # --- UNION, INTERSECT, EXCEPT -------------------------------------------------------------------------------------

    def both(self, node: exp.SetOperation) -> Frame:
        left, right = self.frame(node.this), self.frame(node.expression)
        rows = left.rows | right.rows
        if not isinstance(node, exp.Union):
            return replace(left, rows=rows | _used(every(right), Kind.FILTER))
        if node.args.get("by_name"):
            found = united([left, right])
        elif left.is_open or right.is_open:
            # matched by place, and a place cannot be told behind a star
            found = Frame(blurred=every(left) | every(right))
        else:
            pairs = zip(left.columns.items(), [*right.columns.values(), *[Column()] * len(left.columns)], strict=False)
            found = Frame({name: Column(one.edges | other.edges, one.type) for (name, one), other in pairs})
        if node.args.get("distinct"):
            rows |= _used(every(found), Kind.GROUP_BY)
        return replace(found, rows=rows)


def _used(edges: Edges, kind: Kind) -> Edges:
    return frozenset(Edge(edge.field, kind.after(edge.kind)) for edge in edges)


def _named(frame: Frame, names: Iterable[str]) -> Frame:
    """The frame with other names for its columns, in order, as in `AS t(a, b)`."""
    wanted = list(names)
    if not wanted:
        return frame
    if frame.is_open or len(wanted) > len(frame.columns):
        return Frame({name: Column(every(frame)) for name in wanted}, rows=frame.rows)
    return Frame(dict(zip(wanted, frame.columns.values(), strict=False)), rows=frame.rows)


def _star(item: exp.Expr) -> tuple[str, frozenset[str]] | None:
    """The alias (empty for all) and the columns left out, when the item of a SELECT is a star."""
    star = item.this if isinstance(item, exp.Column) else item
    if not isinstance(star, exp.Star):
        return None
    left_out = star.args.get("except_") or ()
    return item.text("table"), frozenset(node.name.casefold() for node in left_out)


def _names(item: exp.Expr) -> Iterator[str]:
    if isinstance(item, exp.Aliases):
        yield from (alias.name for alias in item.expressions)
    else:
        yield item.alias_or_name or item.output_name or _text(item)


def _text(item: exp.Expr) -> str:
    return item.unalias().sql(dialect=_DIALECT, normalize_functions="lower")


def _aggregates(item: exp.Expr) -> bool:
    return any(expressions.is_aggregate(n) and n.find_ancestor(exp.Window) is None for n in item.walk())
