"""The base of every class that can be written in YAML, and the field types they share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    RootModel,
    WithJsonSchema,
)
from pydantic.config import JsonDict

from lakehouse.names import TableName

LATER: JsonDict = {"available": False}
"""`json_schema_extra` of a field that is modelled but whose engine part is not built yet."""


class Model(BaseModel):
    """A frozen value whose field names are its YAML keys; unknown keys are refused."""

    # built at first use, and docstrings read only where they are shown: a start costs half of what it would
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    available: ClassVar[bool] = True
    """False on a leaf that is modelled but not built yet: naming it is refused as not available yet."""


class Root(RootModel[Any]):
    """Base for a leaf that is written as a bare list, map or text."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    available: ClassVar[bool] = True


def unavailable(model: BaseModel, loc: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Places, as keys from this model down, of what is set but not available yet."""
    if not getattr(type(model), "available", True):
        yield loc
        return
    for name in model.model_fields_set:
        field = type(model).model_fields[name]
        here = loc if isinstance(model, RootModel) else (*loc, field.alias or name)
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("available") is False:
            yield here
        else:
            yield from _inside(getattr(model, name), here)


def _inside(value: object, loc: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, BaseModel):
        yield from unavailable(value, loc)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(item, (*loc, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _inside(item, (*loc, index))


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


T = TypeVar("T")
Many = Annotated[tuple[T, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
"""A list of texts; one will do."""
Names = Many[str]
"""A list of names; one name will do."""


def null_word(value: object) -> object:
    """The word `null` of a choice, which YAML reads as no value."""
    return "null" if value is None else value


def _text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _texts(value: object) -> object:
    return {key: _text(item) for key, item in value.items()} if isinstance(value, dict) else value


TextMap = Annotated[dict[str, str], BeforeValidator(_texts)]
"""Names -> texts; a number or boolean becomes its text."""


def _table_name(value: object) -> TableName:
    if isinstance(value, TableName):
        return value
    if not isinstance(value, str):
        raise ValueError("a table's name is expected, as `silver.flights`")
    return TableName.parse(value)


TableRef = Annotated[
    TableName,
    PlainValidator(_table_name),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$"}),
]
"""`layer.table`."""

_FUNCTION = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"


def _function(text: str) -> str:
    if not re.fullmatch(_FUNCTION, text):
        raise ValueError(f"{text!r} does not name a function; write it as `package.module:function`")
    return text


Function = Annotated[str, AfterValidator(_function), WithJsonSchema({"type": "string", "pattern": _FUNCTION})]
"""`package.module:function`."""

_UNITS = {
    "s": 1, "second": 1, "seconds": 1, "m": 60, "minute": 60, "minutes": 60, "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400, "week": 604800, "weeks": 604800, "year": 31536000, "years": 31536000,
}  # fmt: skip
_LONGEST = timedelta(days=36525)
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def parse_duration(value: object) -> object:
    """`90 seconds`, `1 hour 30 minutes`, `90s`, `7d`: a timedelta; raises ValueError with the units it knows."""
    if not isinstance(value, str):
        if isinstance(value, timedelta):
            return value
        raise ValueError(f"{value!r} is not a duration; write it with a unit, as in `90 seconds` or `1 hour`")
    seconds, end = 0.0, 0
    for part in _PART.finditer(value):
        if part.start() != end or part.group(2) not in _UNITS:
            break
        seconds += float(part.group(1)) * _UNITS[part.group(2)]
        end = part.end()
    if end != len(value) or not value:
        raise ValueError(f"{value!r} is not a duration; write it as `90 seconds`, `1 hour 30 minutes`, `90s` or `7d`")
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{value!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def _some(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration of nothing is not meant here; write `1 hour`, or leave it out")
    return value


def duration_text(value: timedelta) -> str:
    """The shortest way to write the duration that `parse_duration` reads back."""
    seconds = value.total_seconds()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{seconds:g} seconds"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(duration_text, return_type=str)]
"""A length of time written with its unit."""
SomeTime = Annotated[Duration, AfterValidator(_some)]
"""A length of time that is not nothing."""
