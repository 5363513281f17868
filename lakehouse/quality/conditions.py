"""`row_condition` as Great Expectations writes it, put into SQL: its own texts, and the objects of its 1.x suites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lakehouse.names import literal, quoted

_PARSERS = ("great_expectations", "great_expectations__experimental__")
_NUMBER = r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_TEXT = r"\"[^\"]*\"|'[^']*'"
_CONDITION = re.compile(
    rf"""\s*col\("(?P<column>[^"]+)"\)\s*(?:
        (?P<notnull>\.notnull\(\))
      | (?P<op>>=|<=|==|!=|>|<)\s*(?:(?P<number>{_NUMBER})|(?P<date>date\(\s*(?:{_TEXT})\s*\))|(?P<text>{_TEXT}))
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_OPERATORS = {"==": "=", "!=": "<>", ">": ">", "<": "<", ">=": ">=", "<=": "<=", "IN": "IN", "NOT_IN": "NOT IN"}


def in_sql(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of an expectation with `row_condition` in Spark SQL, however it was written.

    Raises ValueError for a condition that cannot be read, and for one that is written for pandas.
    """
    condition, parser = arguments.get("row_condition"), arguments.get("condition_parser")
    if parser == "pandas":
        raise ValueError("`condition_parser: pandas` is Python; write `row_condition` in SQL")
    if isinstance(condition, Mapping):
        return {**arguments, "row_condition": _of_object(condition), "condition_parser": None}
    if isinstance(condition, str) and parser in _PARSERS:
        return {**arguments, "row_condition": _of_text(condition), "condition_parser": None}
    return arguments


def _of_text(text: str) -> str:
    """`col("n") > 5` as SQL."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is no condition of Great Expectations; write it as in col("n") > 5, or in SQL')
    column = quoted(found["column"])
    if found["notnull"]:
        return f"{column} IS NOT NULL"
    if found["number"]:
        value = found["number"]
    elif found["date"]:
        value = f"DATE {literal(found['date'][5:-1].strip()[1:-1])}"
    else:
        value = literal(found["text"][1:-1])
    return f"{column} {_OPERATORS[found['op']]} {value}"


def _of_object(condition: Mapping[str, Any]) -> str:
    """A condition as suites of 1.x store it, by its `type`."""
    kind = condition.get("type")
    if kind == "pass_through":
        return str(condition.get("pass_through_filter", ""))
    if kind in ("and", "or") and condition.get("conditions"):
        return f" {kind.upper()} ".join(f"({_of_object(inner)})" for inner in condition["conditions"])
    column = condition.get("column")
    name = quoted(str(column.get("name", "") if isinstance(column, Mapping) else column))
    if kind == "nullity":
        return f"{name} IS {'' if condition.get('is_null') else 'NOT '}NULL"
    operator = _OPERATORS.get(str(condition.get("operator")))
    if kind != "comparison" or operator is None:
        raise ValueError(f"a `row_condition` of type {kind!r} is not known")
    value = condition.get("parameter")
    if "IN" not in operator:
        return f"{name} {operator} {_value(value)}"
    values = [_value(item) for item in value] if isinstance(value, list | tuple) else []
    return f"{name} {operator} ({', '.join(values)})" if values else ("false" if operator == "IN" else "true")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else literal(str(value))
