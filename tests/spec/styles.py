"""The same tree written in every style of YAML: what a hand may do that changes nothing."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from hypothesis import strategies as st

from lakehouse.spec.scalars import needs_quotes

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./]*( [A-Za-z0-9_./]+)*\Z")
_BLOCK = re.compile(r"[!-~]([ -~]*[!-~])?(\n[!-~]([ -~]*[!-~])?)*\n\Z")


@st.composite
def styled(draw: st.DrawFn, tree: dict[str, Any]) -> str:
    """The tree as a file: indented by so much, in blocks or braces, with these quotes and those comments."""
    return _block(draw, tree, "", draw(st.integers(1, 5)))


def _comment(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "", "", " # note: [x", "   #"]))


def _block(draw: st.DrawFn, value: dict[str, Any] | list[Any], indent: str, width: int) -> str:
    lines = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        before = draw(st.sampled_from(["", "", "", "\n", f"{indent}# note\n"]))
        head = f"{indent}{_scalar(draw, key)}:" if isinstance(value, dict) else f"{indent}-"
        inner = indent + " " * width
        if isinstance(item, dict | list) and item and draw(st.booleans()):
            lines.append(f"{before}{head}{_comment(draw)}\n{_block(draw, item, inner, width)}")
        elif isinstance(item, str) and _BLOCK.match(item) and draw(st.booleans()):
            text = "".join(f"{inner}{line}\n" for line in item.splitlines())
            lines.append(f"{before}{head} |{_comment(draw)}\n{text}")
        else:
            lines.append(f"{before}{head}{' ' * draw(st.integers(1, 3))}{_flow(draw, item)}{_comment(draw)}\n")
    return "".join(lines)


def _flow(draw: st.DrawFn, value: Any) -> str:
    gap = draw(st.sampled_from(["", " "]))
    if isinstance(value, dict):
        inside = f",{gap or ' '}".join(f"{_scalar(draw, key)}: {_flow(draw, item)}" for key, item in value.items())
        return f"{{{gap}{inside}{gap}}}"
    if isinstance(value, list):
        return f"[{gap}{f',{gap}'.join(_flow(draw, item) for item in value)}{gap}]"
    return _scalar(draw, value)


def _scalar(draw: st.DrawFn, value: Any) -> str:
    if value is None:
        return draw(st.sampled_from(["null", "~", "Null", "NULL"]))
    if isinstance(value, bool):
        return draw(st.sampled_from(["true", "True", "TRUE"] if value else ["false", "False", "FALSE"]))
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if not isinstance(value, str):
        return json.dumps(value)
    ways = [_double(value)]
    if value.isprintable() and value.isascii():
        ways.append("'" + value.replace("'", "''") + "'")
    if _PLAIN.match(value) and not needs_quotes(value):
        ways.append(value)
    return draw(st.sampled_from(ways))


def in_braces(value: Any) -> str:
    """The tree in one line, every text in double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_double(key)}: {in_braces(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_braces, value))}]"
    return _double(value) if isinstance(value, str) else json.dumps(value)


def _double(text: str) -> str:
    """In double quotes, every sign that is not plain by its number."""
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'
