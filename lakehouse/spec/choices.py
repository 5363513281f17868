"""Of the choices that a place has, the one that was meant: validation tries them all and complains about each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lakehouse.spec.nodes import ListNode, MapNode, Node, Scalar

_KINDS = {
    "string": "a text", "int": "a whole number", "float": "a number", "decimal": "a number", "bool": "true or false",
    "list": "a list", "tuple": "a list", "set": "a list", "iterable": "a list", "dict": "a map", "mapping": "a map",
    "model": "a map", "model_attributes": "a map", "datetime": "a date and time", "date": "a date",
}  # fmt: skip
_MISMATCH = re.compile(r"([a-z_]+?)_(?:type|parsing|from_float|from_date_parsing|attributes_type|object_invalid)\Z")
_WORDS = ("literal_error", "enum")


def step(node: Node, part: str | int) -> Node | None:
    """The node under a key or at an index; None when there is none."""
    if isinstance(node, MapNode):
        return node.items.get(part) if isinstance(part, str) else None
    if isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def chosen(errors: list[dict[str, Any]], node: Node, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Errors under one node, `depth` parts down their locations; where choices fail side by side, the likeliest's."""
    here: list[dict[str, Any]] = []
    below: dict[str | int, list[dict[str, Any]]] = {}
    for item in errors:
        if len(item["loc"]) > depth:
            below.setdefault(item["loc"][depth], []).append(item)
        else:
            here.append(item)
    yield from here
    choices: list[list[dict[str, Any]]] = []
    for part, items in below.items():
        inner = step(node, part)
        if inner is not None:
            yield from chosen(items, inner, depth + 1)
        elif all(i["type"] == "missing" and len(i["loc"]) == depth + 1 for i in items):
            yield from items
        else:
            choices.append(list(chosen(items, node, depth + 1)))
    if len(choices) > 1:
        yield from _likeliest(choices, node)
    else:
        yield from (item for choice in choices for item in choice)


def expected(item: dict[str, Any]) -> str | None:
    """The kind of value that would have been right, in words; None where the kind was right."""
    match = _MISMATCH.match(item["type"])
    return _KINDS.get(match.group(1)) if match else None


def words_of(item: dict[str, Any]) -> list[str]:
    """The words of which one would have been right."""
    if item["type"] not in _WORDS:
        return []
    found = re.findall(r"'([^']*)'|(?<![\w'])(\d+)", str((item.get("ctx") or {}).get("expected", "")))
    return [text or number for text, number in found]


def _likeliest(choices: list[list[dict[str, Any]]], node: Node) -> Iterable[dict[str, Any]]:
    ranked = sorted(choices, key=lambda choice: _rank(choice, node))
    if _rank(ranked[0], node)[0] == 0:
        return ranked[0]
    every = [item for choice in choices for item in choice]
    kinds = list(dict.fromkeys(kind for item in every if (kind := expected(item))))
    if "a number" in kinds and "a whole number" in kinds:
        kinds.remove("a whole number")
    words = [word for item in every for word in words_of(item)]
    if not kinds:
        return ranked[0]
    return [{**ranked[0][0], "type": "choice", "kinds": kinds, "words": words}]


def _rank(choice: list[dict[str, Any]], node: Node) -> tuple[int, int]:
    """0: the value has the shape of this choice; 1: the shape, but none of its words; 2: another shape."""
    worst = 0
    for item in choice:
        if item["type"] in _WORDS:
            worst = max(worst, 1 if isinstance(node, Scalar) else 2)
        elif expected(item) and len(item["loc"]) <= min(len(other["loc"]) for other in choice):
            worst = 2
    return worst, len(choice)
