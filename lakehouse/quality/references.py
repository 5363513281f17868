"""Tables named in SQL: found by a parser, replaced at their positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sqlglot import TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError

from lakehouse.names import TableName, quoted
from lakehouse.quality.expressions import place_of

_DIALECT = Dialect.get_or_raise("spark")
_NO_ITEMS = frozenset({TokenType.COMMA, TokenType.FROM, TokenType.WHERE, TokenType.R_PAREN})
"""What begins no item of a list."""


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

    code = "sql-syntax"

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


@lru_cache(maxsize=1024)
def parse_query(sql: str) -> exp.Query:
    """The one query of the text; raises SqlError when it is none, several, or something that writes.

    Several ask for the same query: the tree is theirs to read, not to change.
    """
    try:
        statements = [s for s in _DIALECT.parser().parse(_tokens(sql), sql) if s is not None]
    except (ParseError, TokenError) as error:
        raise _located(error) from error
    except RecursionError as error:
        raise SqlError("it is nested too deep to be read") from error
    except SqlError:
        raise
    except Exception as error:  # the parser's own defects are no reason to show a traceback
        raise SqlError("the parser does not know how to read it") from error
    if len(statements) != 1:
        raise SqlError("exactly one SELECT is expected")
    query = statements[0]
    if not isinstance(query, exp.Query):
        raise SqlError(f"a SELECT is expected, not {query.key.upper()}")
    if any(dot.args.get("expression") is None for dot in query.find_all(exp.Dot)):
        raise SqlError("a name is missing after a dot")  # which the parser lets pass, and its own scopes stumble over
    return query


def _tokens(sql: str) -> list[Any]:
    tokens = _DIALECT.tokenize(sql)
    for token, following in pairwise(tokens):
        # a call of Spark's function, which the parser takes for the clause WINDOW where an expression ends
        if token.token_type == TokenType.WINDOW and following.token_type == TokenType.L_PAREN:
            token.token_type = TokenType.VAR
        # which the parser lets pass, and Spark does not
        if token.token_type == TokenType.COMMA and following.token_type in _NO_ITEMS:
            near = following.text
            raise SqlError(f"unexpected {near!r} after a comma", *place_of(sql, following.start))
    return tokens


def _located(error: ParseError | TokenError) -> SqlError:
    first = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    if not first:
        return SqlError("a quote or bracket stays open")
    near = str(first.get("highlight") or "")
    what = str(first.get("description") or "").partition(" but got ")[0]
    expected = f", {what[0].lower()}{what[1:]}" if what.startswith("Expect") else ""
    # sqlglot tells where the word ends
    return SqlError(f"unexpected {near!r}{expected}", first["line"] or 1, max(1, (first["col"] or 1) - len(near) + 1))


def references(sql: str) -> tuple[Reference, ...]:
    """Every `layer.table` that the query reads, in the order of the text; names without a layer are CTEs or views."""
    found = [reference_of(table) for table in parse_query(sql).find_all(exp.Table)]
    return tuple(sorted((r for r in found if r), key=lambda r: r.start))


def reference_of(table: exp.Table) -> Reference | None:
    """What a table in a parsed query refers to; None for a CTE, a view, or a function that makes rows."""
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
    if catalog := table.args.get("catalog"):
        full = TableName(f"{catalog.name}.{layer.name}", inner.name)
        return Reference(full, catalog.meta["start"], inner.meta["end"] + 1, stream=False, named=named)
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


def view_name(name: TableName) -> str:
    """The temporary view that stands for a table in a step's SQL; such names are ours in a step's own session."""
    return f"__{name.layer}_{name.table}"


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
