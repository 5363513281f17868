"""Errors of validation -> Problems at their place in the file, one for each mistake, in the words of the language."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lakehouse.errors import Problem, nearest, suggestion
from lakehouse.spec.choices import chosen, expected, step, words_of
from lakehouse.spec.messages import any_of, describe, limit, wrong_type
from lakehouse.spec.nodes import ListNode, MapNode, Mark, Node, Scalar, position, short
from lakehouse.spec.words import keys_of, models_at

Loc = tuple[str | int, ...]

_SURE = 0.72
"""How near a word must be for what stands behind it to be looked at as if it were the right one."""
_TYPES = (
    *("bigint", "int", "smallint", "tinyint", "string", "double", "float", "boolean", "date", "timestamp", "binary"),
    *("timestamp_ntz", "variant", "decimal(10,2)", "array<string>", "map<string,string>", "struct<a:int>"),
)


class Place:
    """How far a location of validation can be followed in the file: the rest are names of choices."""

    def __init__(self, node: Node, loc: Loc, mark: Mark) -> None:
        self.node, self.key_mark, self.broken = node, mark, node.broken
        self.above: Node | None = None
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
            self.keys.append(self.node.numbers[part] if isinstance(self.node, ListNode) else part)  # type: ignore[index]
            self.above, self.node = self.node, inner
            self.broken = self.broken or inner.broken
        if isinstance(self.node, MapNode) and self.node.items:
            self.broken = self.broken or all(item.broken for item in self.node.items.values())

    @property
    def lost(self) -> bool:
        """Whether something was written here that could not be kept."""
        return isinstance(self.node, MapNode) and self.node.lost


@dataclass(frozen=True)
class Found:
    """One mistake of validation."""

    problem: Problem | None
    """None where one was reported before, or where it follows from one that was."""
    keys: Loc
    """The keys down to what is wrong."""
    meant: str = ""
    """The key that an unknown one probably stands for."""
    instead: str = ""
    """The word that was probably meant by a value."""


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    node: Node,
    mark: Mark,
    gone: Collection[Loc] = (),
    guessed: Collection[Loc] = (),
) -> Iterator[Found]:
    """Each mistake once.

    `gone` are places of mistakes told before, `guessed` those of keys that were given the name that was meant.
    """
    errors: list[dict[str, Any]] = list(error.errors(include_url=False))  # type: ignore[arg-type]
    places = [(item, Place(node, item["loc"], mark)) for item in chosen(errors, node)]
    told = [(item, place, _found(item, place, model)) for item, place in places]
    meant: dict[Loc, Loc] = {}
    for _, place, found in told:
        if found.meant and not place.broken:
            meant.setdefault((*found.keys[:-1], found.meant), found.keys)
    for item, place, found in told:
        if item["type"] == "missing" and (*place.keys, item["loc"][-1]) in meant:
            continue  # it will be there once it is called by its name
        if place.broken or found.keys in guessed or _follows(item, place, found, gone):
            yield Found(None, tuple(place.keys))
        elif found.meant and meant[*found.keys[:-1], found.meant] != found.keys:
            yield Found(found.problem, found.keys)  # of two that stand for the same key, the first is it
        else:
            yield found


def _follows(item: dict[str, Any], place: Place, found: Found, gone: Collection[Loc]) -> bool:
    """Whether the mistake is but a consequence of what is gone, or of what could not be kept of a map."""
    keys = tuple(place.keys)
    if item["type"] == "missing":
        return place.lost or (*keys, item["loc"][-1]) in gone
    below = {lost[len(keys)] for lost in gone if len(lost) > len(keys) and lost[: len(keys)] == keys}
    if item["type"] == "value_error" and (below or place.lost):
        # it judges a model of which a part is missing: told only when it is about keys that are all there
        named = set(_names(found.problem.message)) if found.problem is not None else set()
        return found.keys == keys or bool(below & named)
    return item["type"] == "too_short" and bool(below)


def _found(item: dict[str, Any], place: Place, model: type[BaseModel]) -> Found:
    kind, context = item["type"], item.get("ctx") or {}
    keys = tuple(place.keys)
    name = keys[-1] if keys else ""
    if kind in ("missing", "union_tag_not_found"):
        key = item["loc"][-1] if kind == "missing" else str(context["discriminator"]).strip("'")
        if kind == "union_tag_not_found" and (found := _misspelt_tag(key, place)):
            return found
        message = f"`{short(name)}` needs the key `{key}`" if isinstance(name, str) and name else f"`{key}` is missing"
        return Found(Problem(position(place.key_mark), "missing-key", message), keys)
    if kind == "extra_forbidden":
        return _unknown_key(item["loc"], place, model)
    if kind == "union_tag_invalid":
        tags = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
        key = str(context["discriminator"]).strip("'")
        return _unknown_tag(str(context.get("tag")), key, tags, place)
    if kind in ("value_error", "assertion_error"):
        return _refused(context.get("error"), str(item["msg"]), place)
    kinds = item.get("kinds") or [wanted for wanted in [expected(item)] if wanted]
    if words := item.get("words") or words_of(item):
        return Found(_not_one_of(words, kinds, place), keys)
    if kinds:
        problem = wrong_type(any_of(kinds), place.node, place.key_mark)
        if not problem.fix and "a map" in kinds and isinstance(place.node, Scalar):
            problem = replace(problem, fix=_as_map(place.node.text, models_at(model, item["loc"])))
        return Found(problem, keys)
    named = f"`{short(name)}`: " if isinstance(name, str) and name else ""
    problem = Problem(position(place.node.mark), "wrong-value", f"{named}{limit(kind, context, item['msg'])}")
    return Found(problem, keys)


def _unknown_key(loc: Loc, place: Place, model: type[BaseModel]) -> Found:
    key = str(loc[-1])
    models = models_at(model, loc[:-1])
    known = list(dict.fromkeys(k for m in models for k in keys_of(m)))
    written = place.above.items if isinstance(place.above, MapNode) else {}
    near = nearest(key, known, cutoff=_SURE)
    fix = f"did you mean {near!r}?" if near else ""
    if not near:
        homes = [k for k in known if any(key in keys_of(m) for inner in models for m in models_at(inner, (k,)))]
        fix = f"it belongs under {any_of([f'`{k}`' for k in homes[:3]])}" if homes else suggestion(key, known)
    if not fix and 0 < len(known) <= 60:
        fix = f"known are {', '.join(sorted(known))}"
    problem = Problem(position(place.key_mark), "unknown-key", f"unknown key `{short(key)}`", fix)
    # a key that is there already is not the one that was meant
    return Found(problem, tuple(place.keys), "" if near in written else near)


def _misspelt_tag(key: str, place: Place) -> Found | None:
    """The key that tells which choice it is, under another name."""
    if isinstance(place.node, MapNode) and (near := nearest(key, place.node.items)):
        message = f"unknown key `{short(near)}`"
        problem = Problem(position(place.node.keys[near]), "unknown-key", message, f"did you mean {key!r}?")
        return Found(problem, (*place.keys, near), key)
    return None


def _not_one_of(words: list[str], kinds: list[str], place: Place) -> Problem:
    listed = any_of([*words, *(kind for kind in kinds if kind != "a text")])
    fix = ""
    if isinstance(place.node, Scalar):
        fix = suggestion(place.node.text, words)
        if place.node.text in words and isinstance(place.node.value, str):
            fix = "take the quotes away"
    return Problem(position(place.node.mark), "wrong-value", f"{listed} is expected, not {describe(place.node)}", fix)


def _as_map(text: str, models: list[type[BaseModel]]) -> str:
    """How to write a scalar as the map that is expected, where it is clear."""
    for model in models:
        if text in keys_of(model):
            return f"write `{text}: …`"
        for name, field in model.model_fields.items():
            if get_origin(field.annotation) is Literal and get_args(field.annotation) == (text,):
                return f"write `{{{name}: {text}, …}}`"
    needed = [f.alias or name for model in models for name, f in model.model_fields.items() if f.is_required()]
    return f"write `{{{needed[0]}: {short(text)}}}`" if len(needed) == 1 else ""


def _unknown_tag(tag: str, key: str, tags: list[str], place: Place) -> Found:
    keys = tuple(place.keys)
    inner = step(place.node, key)
    if inner is not None and not (isinstance(inner, Scalar) and isinstance(inner.value, str)):
        return Found(wrong_type("a text", inner, inner.mark), keys)
    near = nearest(tag, tags)
    fix = f"did you mean {near!r}?" if near else f"known are {', '.join(tags)}"
    mark = inner.mark if inner is not None else place.node.mark
    problem = Problem(position(mark), f"unknown-{key}", f"unknown {key} `{short(tag)}`", fix)
    return Found(problem, (*keys, key), instead=near) if near else Found(problem, keys)


def _refused(error: Any, message: str, place: Place) -> Found:
    """A validator's own words; where they name something that is written here, that is the place."""
    text = str(error) if error is not None else message
    keys = tuple(place.keys)
    mark = place.key_mark if isinstance(place.node, MapNode | ListNode) else place.node.mark
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    code = getattr(error, "code", None) or "wrong-value"
    fix = getattr(error, "fix", "") or ""
    if not fix and "; " in text:
        text, _, fix = text.partition("; ")
    told = Place(place.node, getattr(error, "keys", ()), mark)
    if line and column and isinstance(told.node, Scalar):
        keys, mark = (*keys, *told.keys), told.node.place(line - 1, column - 1)
    elif culprit := _culprit(text, place.node):
        below, mark = culprit
        keys = (*keys, *below)
    if "not available yet" in text:
        code = "not-available-yet"
    elif "is not an SQL expression" in text:
        code = "sql-syntax"
    elif not fix and (unknown := re.search(r"is not a type: '(\w+)' is unknown", text)):
        fix = suggestion(unknown.group(1), _TYPES)
    return Found(Problem(position(mark), code, text, fix), keys)


def _names(message: str) -> list[str]:
    """What a message puts in quotes or backticks."""
    return [a or b for a, b in re.findall(r"`([^`]+)`|'([^']+)'", message)]


def _culprit(message: str, node: Node) -> tuple[Loc, Mark] | None:
    """The last place under the node, at most two levels down, of the first name in the message that is there."""
    for name in _names(message):
        key = name.split(":")[0].split(".")[-1]
        if isinstance(node, MapNode) and key in node.items:
            return (key,), node.keys[key]
        found = [*_called(name, key, node)]
        if found:
            return found[-1]
    return None


def _called(name: str, key: str, node: Node) -> Iterator[tuple[Loc, Mark]]:
    for part, inner in _parts(node):
        if isinstance(inner, Scalar) and inner.text == name:
            yield (part,), inner.mark
        for below, item in _parts(inner):
            if below == key and isinstance(inner, MapNode):
                yield (part, key), inner.keys[key]
            elif isinstance(item, Scalar) and item.text == name:
                yield (part, below), item.mark


def _parts(node: Node) -> Iterator[tuple[str | int, Node]]:
    if isinstance(node, MapNode):
        yield from node.items.items()
    elif isinstance(node, ListNode):
        yield from zip(node.numbers, node.items, strict=True)
