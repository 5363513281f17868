"""Values of a file compared with the values of a column, by the column's type."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

if TYPE_CHECKING:
    from pyspark.sql import Column

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double")
_TIMES = ("date", "timestamp", "timestamp_ntz")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if value is None:
        return "NULL"
    raise ValueError(f"{value!r} cannot be compared with a column; write a number, a text, true or false")


def _one_kind(values: tuple[Any, ...]) -> tuple[Any, ...]:
    kinds = {_kind(v) for v in values} - {"NULL"}
    if len(kinds) > 1:
        raise ValueError(f"the values are of different kinds: {', '.join(sorted(kinds))}")
    return values


def _one(value: object) -> object:
    _kind(value)
    return value


Value = Annotated[Any, AfterValidator(_one)]
"""A number, a text, a boolean or NULL."""
Values = Annotated[tuple[Any, ...], AfterValidator(_one_kind)]
"""Numbers, texts or booleans, not mixed; NULL may be among them and has no effect, as NULL is not judged."""


def is_number(type_text: str) -> bool:
    """Whether values of the type are numbers."""
    return type_text in _NUMBERS or type_text.startswith("decimal")


def literal(value: object, type_text: str) -> Column:
    """The value as a literal that can be compared with a column of this type; raises ValueError where it cannot."""
    from pyspark.sql import functions as F

    kind = _kind(value)
    if (kind == "number" and is_number(type_text)) or (kind == "text" and type_text == "string"):
        return F.lit(value)
    if kind == "boolean" and type_text == "boolean":
        return F.lit(value)
    if kind == "text" and type_text in _TIMES:
        return F.lit(_time(str(value))).cast(type_text)
    raise ValueError(f"{value!r} is {_article(kind)}, which cannot be compared with a column of type {type_text}")


def _time(text: str) -> str:
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date or time; write it as in 2013-01-31 or 2013-01-31 06:00:00") from None
    return text


def _article(kind: str) -> str:
    return kind if kind == "NULL" else f"a {kind}"


def between(value: Column, low: Column | None, high: Column | None, above: bool, below: bool) -> Column:
    """Whether the value lies between the bounds; `above` and `below` leave the bounds themselves out."""
    parts = []
    if low is not None:
        parts.append(value > low if above else value >= low)
    if high is not None:
        parts.append(value < high if below else value <= high)
    return parts[0] if len(parts) == 1 else parts[0] & parts[1]


def in_set(value: Column, values: Sequence[object], type_text: str) -> Column:
    """Whether the value is one of these; NULLs among them are left out, else nothing would ever be outside."""
    from pyspark.sql import functions as F

    literals = [literal(v, type_text) for v in values if v is not None]
    return value.isin(literals) if literals else F.lit(False)


def joined(parts: Sequence[Column], how: str) -> Column:
    """`any` of the conditions, or `all` of them."""
    return reduce(or_ if how == "any" else and_, parts)
