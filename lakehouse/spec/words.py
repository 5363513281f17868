"""What may be written at a place: found by walking the models down the keys of the file."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, RootModel


def keys_of(model: type[BaseModel]) -> list[str]:
    """The YAML keys of a model."""
    return [field.alias or name for name, field in model.model_fields.items()]


def models_at(root: Any, loc: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The models that a place may hold; parts of the place that name a choice (a format, a class) narrow it."""
    found = list(_expanded(root))
    for part in loc:
        below: list[Any] = []
        for annotation in found:
            below += _below(annotation, part)
        if below:
            found = [item for annotation in below for item in _expanded(annotation)]
        else:
            found = [a for a in found if _is_called(a, part)] or found
    return [a for a in found if isinstance(a, type) and issubclass(a, BaseModel)]


def _expanded(annotation: Any) -> Iterator[Any]:
    """The annotation without Annotated, Optional, unions and root models around it."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from _expanded(typing.get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for choice in typing.get_args(annotation):
            yield from _expanded(choice)
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _expanded(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def _below(annotation: Any, part: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [f.annotation for name, f in annotation.model_fields.items() if part == (f.alias or name)]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(part, str) and origin is dict:
        return [args[1]]
    if isinstance(part, int) and origin in (tuple, list):
        return [a for a in args if a is not Ellipsis]
    return []


def _is_called(annotation: Any, part: str | int) -> bool:
    if not isinstance(annotation, type) or not issubclass(annotation, BaseModel):
        return False
    if annotation.__name__ == part:
        return True
    literals = (f.annotation for f in annotation.model_fields.values() if typing.get_origin(f.annotation) is Literal)
    return any(typing.get_args(literal) == (part,) for literal in literals)


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """YAML key -> what it is for: the field's own description, or the text below it in the class."""
    found: dict[str, str] = {}
    below: dict[str, str] | None = None
    for name, field in model.model_fields.items():
        text = field.description
        if not text:
            if below is None:
                below = {}
                for base in reversed(model.__mro__):
                    below |= _docstrings(base)
            text = below.get(name)
        if text:
            found[field.alias or name] = " ".join(text.split())
    return found


@cache
def _docstrings(cls: type) -> dict[str, str]:
    """Attribute -> the text that stands below it in the source of a class."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, text in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = text.value.value.strip()
    return found
