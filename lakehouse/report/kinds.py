"""What may be written under a key, in words: from the types of the models."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lakehouse.model import duration_text
from lakehouse.names import TableName

_PLAIN: dict[object, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration",
    datetime: "time", TableName: "`layer.table`", Any: "any value", type(None): "null",
}  # fmt: skip
_READ_BY = {
    "_one_or_many": "name or list of names", "parse_bytes": "size", "parse_duration": "duration",
    "_inputs": "`layer.table`, map, or list of both", "_groups": "name, `{name: expression}`, or a list of both",
}  # fmt: skip
"""Validator of a short form -> what may be written."""
_SHORT_FORMS = {"_short_form": "text or map", "_true": "`true` or map"}


def kind_of(field: FieldInfo) -> str:
    """What may be written, in words."""
    return _kind(field.annotation, field.metadata) + (", required" if field.is_required() else "")


def _kind(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    if typing.get_origin(annotation) is Annotated:
        first, *rest = typing.get_args(annotation)
        return _kind(first, [*rest, *metadata])
    metadata = [m for item in metadata for m in (item.metadata if isinstance(item, FieldInfo) else [item])]
    read_by = [getattr(getattr(item, "func", None), "__name__", "") for item in metadata]
    short = next((_READ_BY[name] for name in read_by if name in _READ_BY), "")
    return (short or _plain(annotation)) + _bounds(metadata, annotation)


def _plain(annotation: Any) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " ".join(f"`{word}`" for word in args)
    if origin in (Union, types.UnionType):
        parts = list(dict.fromkeys(_kind(part) for part in args if part is not type(None)))
        return " or ".join(p for p in parts if p != "whole number" or "number" not in parts)
    if origin is dict:
        return f"map of {_kind(args[0])} to {_kind(args[1])}".replace("map of text", "map of name")
    if origin is tuple:
        return f"list of {_kind(args[0])}" if args else "empty list"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return written_as(annotation)
    raise LookupError(f"no words for the type {annotation!r}")


def _bounds(metadata: Iterable[Any], annotation: Any) -> str:
    said = []
    for item in metadata:
        match item:
            case Ge(ge=low):
                said.append(f"at least {low}")
            case Gt(gt=low):
                said.append(f"more than {low}")
            case Le(le=high):
                said.append(f"at most {high}")
            case Lt(lt=high) if high != 2**63:  # whatever Java can count says nothing to people
                said.append(f"less than {high}")
            case MinLen(min_length=1):
                said.append("not empty" if annotation is str else "")
            case MaxLen(max_length=most):
                said.append(f"at most {most}")
    return "".join(f", {text}" for text in said if text)


def default_of(field: FieldInfo) -> str:
    """The default as it is written, empty where a key that is left out says nothing."""
    value = field.default
    if field.is_required() or value is None or value is PydanticUndefined or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{duration_text(value) if isinstance(value, timedelta) else value}`"


def written_as(model: type[BaseModel]) -> str:
    """How a model is written: as a map of its keys, or shorter."""
    if issubclass(model, RootModel):
        return kind_of(model.model_fields["root"]).removesuffix(", required")
    if not model.model_fields:
        return "`true`"
    validators = model.__pydantic_decorators__.model_validators
    return next((_SHORT_FORMS[name] for name in validators if name in _SHORT_FORMS), "map")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in typing.get_args(annotation):
            yield from models_in(part)


def choices(annotation: Any) -> Iterator[Any]:
    """The words of a choice."""
    if typing.get_origin(annotation) is Literal:
        yield from typing.get_args(annotation)
    elif typing.get_origin(annotation) in (Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from choices(part)
