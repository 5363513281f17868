"""Which settings hold a secret, and those that stand in a file as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lakehouse.errors import Problem
from lakehouse.spec.nodes import ListNode, MapNode, Node, Scalar, position, short

_NAME = (
    r"(?:password|passwd|pwd|passphrase|secret|token|credentials?)$|account[._-]?key|"
    r"(?:secret|access|api|private)[._-]?key$"
)
_SECRET = re.compile(_NAME, re.IGNORECASE)
_PART = r"(?:\$\{[^{}]*\}|[^/\s@:$]|\$(?!\{))"
_IN_ADDRESS = re.compile(
    # ://user:password@, and password=… among the parameters of an address
    rf"[A-Za-z][A-Za-z0-9+.-]*://{_PART}*:(?P<password>(?:{_PART}|:)+)@|"
    r"://.*[?&;](?:[\w.-]*(?:password|passwd|pwd|secret|token|api_?key|account_?key)|sig)=(?P<parameter>[^&;\s]+)",
    re.IGNORECASE,
)
_LONGEST_ADDRESS = 4000
"""Characters; a longer text is no address."""
_FOLDERS = frozenset({"PWD", "OLDPWD"})
"""The working folder and the one before it, as every shell calls them."""
SECTIONS = frozenset({"options", "storage", "conf", "variables", "notifications", "parameters", "for_each"})
"""Keys under which settings stand; elsewhere `password` may be the name of a column."""


def is_secret(name: str) -> bool:
    """Whether a setting or an environment variable of that name holds a secret: `db_password`, `API_TOKEN`."""
    return _SECRET.search(name) is not None and name not in _FOLDERS


def password_in(text: str) -> str:
    """What stands for the password in an address, empty where there is none."""
    found = _IN_ADDRESS.search(text) if "://" in text and len(text) <= _LONGEST_ADDRESS else None
    return (found["password"] or found["parameter"]) if found else ""


def plain_secrets(node: Node, inside: bool = False) -> Iterator[Problem]:
    """Every setting that is named like a secret and holds plain text."""
    if isinstance(node, MapNode):
        for key, item in node.items.items():
            if inside and isinstance(item, Scalar) and _is_plain(item) and is_secret(key):
                name = re.sub(r"\W+", "_", key).upper()
                fix = f"write `${{secret:scope/{short(key)}}}`, or `${{env:{name}}}` and set that variable"
                message = f"`{short(key)}` looks like a secret and stands here in plain text"
                yield Problem(position(item.mark), "plain-secret", message, fix)
            elif isinstance(item, Scalar) and isinstance(item.value, str) and _is_plain_password(item.text):
                message = f"the address under `{short(key)}` holds a password in plain text"
                yield Problem(position(item.mark), "plain-secret", message, "write `${env:NAME}` in its place")
            else:
                yield from plain_secrets(item, inside or key in SECTIONS)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from plain_secrets(item, inside)


def _is_plain(item: Scalar) -> bool:
    return isinstance(item.value, str | int) and not isinstance(item.value, bool) and item.text != "" and not item.live


def _is_plain_password(text: str) -> bool:
    password = password_in(text)
    return password != "" and "${" not in password
