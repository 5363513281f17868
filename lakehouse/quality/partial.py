"""Whether a query makes each row of one row of a view, whatever other rows come with it (S41)."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from lakehouse.quality.expressions import DIALECT, is_aggregate
from lakehouse.quality.references import parse_query

_CLAUSES = {
    "group": "GROUP BY", "distinct": "DISTINCT", "limit": "LIMIT", "offset": "OFFSET", "having": "HAVING",
    "qualify": "QUALIFY",
}  # fmt: skip


def needs_all(sql: str, view: str) -> str:
    """What in the query depends on which rows of the view are there together, in words; empty when nothing does.

    Of other tables, which are whole, anything may be computed, but each row must come from one of the view's: rows of
    another table would come again with every batch.
    """
    query = parse_query(sql)
    names = {view}
    for cte in query.find_all(exp.CTE):
        if _reads(cte.this, names):
            names.add(cte.alias.casefold())
    for name in sorted(names, key=lambda name: name != view):
        times = sum(table.name.casefold() == name and not table.db for table in query.find_all(exp.Table))
        if times > 1:
            return f"reading `{name}` {times} times"
    nodes = [node for node in query.find_all(exp.Select, exp.SetOperation) if _reads(node, names)]
    return next(filter(None, (_others(node, names) or _whole(node) for node in nodes)), "")


def _others(node: exp.Expr, names: Collection[str]) -> str:
    """How one SELECT or UNION gives rows that are not made of one row of the view, or takes some of them only."""
    if isinstance(node, exp.SetOperation):
        both = _reads(node.left, names) and _reads(node.right, names)
        return "" if both or not isinstance(node, exp.Union) else "UNION ALL with rows of other tables"
    first = node.args.get("from_") or node.args.get("from")
    joins = list(node.args.get("joins") or ())
    sources = [first.this, *(join.this for join in joins)] if first is not None else []
    at = next((i for i, source in enumerate(sources) if _reads(source, names)), None)
    if at is None:
        return "a SELECT from other tables"
    if any(found.args.get("pivots") or found.args.get("sample") for found in (node, *sources)):
        return "PIVOT or TABLESAMPLE"
    for index, join in enumerate(joins, start=1):
        words = " ".join(filter(None, [join.method, join.side, join.kind])).upper()
        kept = {"", "INNER", "CROSS"} if index == at else {"", "INNER", "CROSS", "LEFT", "LEFT OUTER", "OUTER"}
        kept |= {"LEFT SEMI", "LEFT ANTI", "SEMI", "ANTI"} if index > at else set()
        if index >= at and words not in kept:
            return f"{words} JOIN"
    return ""


def _reads(node: exp.Expr, names: Collection[str]) -> bool:
    return any(table.name.casefold() in names and not table.db for table in node.find_all(exp.Table))


def _whole(node: exp.Expr) -> str:
    """What one SELECT, or UNION and the like, does with several rows."""
    if isinstance(node, exp.SetOperation) and (not isinstance(node, exp.Union) or node.args.get("distinct")):
        return node.key.upper()
    clause = next((word for key, word in _CLAUSES.items() if node.args.get(key)), "")
    if clause or isinstance(node, exp.SetOperation):
        return clause
    for item in node.expressions:
        for found in item.find_all(exp.Window, exp.Func):
            if found.find_ancestor(exp.Select) is not node:
                continue  # of a query inside, which is looked at by itself
            if isinstance(found, exp.Window):
                return "a window function"
            if is_aggregate(found):
                return f"the aggregate {found.sql(dialect=DIALECT)}"
    return ""
