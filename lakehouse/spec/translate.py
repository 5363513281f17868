"""Errors of validation -> Problems at their place in the file, one for each mistake, in the words of the language."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from lakehouse.errors import Problem, suggestion
from lakehouse.spec.messages import describe, limit, wrong_type
from lakehouse.spec.nodes import ListNode, MapNode, Mark, Node, Scalar, position, short
from lakehouse.spec.words import keys_of, models_at

Loc = tuple[str | int, ...]

_KINDS = {
    "string": "a text", "int": "a whole number", "float": "a number", "decimal": "a number", "bool": "true or false",
    "list": "a list", "tuple": "a list", "set": "a list", "iterable": "a list", "dict": "a map", "mapping": "a map",
    "model": "a map", "model_attributes": "a map", "datetime": "a date and time", "date": "a date",
}  # fmt: skip
_MISMATCH = re.compile(r"([a-z_]+?)_(?:type|parsing|from_float|from_date_parsing|attributes_type|object_invalid)\Z")
_TYPES = (
    *("bigint", "int", "smallint", "tinyint", "string", "double", "float", "boolean", "date", "timestamp", "binary"),
    *("timestamp_ntz", "variant", "decimal(10,2)", "array<string>", "map<string,string>", "struct<a:int>"),
)


class Place:
    """How far a location of validation can be followed in the file: the rest are names of choices."""

    def __init__(self, node: Node, loc: Loc, mark: Mark) -> None:
        self.node, self.key_mark, self.broken = node, mark, node.broken
        self.keys: list[str | int] = []
        self.rest: list[str | int] = []
        for part in loc:
            inner = step(self.node, part)
            if inner is None:
                self.rest.append(part)
                continue
            if isinstance(self.node, MapNode) and isinstance(part, str):
                self.key_mark = self.node.keys[part]
            else:
                self.key_mark = inner.mark
            self.node = inner
            self.keys.append(part)
            self.broken = self.broken or inner.broken
        if isinstance(self.node, MapNode) and self.node.items:
            self.broken = self.broken or all(item.broken for item in self.node.items.values())


def step(node: Node, part: str | int) -> Node | None:
    """The node under a key or at an index; None when there is none."""
    if isinstance(node, MapNode):
        return node.items.get(part) if isinstance(part, str) else None
    if isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def problems_of(
    error: ValidationError, model: type[BaseModel], node: Node, mark: Mark, gone: Collection[Loc] = ()
) -> Iterator[tuple[Problem | None, Loc]]:
    """Each mistake once, with the keys down to what is wrong; of the choices that a place has, the one that was meant.

    No problem comes with a place where one was reported before, or where it follows from what is `gone`.
    """
    errors: list[dict[str, Any]] = list(error.errors(include_url=False))  # type: ignore[arg-type]
    chosen = [(item, Place(node, item["loc"], mark)) for item in _chosen(errors, node, 0)]
    told = [(item, place, None if place.broken else _problem(item, place, model)) for item, place in chosen]
    meant = {
        (tuple(place.keys[:-1]), word)
        for item, place, problem in told
        if item["type"] == "extra_forbidden" and problem is not None
        for word in re.findall(r"did you mean '(.*)'", problem.fix)
    }
    for item, place, problem in told:
        keys = tuple(place.keys)
        follows = False
        if item["type"] == "missing" and ((keys, item["loc"][-1]) in meant or (*keys, item["loc"][-1]) in gone):
            follows = True  # misspelt or wrong, which is told already
        elif item["type"] == "value_error" and any(keys == lost[: len(keys)] for lost in gone):
            follows = True  # judges a model of which a part is gone
        yield None if follows else problem, keys


def _chosen(errors: list[dict[str, Any]], node: Node, depth: int) -> Iterator[dict[str, Any]]:
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
            yield from _chosen(items, inner, depth + 1)
        elif all(i["type"] == "missing" and len(i["loc"]) == depth + 1 for i in items):
            yield from items
        else:
            choices.append(list(_chosen(items, node, depth + 1)))
    if len(choices) > 1:
        yield from _likeliest(choices, node)
    else:
        yield from (item for choice in choices for item in choice)


def _likeliest(choices: list[list[dict[str, Any]]], node: Node) -> Iterable[dict[str, Any]]:
    ranked = sorted(choices, key=lambda choice: _rank(choice, node))
    best = _rank(ranked[0], node)
    if best[0] < 2:
        return ranked[0]
    wanted = [_expected(item) for choice in choices for item in choice]
    kinds = list(dict.fromkeys(kind for kind in wanted if kind))
    if not kinds:
        return ranked[0]
    return [{**ranked[0][0], "type": "choice", "kinds": kinds}]


def _rank(choice: list[dict[str, Any]], node: Node) -> tuple[int, int]:
    """0: the value has the shape of this choice; 1: the shape, but none of its words; 2: another shape."""
    worst = 0
    for item in choice:
        if item["type"] in ("literal_error", "enum"):
            worst = max(worst, 1 if isinstance(node, Scalar) else 2)
        elif _expected(item) and len(item["loc"]) <= min(len(other["loc"]) for other in choice):
            worst = 2
    return worst, len(choice)


def _expected(item: dict[str, Any]) -> str | None:
    match = _MISMATCH.match(item["type"])
    return _KINDS.get(match.group(1)) if match else None


def _problem(item: dict[str, Any], place: Place, model: type[BaseModel]) -> Problem:
    kind, context = item["type"], item.get("ctx") or {}
    name = place.keys[-1] if place.keys else ""
    if kind in ("missing", "union_tag_not_found"):
        key = item["loc"][-1] if kind == "missing" else str(context["discriminator"]).strip("'")
        message = f"`{short(name)}` needs the key `{key}`" if isinstance(name, str) and name else f"`{key}` is missing"
        return Problem(position(place.key_mark), "missing-key", message)
    if kind == "extra_forbidden":
        return _unknown_key(item["loc"], place, model)
    if kind in ("literal_error", "enum"):
        return _not_one_of(re.findall(r"'([^']*)'|(?<![\w'])(\d+)", str(context.get("expected", ""))), place)
    if kind == "union_tag_invalid":
        tags = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
        key = str(context["discriminator"]).strip("'")
        return _unknown_tag(str(context.get("tag")), key, tags, place)
    wanted = " or ".join(item["kinds"]) if kind == "choice" else _expected(item)
    if wanted:
        return wrong_type(wanted, place.node, place.key_mark)
    if kind in ("value_error", "assertion_error"):
        return _refused(context.get("error"), str(item["msg"]), place)
    return Problem(position(place.node.mark), "wrong-value", f"{_named(name)}{limit(kind, context, item['msg'])}")


def _named(name: str | int) -> str:
    return f"`{short(name)}`: " if isinstance(name, str) and name else ""


def _unknown_key(loc: Loc, place: Place, model: type[BaseModel]) -> Problem:
    key = str(loc[-1])
    models = models_at(model, loc[:-1])
    known = list(dict.fromkeys(k for m in models for k in keys_of(m)))
    near = suggestion(key, known)
    if not near:
        homes = [k for k in known if any(key in keys_of(m) for inner in models for m in models_at(inner, (k,)))]
        if homes:
            near = f"it belongs under {' or '.join(f'`{k}`' for k in homes[:3])}"
        elif known:
            near = f"known are {', '.join(sorted(known))}" if len(known) <= 40 else ""
    return Problem(position(place.key_mark), "unknown-key", f"unknown key `{short(key)}`", near)


def _not_one_of(found: list[tuple[str, str]], place: Place) -> Problem:
    words = [text or number for text, number in found]
    shown = describe(place.node)
    listed = ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else "".join(words)
    near = suggestion(place.node.text, words) if isinstance(place.node, Scalar) else ""
    return Problem(position(place.node.mark), "wrong-value", f"{listed} is expected, not {shown}", near)


def _unknown_tag(tag: str, key: str, tags: list[str], place: Place) -> Problem:
    inner = step(place.node, key)
    mark = inner.mark if inner is not None else place.node.mark
    fix = suggestion(tag, tags) or f"known are {', '.join(tags)}"
    return Problem(position(mark), f"unknown-{key}", f"unknown {key} `{short(tag)}`", fix)


def _refused(error: Any, message: str, place: Place) -> Problem:
    """A validator's own words; where they name a key that is written here, that key is the place."""
    text = str(error) if error is not None else message
    mark = place.key_mark if isinstance(place.node, MapNode | ListNode) else place.node.mark
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    if line and column and isinstance(place.node, Scalar):
        mark = place.node.place(line - 1, column - 1)
    elif isinstance(place.node, MapNode):
        mark = _mark_of_word(text, place.node) or mark
    code = getattr(error, "code", None) or "wrong-value"
    fix = getattr(error, "fix", "") or ""
    if not fix and "; " in text:
        text, _, fix = text.partition("; ")
    if "not available yet" in text:
        code = "not-available-yet"
    elif "is not an SQL expression" in text:
        code = "sql-syntax"
    elif not fix and (unknown := re.search(r"is not a type: '(\w+)' is unknown", text)):
        fix = suggestion(unknown.group(1), _TYPES)
    return Problem(position(mark), code, text, fix)


def _mark_of_word(message: str, node: MapNode) -> Mark | None:
    for word in (a or b for a, b in re.findall(r"`([^`]+)`|'([^']+)'", message)):
        key = word.split(":")[0].split(".")[-1]
        if key in node.items:
            return node.keys[key]
        for inner in node.items.values():
            if isinstance(inner, Scalar) and inner.text == word:
                return inner.mark
            if isinstance(inner, MapNode) and key in inner.items:
                return inner.keys[key]
    return None
