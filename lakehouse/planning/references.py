"""Tables named in SQL: found by a parser, replaced at their positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from lakehouse.names import TableName, quoted


@dataclass(frozen=True)
class Reference:
    """A table named in a SQL text: the characters `start:end`, and how it is to be read."""

    name: TableName
    start: int
    end: int
    stream: bool
    """Written `STREAM(table)`: only what is new is read."""
    named: bool
    """Has an alias of its own, so that the columns qualified by it still resolve when the name is replaced."""


class SqlError(ValueError):
    """A SQL text that does not parse; `line` and `column` count from 1 inside the text."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def parse_query(sql: str) -> exp.Query:
    """The one query of the text; raises SqlError when it is none, several, or something that writes."""
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="spark") if s is not None]
    except (ParseError, TokenError) as error:
        raise _located(error) from error
    if len(statements) != 1:
        raise SqlError("exactly one SELECT is expected")
    query = statements[0]
    if not isinstance(query, exp.Query):
        raise SqlError(f"a SELECT is expected, not {query.key.upper()}")
    return query


def _located(error: ParseError | TokenError) -> SqlError:
    first = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    if not first:
        return SqlError("a quote or bracket stays open")
    near = str(first.get("highlight") or "")
    what = str(first.get("description") or "")
    expected = f", {what[0].lower()}{what[1:]}" if what.startswith("Expect") else ""
    # sqlglot tells where the word ends
    return SqlError(f"unexpected {near!r}{expected}", first["line"] or 1, max(1, (first["col"] or 1) - len(near) + 1))


def references(sql: str) -> tuple[Reference, ...]:
    """Every `layer.table` that the query reads, in the order of the text; names without a layer are CTEs or views."""
    found = [_reference(table) for table in parse_query(sql).find_all(exp.Table)]
    return tuple(sorted((r for r in found if r), key=lambda r: r.start))


def _reference(table: exp.Table) -> Reference | None:
    inner = table.this
    named = bool(table.alias)
    if isinstance(inner, exp.Anonymous) and str(inner.this).upper() == "STREAM" and len(inner.expressions) == 1:
        column = inner.expressions[0]
        if isinstance(column, exp.Column) and len(column.parts) == 2:
            layer, name = column.parts
            # the function's name carries the position of `STREAM`; its closing bracket follows the name
            return Reference(
                TableName(layer.name, name.name), inner.meta["start"], name.meta["end"] + 2, stream=True, named=named
            )
        return None
    if not isinstance(inner, exp.Identifier) or not table.db:
        return None
    layer = table.args["db"]
    return Reference(
        TableName(layer.name, inner.name), layer.meta["start"], inner.meta["end"] + 1, stream=False, named=named
    )


def replaced(sql: str, view_of: Callable[[TableName], str]) -> str:
    """The text with each table's name replaced by its view, and `layer.table.column` by `table.column`."""
    found = references(sql)
    edits = [
        (r.start, r.end, quoted(view_of(r.name)) + ("" if r.named else f" AS {quoted(r.name.table)}")) for r in found
    ]
    names = {str(r.name).casefold() for r in found}
    for column in parse_query(sql).find_all(exp.Column):
        parts = column.parts
        # `alias.struct.field` has three parts too, and stays
        if len(parts) > 2 and ".".join(p.name for p in parts[:2]).casefold() in names:
            edits.append((parts[0].meta["start"], parts[1].meta["start"], ""))
    for start, end, text in sorted(edits, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


def is_grouped_scan(sql: str) -> bool:
    """Whether the query is one table with a GROUP BY and nothing else (S84)."""
    query = parse_query(sql)
    return (
        isinstance(query, exp.Select)
        and query.args.get("group") is not None
        and not query.args.get("joins")
        and len(list(query.find_all(exp.Table))) == 1
    )


_MOVING = frozenset(
    "now current_date curdate current_timestamp current_time localtimestamp current_timezone current_user user "
    "session_user rand randn random randstr uniform uuid shuffle monotonically_increasing_id spark_partition_id "
    "input_file_name".split()
)


def moving_parts(sql: str) -> list[str]:
    """Calls whose value changes although no input does (S85), as `CURRENT_DATE` and `RAND()`, in no order."""
    found = []
    for node in parse_query(sql).walk():
        if isinstance(node, exp.Anonymous):
            names = [str(node.this)]
        elif isinstance(node, exp.Func):
            names = [*type(node).sql_names(), node.key]
        else:
            # Spark takes a few of them without brackets
            names = [node.name] if isinstance(node, exp.Column) and node.name.casefold() == "localtimestamp" else []
        if _MOVING & {name.casefold() for name in names}:
            found.append(node.sql(dialect="spark"))
    return found
