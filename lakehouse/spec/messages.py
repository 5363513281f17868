"""What is wrong with one value, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lakehouse.errors import Problem
from lakehouse.spec.nodes import ListNode, MapNode, Mark, Node, Scalar, position, short


def any_of(words: Sequence[str]) -> str:
    """The words as `a, b or c`."""
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else "".join(words)


def wrong_type(wanted: str, node: Node, mark: Mark) -> Problem:
    """A value of another kind than the language wants here."""
    where = node.mark if isinstance(node, Scalar) else mark
    if isinstance(node, Scalar) and node.value is None:
        return Problem(position(where), "wrong-type", f"{wanted} is expected, not null", "leave it out")
    if wanted.startswith("a text") and isinstance(node, Scalar) and not isinstance(node.value, str):
        message = f"a text is expected, but YAML reads {short(node.text)} as a {_kind(node)}"
        return Problem(position(where), "implicit-type", message, f'put it in quotes: "{short(node.text)}"')
    fix = ""
    if wanted == "true or false" and isinstance(node, Scalar):
        near = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
        fix = f"write {near.get(node.text.casefold(), node.text.casefold())}" if isinstance(node.value, str) else ""
    elif wanted.startswith("a text") and isinstance(node, MapNode) and any("{" not in k for k in node.items):
        fix = "put a text that begins with a brace or contains `: ` in quotes"
    elif isinstance(node, Scalar) and isinstance(node.value, str) and "number" in wanted:
        fix = "take the quotes away" if node.inset == 1 else ""
    return Problem(position(where), "wrong-type", f"{wanted} is expected, not {describe(node)}", fix)


def _kind(node: Scalar) -> str:
    return "boolean" if isinstance(node.value, bool) else "number"


def describe(node: Node) -> str:
    """The value in a few words: `the text 'on'`, `a list`."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a map"
    if node.value is None:
        return "null"
    if isinstance(node.value, str):
        return f"the text {short(node.text)!r}"
    return f"a {_kind(node)}" if isinstance(node.value, bool) else f"the number {short(node.text)}"


def limit(kind: str, context: dict[str, Any], message: str) -> str:
    """A number, text or list beyond its bounds; `kind` and `context` are validation's own."""
    context = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    limits = {
        "greater_than": "more than {gt}", "greater_than_equal": "at least {ge}", "less_than": "less than {lt}",
        "less_than_equal": "at most {le}", "string_too_short": "a text that is not empty",
    }  # fmt: skip
    if kind in limits:
        return f"{limits[kind].format(**context)} is expected"
    if kind == "too_short":
        return "at least one is expected" if context.get("min_length") == 1 else f"at least {context.get('min_length')}"
    if kind == "too_long":
        return f"at most {context.get('max_length')} are allowed, not {context.get('actual_length')}"
    if kind == "string_pattern_mismatch":
        return f"the text does not have the form {context.get('pattern')}"
    return message[:1].lower() + message[1:]
