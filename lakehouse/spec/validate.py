"""Nodes -> typed values, with every mistake found in one go.

Validation stops looking into a model at its first wrong field, so what is wrong is taken out and the rest is judged
again; nothing is ever loaded from such a remainder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from lakehouse.errors import Problem
from lakehouse.spec.messages import wrong_type
from lakehouse.spec.nodes import ListNode, MapNode, Mark, Node, Scalar, plain, position
from lakehouse.spec.translate import Loc, problems_of

M = TypeVar("M", bound=BaseModel)

_ROUNDS = 4
"""How often what is left is judged again."""


@dataclass(frozen=True)
class Judged(Generic[M]):
    """What came out of validation."""

    value: M | None
    """The typed value; where keys were taken out, of the rest. None when nothing could be made of it."""
    node: Node
    """What the value was made from."""
    taken: frozenset[str]
    """Top keys that hold a mistake."""
    whole: bool
    """No mistake was found."""


def judge(model: type[M], node: Node, mark: Mark, problems: list[Problem]) -> Judged[M]:
    """The node as a model, its mistakes added to the problems; `mark` is where the thing is called."""
    rest, gone = node, set[Loc]()
    for _ in range(_ROUNDS):
        try:
            value = model.model_validate(plain(rest), by_alias=True, by_name=False)
        except ValidationError as error:
            places = []
            for problem, keys in problems_of(error, model, rest, mark, gone):
                places.append(keys)
                if problem is not None:
                    problems.append(problem)
            gone.update(places)
            if not all(places):
                break
            rest = _without(rest, places)
        except RecursionError:
            problems.append(Problem(position(mark), "nesting-too-deep", "a value here is nested too deep to be read"))
            break
        else:
            found = list(coerced(rest, value))
            problems.extend(found)
            return Judged(value, rest, _tops(gone), not found and rest is node)
    return Judged(None, rest, _tops(gone), False)


def _tops(places: Iterable[Loc]) -> frozenset[str]:
    return frozenset(str(keys[0]) for keys in places if keys)


def validated(model: type[M], node: Node, mark: Mark, problems: list[Problem]) -> M | None:
    """The node as a model; None when there is any mistake in it, which is added to the problems."""
    judged = judge(model, node, mark, problems)
    return judged.value if judged.whole else None


def _without(node: Node, places: Iterable[Loc]) -> Node:
    """The node without what stands at these places."""
    below: dict[str | int, list[Loc]] = {}
    for keys in places:
        below.setdefault(keys[0], []).append(keys[1:])

    def kept(part: str | int, item: Node) -> Node | None:
        inner = below.get(part)
        if inner is None:
            return item
        return _without(item, inner) if all(inner) else None

    if isinstance(node, MapNode):
        items = {key: left for key, item in node.items.items() if (left := kept(key, item)) is not None}
        return MapNode(items, node.keys, node.mark)
    if isinstance(node, ListNode):
        return ListNode([left for i, item in enumerate(node.items) if (left := kept(i, item)) is not None], node.mark)
    return node


def coerced(node: Node, value: object) -> Iterator[Problem]:
    """Scalars that validation would quietly turn into another type: `"12"` into a number, `on` into true."""
    if isinstance(value, BaseModel) and "root" in type(value).model_fields:
        yield from coerced(node, value.root)  # type: ignore[attr-defined]
    elif isinstance(node, Scalar):
        wanted = _changed(node.value, value)
        if wanted:
            yield wrong_type(wanted, node, node.mark)
    else:
        for inner, item in _pairs(node, value):
            yield from coerced(inner, item)


def _pairs(node: Node, value: object) -> Iterator[tuple[Node, object]]:
    """What is written beside what was made of it, as far as both have the same shape."""
    if isinstance(node, MapNode) and isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = node.items.get(field.alias or name)
            if inner is not None:
                yield inner, getattr(value, name)
    elif isinstance(node, MapNode) and isinstance(value, dict):
        yield from ((item, value[key]) for key, item in node.items.items() if key in value)
    elif isinstance(node, ListNode) and isinstance(value, list | tuple) and len(value) == len(node.items):
        yield from zip(node.items, value, strict=True)


def _changed(written: object, value: object) -> str | None:
    if type(written) is type(value) or written is None:
        return None
    if isinstance(value, bool):
        return "true or false" if isinstance(written, str | int | float) else None
    if isinstance(value, int | float):
        whole = isinstance(value, int)
        if isinstance(written, bool) or (whole and isinstance(written, float)):
            return "a whole number" if whole else "a number"
        if isinstance(written, str) and re.fullmatch(r"\s*[-+]?[\d._]+(?:[eE][-+]?\d+)?\s*", written):
            return "a whole number" if whole else "a number"
    return None
