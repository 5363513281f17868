"""Variables (`:name`) and the time of the run put into an expression as typed literals, at their own tokens.

The rest of the text stays as its author wrote it and Spark parses it, so nothing is translated between dialects. A
literal is made of harmless signs only, whatever the value holds, so a value can never end the literal it stands in.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.tokenizer_core import Token, TokenType

from lakehouse.errors import suggestion
from lakehouse.quality import expressions

if TYPE_CHECKING:
    from pyspark.sql import Column

_HARMLESS = re.compile(r"[A-Za-z0-9 _.,:;/+@=()<>|*%&#!?~^-]*\Z")
_TIMES = {"now": "t", "current_timestamp": "t", "current_date": "d", "curdate": "d", "localtimestamp": "n"}
_WITHOUT_PARENTHESES = ("current_timestamp", "current_date", "localtimestamp")


def sql_literal(value: object) -> str:
    """The value as a typed Spark SQL literal; raises ValueError for a value that has none (a map)."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            text = (
                str(value) if -(2**31) <= value < 2**31 else f"{value}L" if -(2**63) <= value < 2**63 else f"{value}BD"
            )
            return f"({text})" if value < 0 else text
        case float() if math.isfinite(value):
            return f"({value!r}D)" if value < 0 else f"{value!r}D"
        case float():
            return f"CAST('{'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'}' AS DOUBLE)"
        case decimal.Decimal() if value.is_finite():
            return f"({value:f}BD)"
        case str() if _HARMLESS.match(value):
            return f"'{value}'"
        case str():
            return f"CAST(X'{value.encode().hex()}' AS STRING)"
        case datetime.datetime():
            zone = "TIMESTAMP_NTZ" if value.tzinfo is None else "TIMESTAMP"
            at = value if value.tzinfo is None else value.astimezone(datetime.UTC)
            return f"{zone}'{at:%Y-%m-%d %H:%M:%S.%f}{'' if value.tzinfo is None else ' UTC'}'"
        case datetime.date():
            return f"DATE'{value.isoformat()}'"
        case list() | tuple():
            return f"ARRAY({', '.join(sql_literal(item) for item in value)})"
    raise ValueError(f"a value of type {type(value).__name__} cannot stand in an expression")


Parse = Callable[[str], exp.Expr]


def bound(
    text: str,
    variables: Mapping[str, object],
    now: datetime.datetime | None = None,
    parse: Parse = expressions.parse,
) -> str:
    """The expression with literals for its variables and, when `now` is given, for `now()`, `current_date` and such.

    A query is bound likewise when `parse` reads queries. Raises ExpressionError when the text names an unknown
    variable, and what `parse` raises.
    """
    parse(text)
    tokens = Databricks().tokenize(text)
    cuts: list[tuple[int, int, str]] = []
    if ":" in text:
        cuts += _variable_cuts(text, tokens, variables, parse)
    if now is not None:
        cuts += _time_cuts(tokens, now)
    for start, end, replacement in sorted(cuts, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _variable_cuts(
    text: str, tokens: Sequence[Token], variables: Mapping[str, object], parse: Parse
) -> list[tuple[int, int, str]]:
    """`:name` is a variable, `v:name` a path into a VARIANT: the parser, shown marked names, tells them apart."""
    places = [
        (colon.start, name.end + 1, text[name.start : name.end + 1])
        for colon, name in pairwise(tokens)
        if colon.token_type == TokenType.COLON
        and colon.end + 1 == name.start
        and (name.text[:1].isalpha() or name.text[:1] == "_")
    ]
    marked = text
    for index, (start, end, _) in reversed(list(enumerate(places))):
        marked = f"{marked[:start]}:lakehouse_variable_{index}{marked[end:]}"
    found = {node.name for node in parse(marked).find_all(exp.Placeholder)}
    cuts = []
    for index, (start, end, name) in enumerate(places):
        if f"lakehouse_variable_{index}" in found:
            if name not in variables:
                raise expressions.ExpressionError(
                    f"{text!r} names the variable {name!r}, which is not declared",
                    column=start + 1,
                    fix=suggestion(name, variables) or "declare it under `variables`",
                )
            cuts.append((start, end, sql_literal(variables[name])))
    return cuts


def _time_cuts(tokens: Sequence[Token], now: datetime.datetime) -> list[tuple[int, int, str]]:
    """Time is read once per run (S36), where Spark would read it once per query, and a step runs several."""
    at = sql_literal(now.astimezone(datetime.UTC))
    literals = {"t": at, "d": f"CAST({at} AS DATE)", "n": f"CAST({at} AS TIMESTAMP_NTZ)"}
    cuts = []
    for index, token in enumerate(tokens):
        word = token.text.lower()
        before = tokens[index - 1].token_type if index else None
        if before in (TokenType.DOT, TokenType.COLON) or token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        called = [t.token_type for t in tokens[index + 1 : index + 3]] == [TokenType.L_PAREN, TokenType.R_PAREN]
        if word == "unix_timestamp" and called:
            cuts.append((token.start, tokens[index + 2].end + 1, f"UNIX_TIMESTAMP({at})"))
        elif word in _TIMES and (called or word in _WITHOUT_PARENTHESES):
            end = tokens[index + 2].end if called else token.end
            cuts.append((token.start, end + 1, literals[_TIMES[word]]))
    return cuts


def column(text: str, variables: Mapping[str, object], now: datetime.datetime | None = None) -> Column:
    """The expression as a Spark column, its variables and the run's time filled in."""
    from pyspark.sql import functions as F

    return F.expr(bound(text, variables, now))
