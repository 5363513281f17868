"""SQL expressions as their author wrote them, looked at without Spark: do they parse, what do they name?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from lakehouse.quality.functions import columns_inside

DIALECT = "databricks"
"""Spark's dialect together with the `v:path` of VARIANT, which Spark 4 has too."""

_NONDETERMINISTIC = frozenset(
    "rand randn randstr uniform uuid shuffle monotonically_increasing_id spark_partition_id "
    "input_file_name input_file_block_start input_file_block_length reflect java_method try_reflect".split()
)
_VARIABLE = re.compile(r"(?<![:\w'\"]):([A-Za-z_]\w*)")
CURRENT = frozenset("now current_date curdate current_timestamp localtimestamp current_time unix_timestamp".split())
"""Functions that tell the time or date of the run; Spark takes some of them without brackets."""
_AGGREGATES = frozenset(
    "histogram_numeric try_sum try_avg hll_sketch_agg hll_union_agg count_min_sketch bitmap_construct_agg "
    "bitmap_or_agg bit_and bit_or bit_xor every some any bool_and bool_or collect_set mean std string_agg "
    "schema_of_variant_agg schema_of_json_agg bitmap_and_agg theta_sketch_agg theta_union_agg theta_intersection_agg "
    "kll_sketch_agg_bigint kll_sketch_agg_float kll_sketch_agg_double kll_merge_agg_bigint kll_merge_agg_float "
    "kll_merge_agg_double".split()
)

_BRACES = "put the whole expression in quotes, because YAML reads braces itself, and write a variable as `:name`"


