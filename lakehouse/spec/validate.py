"""Nodes -> typed values, with every mistake found in one go.

Validation stops looking into a model at its first wrong field, so what is wrong is taken out, or called by the name
that was meant, and the rest is judged again; nothing is ever loaded from such a remainder.
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
from lakehouse.spec.translate import Found, Loc, problems_of

M = TypeVar("M", bound=BaseModel)

_ROUNDS = 25
"""How often what is left is judged again."""


@dataclass(frozen=True)
class Judged(Generic[M]):
    """What came out of validation."""

    value: M | None
    """The typed value; where keys were taken out, of the rest. None when nothing could be made of it."""
    node: Node
    """What the value was made from."""
    whole: bool
    """No mistake was found."""
    gone: frozenset[Loc] = frozenset()
    """Places of mistakes, as keys down to them."""
    guessed: frozenset[Loc] = frozenset()
    """Keys that were misspelt, by the names that were meant."""


def judge(model: type[M], node: Node, mark: Mark, problems: list[Problem]) -> Judged[M]:
    """The node as a model, its mistakes added to the problems; `mark` is where the thing is called."""
    rest, gone, guessed = node, set[Loc](), set[Loc]()
    for _ in range(_ROUNDS):
        try:
            value = model.model_validate(plain(rest), by_alias=True, by_name=False)
        except ValidationError as error:
            found = list(problems_of(error, model, rest, mark, gone, guessed))
            problems.extend(item.problem for item in found if item.problem is not None)
            gone.update(item.keys for item in found)
            if not all(item.keys for item in found):
                break
            guessed.update((*item.keys[:-1], item.meant) for item in found if item.meant)
            rest = _without(rest, found)
        except RecursionError:
            problems.append(Problem(position(mark), "nesting-too-deep", "a value here is nested too deep to be read"))
            break
        else:
            changed = list(coerced(rest, value))
            problems.extend(changed)
            whole = not changed and rest is node
            return Judged(value, rest, whole, frozenset(gone | guessed), frozenset(guessed))
    return Judged(None, rest, False, frozenset(gone | guessed), frozenset(guessed))


def validated(model: type[M], node: Node, mark: Mark, problems: list[Problem]) -> M | None:
    """The node as a model; None when there is any mistake in it, which is added to the problems."""
    judged = judge(model, node, mark, problems)
    return judged.value if judged.whole else None


def _without(node: Node, found: Iterable[Found], depth: int = 0) -> Node:
    """The node without what stands at these places, a key whose meaning was guessed under its right name."""
    below: dict[str | int, list[Found]] = {}
    for item in found:
        below.setdefault(item.keys[depth], []).append(item)
    ends = {item.keys[depth]: item for item in found if len(item.keys) == depth + 1}

    def left(part: str | int, inner: Node) -> Node:
        return _without(inner, below[part], depth + 1) if part in below else inner

    if isinstance(node, ListNode):
        kept = [(i, left(i, item)) for i, item in zip(node.numbers, node.items, strict=True) if i not in ends]
        return ListNode([item for _, item in kept], node.mark, [i for i, _ in kept])
    if not isinstance(node, MapNode):
        return node
    items, keys = {}, dict(node.keys)
    for key, inner in node.items.items():
        end = ends.get(key)
        if end is None:
            items[key] = left(key, inner)
        elif end.instead:
            items[key] = Scalar(end.instead, end.instead, inner.mark)
        elif end.meant:
            items[end.meant], keys[end.meant] = inner, keys[key]
    return MapNode(items, keys, node.mark, node.lost)


def coerced(node: Node, value: object) -> Iterator[Problem]:
    """Scalars that validation would quietly turn into another type: `"12"` into a number, `on` into true."""
    if isinstance(value, BaseModel) and "root" in type(value).model_fields:
        yield from coerced(node, value.root)  # type: ignore[attr-defined]
    elif isinstance(node, Scalar):
        wanted = _changed(node.value, value, node.text)
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


def _changed(written: object, value: object, text: str) -> str | None:
    if type(written) is type(value) or written is None:
        return None
    if isinstance(value, str) and isinstance(written, int | float) and not isinstance(written, bool):
        return "a text" if value != text else None  # `1.10` is no longer itself once it was a number
    if isinstance(value, bool):
        return "true or false" if isinstance(written, str | int | float) else None
    if isinstance(value, int | float):
        whole = isinstance(value, int)
        if isinstance(written, bool) or (whole and isinstance(written, float)):
            return "a whole number" if whole else "a number"
        if isinstance(written, str) and re.fullmatch(r"\s*[-+]?[\d._]+(?:[eE][-+]?\d+)?\s*", written):
            return "a whole number" if whole else "a number"
    return None
