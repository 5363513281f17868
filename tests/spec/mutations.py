"""Files with mistakes in them: what hands do to a text, and what programs do to a tree."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path_ = tuple[str | int, ...]

WORDS = [
    "null", "~", "true", "false", "yes", "NO", "on", "1", "-1", "0", "010", "0x1F", "1.5", "1.10", "1e400", ".nan", ".inf",
    "9" * 45, "12:30:45", "2013-01-01", "1 hour", "0 seconds", "99999999999 years", "10g", "9" * 30 + "t", "''", '""', "[]",
    "{}", "[a]", "[[]]", "{a: b}", "{a: [1, {b: ~}]}", "a b", "a: b", "a, b", "- a", "# a", "a # b", "a#b", "|", ">", ">-",
    "@", "`a`", "%a", "!!str a", "!x", "&a b", "*a", "*b", "<<", "<<: *a", "? a", "---", "...", "\t", "\\", "'", '"', "\u2028",
    "\x85", "\ufeff", "é", "\U0001d518", "${x}", "${landing}", "${", "${}", "$${a}", "${a.b.c}", "${env:HOME}", "${env:}", "${secret:a/b}",
    "${run.date}", "${tasks.a.result.b}", ":x", "bronze.flights", "silver.flights", "flights", "gold.x.y", "csv", "jsn", "int",
    "decimal(50,2)", "struct<a:int", "array<" * 60 + "int", "count(*)", "sum(x", "a > 1", "a >", "SELECT 1", "SELECT * FROM",
    "rand()", "(" * 300, "a AND " * 400 + "a", "- " * 300 + "a", "x" * 3000, "x y " * 500, "package.module:function",
]  # fmt: skip
"""What may stand where something else did."""

KEYS = [
    "zzz_unknown", "source", "from", "sql", "merge", "append", "schema", "cleanse", "expectations", "maintenance", "for_each",
    "format", "path", "options", "keys", "bronze", "silver", "gold", "tasks", "defaults", "variables", "run", "pipeline", "type",
    "columns", "column", "value_set", "trim", "tags", "enabled", "expect", "on_violation", "aggregate", "by", "measures", "__a",
    "A", "a b", "", "1", "null", "${x}", "é", "x" * 300, "_batch",
]  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    """A piece of text: something that means something in YAML, SQL or here, or anything."""
    return st.sampled_from(WORDS) | st.text(max_size=12)


@st.composite
def mutated(draw: st.DrawFn, originals: list[str]) -> str:
    """One of the texts after a few slips of the hand."""
    lines = draw(st.sampled_from(originals)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        _slip(draw, lines)
        lines[:] = lines or [""]
    return draw(st.sampled_from(["\n", "\n", "\n", "\r\n"])).join(lines)


def _slip(draw: st.DrawFn, lines: list[str]) -> None:  # noqa: C901 - a table of cases
    at = draw(st.integers(0, len(lines) - 1))
    end = min(len(lines), at + draw(st.integers(1, 6)))
    other = draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    key, colon, value = line.partition(":")
    cut = draw(st.integers(0, len(line)))
    match draw(st.integers(0, 16)):
        case 0:
            del lines[at:end]
        case 1:
            lines[at], lines[other] = lines[other], lines[at]
        case 2:
            lines[other:other] = lines[at:end]
        case 3:
            lines[at] = " " * draw(st.integers(0, 12)) + line.lstrip()
        case 4:
            shift = draw(st.sampled_from(["  ", " ", "\t", "    "]))
            lines[at:end] = [shift + inner for inner in lines[at:end]]
        case 5:
            lines[at] = f"{key}{colon or ':'} {draw(texts())}"
        case 6:
            lines[at] = line[:cut] + draw(texts()) + line[cut:]
        case 7:
            lines[at] = line[:cut] + line[cut + draw(st.integers(1, 8)) :]
        case 8:  # two keys change their values
            there, sign, rest = lines[other].partition(":")
            if colon and sign:
                lines[at], lines[other] = f"{key}:{rest}", f"{there}:{value}"
        case 9:  # two keys change their names
            there, sign, rest = lines[other].partition(":")
            if colon and sign:
                lines[at], lines[other] = f"{there}:{value}", f"{key}:{rest}"
        case 10:
            lines[at] = key[: len(key) - len(key.lstrip())] + draw(st.sampled_from(KEYS)) + (colon or ":") + value
        case 11:
            lines[at] = key.rstrip() + draw(st.sampled_from(["s", "x", "_"])) + colon + value
        case 12:
            lines[at] = f"{key}{colon or ':'} &a{value}"
            lines[other] = lines[other].partition(":")[0] + ": *a"
        case 13:
            depth = draw(st.integers(1, 120))
            lines[at] = f"{key}: " + "[" * depth + value.strip() + "]" * depth
        case 14:
            lines[at] = f"{key}: " + "{a: " * draw(st.integers(1, 120)) + value.strip()
        case 15:
            lines[at] = line.replace('"', "'") if '"' in line else f'{key}{colon} "{value.strip()}"'
        case 16:
            inner = draw(st.sampled_from(lines)).strip()
            lines[at] = f"{line[: len(line) - len(line.lstrip())]}- {inner}"


@st.composite
def noisy(draw: st.DrawFn, originals: list[str]) -> bytes:
    """One of the texts with bytes put in, taken out and changed."""
    data = bytearray(draw(st.sampled_from(originals)).encode())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
"""Any value that YAML can write."""


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every place in a tree of maps and lists, the root first."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def at(value: Any, path: Path_) -> Any:
    """What stands at a place."""
    for part in path:
        value = value[part]
    return value


def put(value: Any, path: Path_, new: Any) -> Any:
    """The tree with something else at a place."""
    if not path:
        return new
    whole = copy.copy(value)
    whole[path[0]] = put(value[path[0]], path[1:], new)
    return whole


@st.composite
def grafted(draw: st.DrawFn, trees: list[Any]) -> Any:
    """One of the trees after a few changes: values of other kinds, branches that go, come twice or change places."""
    tree = copy.deepcopy(draw(st.sampled_from(trees)))
    for _ in range(draw(st.integers(1, 3))):
        if not isinstance(tree, dict | list) or not tree:
            break
        path = draw(st.sampled_from([p for p in places(tree) if p]))
        above = at(tree, path[:-1])
        match draw(st.integers(0, 5)):
            case 0:
                tree = put(tree, path, draw(VALUES))
            case 1:
                del above[path[-1]]
            case 2:  # the same branch at another place
                tree = put(tree, path, copy.deepcopy(at(tree, draw(st.sampled_from(list(places(tree)))))))
            case 3:
                tree = put(tree, path, draw(st.sampled_from([[at(tree, path)], {"a": at(tree, path)}, [], {}])))
            case 4 if isinstance(above, dict):
                name = draw(st.sampled_from(KEYS))
                changed = {name if key == path[-1] else key: item for key, item in above.items()}
                tree = put(tree, path[:-1], changed)
            case _ if isinstance(above, dict):
                above[draw(st.sampled_from(KEYS))] = draw(VALUES)
    return tree