class ExpressionError(ValueError):
    """Text that is not one SQL expression; `line` and `column` count from 1 inside the text."""

    keys: tuple[str | int, ...] = ()
    """Where the text stands below the value that was judged."""

    def __init__(self, message: str, line: int = 1, column: int = 1, fix: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.fix = fix


def parse(text: str) -> exp.Expr:
    """The syntax tree of one scalar or aggregate expression; raises ExpressionError with the place and a way out."""
    if not isinstance(text, str):
        raise ExpressionError(f"{text!r} is not an expression but {type(text).__name__}", fix="put it in quotes")
    return _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> exp.Expr:
    if not text.strip():
        raise ExpressionError("an expression is missing")
    try:
        tree = sqlglot.parse_one(text, dialect=DIALECT, into=exp.Condition)
    except ParseError as problem:
        raise _located(text, problem) from None
    except TokenError:
        raise ExpressionError(f"{text!r} is not an SQL expression: a quote or bracket stays open") from None
    for node in tree.walk():
        if isinstance(node, exp.Query):
            raise ExpressionError(f"{text!r} holds a query", fix="read other tables by `sql`, `from` or `join`")
        if isinstance(node, exp.Placeholder) and node.args.get("widget"):
            raise ExpressionError(f"{text!r} holds a brace", fix=_BRACES)
        if isinstance(node, exp.Placeholder) and node.name in ("", "?"):
            raise ExpressionError(f"{text!r} holds a placeholder without a name", fix="write a variable as `:name`")
    return tree


def projection(text: str) -> tuple[str, str | None]:
    """One item of a SELECT list as its expression, in its author's words, and its name.

    The name is None for a star, or where the expression itself gives several columns. Raises ExpressionError for what
    is no such item, and for an expression without a name.
    """
    if not text.strip():
        parse(text)
    try:
        tree = sqlglot.parse_one(f"SELECT {text}", dialect=DIALECT)
        tokens = Databricks().tokenize(text)
    except (ParseError, TokenError):
        return text, parse(text).name or None  # which says what is wrong
    items = tree.expressions if isinstance(tree, exp.Select) else []
    if len(items) != 1 or any(value for key, value in tree.args.items() if key != "expressions"):
        raise ExpressionError(f"{text!r} is not one item of a SELECT list", fix="write one list entry for each column")
    item = items[0]
    if isinstance(item, exp.Alias):
        cut = tokens[-2] if tokens[-2].token_type == TokenType.ALIAS else tokens[-1]
        return text[: cut.start].rstrip(), item.alias
    if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
        return text, None
    parse(text)
    if not isinstance(item, exp.Column | exp.Dot):
        raise ExpressionError(f"the expression {text!r} has no name", fix=f"write it as `{text} AS name`")
    return text, item.name


def star_except(text: str) -> frozenset[str] | None:
    """For `*` and `* EXCEPT (a, b)` the names left out, in small letters; None for any other item of a SELECT list."""
    tree = sqlglot.parse_one(f"SELECT {text}", dialect=DIALECT).expressions[0]
    if not isinstance(tree, exp.Star):
        return None
    return frozenset(column.name.casefold() for column in tree.args.get("except_") or ())


def check_projection(text: str) -> None:
    """Raise ExpressionError unless the text is an item of a SELECT list about one row, the same at each retry (S36)."""
    expression, name = projection(text)
    if name is not None or not expression.lstrip().startswith("*"):
        check_condition(expression)


def _located(text: str, problem: ParseError) -> ExpressionError:
    found = problem.errors[0] if problem.errors else {}
    near = found.get("highlight") or ""
    fix = ""
    if "{" in text or "}" in text:
        fix = _BRACES
    elif "#" in text:
        fix = "put the whole expression in quotes, because YAML takes ` #` as a comment"
    return ExpressionError(
        f"{text!r} is not an SQL expression" + (f": unexpected {near!r}" if near else ""),
        line=int(found.get("line") or 1),
        column=int(found.get("col") or 1),
        fix=fix,
    )


def columns_of(text: str) -> frozenset[str]:
    """Names of the columns that the expression reads, as written; of `a.b.c` it is `a`. Parameters of lambdas are none.

    Names compare case-insensitively: fold them before they are compared.
    """
    return frozenset(column.parts[0].name for column in parse(text).find_all(exp.Column) if is_column(column))


def is_column(node: exp.Column) -> bool:
    """Whether what parses as a column is one: a star is none, nor a function that is called without brackets."""
    called = node.name.lower() in CURRENT and len(node.parts) == 1
    return isinstance(node.parts[0], exp.Identifier) and not called


def columns_at(text: str) -> list[tuple[str, int]]:
    """The columns that must be there for the expression to work, each with the index of its first character.

    What stands in a function that nobody knows is left out. Sorted by place.
    """
    tree = parse(text)
    open_ = columns_inside(tree)
    columns = (c.parts[0] for c in tree.find_all(exp.Column) if is_column(c) and id(c) not in open_)
    return sorted(((first.name, int(first.meta.get("start", 0))) for first in columns), key=lambda item: item[1])


def variables_at(text: str, names: Iterable[str]) -> list[tuple[str, int]]:
    """The places of variables that a text of SQL uses: the parser keeps none."""
    wanted = set(names)
    return [(match[1], match.start()) for match in _VARIABLE.finditer(text) if match[1] in wanted]


def place_of(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character of a text."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def bare_column(text: str) -> str | None:
    """The column's name when the expression is nothing but a top-level column."""
    tree = parse(text)
    return (
        tree.name if isinstance(tree, exp.Column) and len(tree.parts) == 1 and tree.name in columns_of(text) else None
    )


def variables_of(text: str) -> frozenset[str]:
    """Names of the variables, written `:name`, that the expression uses."""
    return frozenset(node.name for node in parse(text).find_all(exp.Placeholder))


def _calls(text: str) -> Iterator[tuple[str, exp.Expr]]:
    for node in parse(text).find_all(exp.Func):
        for name in _names(node):
            yield name, node


def _names(node: exp.Func) -> Iterator[str]:
    if isinstance(node, exp.Anonymous):
        yield str(node.this).lower()
    else:
        yield from (name.lower() for name in type(node).sql_names())


def nondeterministic(text: str) -> list[str]:
    """Functions in the expression that give another value each time they are asked (S36), sorted."""
    return sorted({name for name, _ in _calls(text) if name in _NONDETERMINISTIC})


def is_nondeterministic(function: str) -> bool:
    """Whether the function gives another value each time it is asked (S36)."""
    return function in _NONDETERMINISTIC


def current(text: str) -> list[str]:
    """Functions that tell the time or date of the run (S36, S85), sorted."""
    tree = parse(text)
    found = {name for name, _ in _calls(text) if name in CURRENT}
    found |= {c.name.lower() for c in tree.find_all(exp.Column) if c.name.lower() == "localtimestamp" and not c.table}
    if any(isinstance(n, exp.CurrentTimestamp) for n in tree.walk()):
        found.add("current_timestamp")
    return sorted(found)


def windows(text: str) -> list[str]:
    """The window functions in the expression (S41), as SQL."""
    return [node.sql(dialect=DIALECT) for node in parse(text).find_all(exp.Window)]


def aggregates(text: str) -> list[str]:
    """Aggregate functions that stand outside of windows, as SQL: an expression about one row has none."""
    found = []
    for node in parse(text).find_all(exp.Func):
        if is_aggregate(node) and node.find_ancestor(exp.Window) is None:
            text_of = node.sql(dialect=DIALECT)
            if text_of not in found:
                found.append(text_of)
    return found


def is_aggregate(node: exp.Expr) -> bool:
    """Whether the node makes one value of those of many rows."""
    return isinstance(node, exp.AggFunc) or (isinstance(node, exp.Func) and not _AGGREGATES.isdisjoint(_names(node)))


def generators(text: str) -> list[str]:
    """Functions such as `explode` that make many rows of one: they have their own rules."""
    names = {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack"}
    return sorted({name for name, _ in _calls(text) if name in names})


def check_row_expression(text: str) -> None:
    """Raise ExpressionError unless the expression is about one row: no window, aggregate, generator."""
    for found, what, fix in (
        (windows(text), "a window function", "use `sql`, or `whole: true` with `deduplicate`"),
        (aggregates(text), "an aggregate", "use `aggregate` or `sql`"),
        (generators(text), "a function that makes several rows", "use the rule `explode`"),
    ):
        if found:
            raise ExpressionError(f"{text!r} holds {what}: {found[0]}", fix=fix)


def check_measure(text: str, earlier: Iterable[str] = ()) -> None:
    """Raise ExpressionError unless the text can be a measure of a group: an aggregate, or made of `earlier` ones."""
    tree = parse(text)
    others = {name.casefold() for name in columns_of(text)} - {name.casefold() for name in earlier}
    open_ = tree.find(exp.Anonymous, exp.Any) is not None  # may be one that the parser does not know as such
    if not aggregates(text) and others and not open_:
        raise ExpressionError(f"{text!r} is not an aggregate", fix="write it as in `sum(amount)`")


def check_condition(text: str) -> None:
    """Raise ExpressionError unless the text can decide about one row, the same way at each retry (S36, S41)."""
    check_row_expression(text)
    check_deterministic(text)


def check_deterministic(text: str) -> None:
    """Raise ExpressionError when the text gives another value at each retry (S36)."""
    if found := nondeterministic(text):
        raise ExpressionError(
            f"{text!r} calls {found[0]}(), which gives another value at each retry", fix="decide by a column of the row"
        )
