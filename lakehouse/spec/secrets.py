"""Passwords and keys that stand in a file as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lakehouse.errors import Problem
from lakehouse.spec.nodes import ListNode, MapNode, Node, Scalar, position, short
from lakehouse.spec.variables import BUILT

_SECRET = re.compile(
    r"(?:password|passwd|pwd|passphrase|secret|token|credentials?)$|account[._-]?key|"
    r"(?:secret|access|api|private)[._-]?key$",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]+:(?!\$\{)[^/\s@]+@")
_SECTIONS = frozenset({"options", "storage", "conf", "variables", "notifications", "parameters"})
"""Keys under which settings stand; elsewhere `password` may be the name of a column."""


def plain_secrets(node: Node, inside: bool = False) -> Iterator[Problem]:
    """Every setting that is named like a secret and holds plain text."""
    if isinstance(node, MapNode):
        for key, item in node.items.items():
            if inside and isinstance(item, Scalar) and _is_plain(item) and _SECRET.search(key):
                name = re.sub(r"\W+", "_", key).upper()
                fix = f"write `${{env:{name}}}` and set that variable outside of the project"
                if "secret" in BUILT:
                    fix = f"write `${{secret:scope/{short(key)}}}` or `${{env:{name}}}`"
                message = f"`{short(key)}` looks like a secret and stands here in plain text"
                yield Problem(position(item.mark), "plain-secret", message, fix)
            elif isinstance(item, Scalar) and isinstance(item.value, str) and _IN_URL.search(item.text):
                message = f"the address under `{short(key)}` holds a password in plain text"
                yield Problem(position(item.mark), "plain-secret", message, "write `${env:NAME}` in its place")
            else:
                yield from plain_secrets(item, inside or key in _SECTIONS)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from plain_secrets(item, inside)


def _is_plain(item: Scalar) -> bool:
    return isinstance(item.value, str | int) and not isinstance(item.value, bool) and item.text != "" and not item.live
