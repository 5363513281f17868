"""YAML text -> nodes that know their place in the file.

The events of libyaml's parser (PyYAML's own where libyaml is missing) are read one by one, so that depth, aliases,
tags and duplicate keys are judged before anything grows; nothing here recurses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from lakehouse.errors import Position, Problem
from lakehouse.redaction import unquoted
from lakehouse.spec.scalars import Value

LARGEST_FILE = 1_000_000
"""Bytes of a file; more is a mistake, not a pipeline."""
DEEPEST = 100
"""Levels of nesting, counted after aliases and variables are put in."""
LARGEST_EXPANSION = 100_000
"""Values that aliases and variables together may add to a file."""

Mark = tuple[str, int, int]
"""File, line and column, both from 1."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(slots=True, eq=False)
class Scalar:
    """A text, number, boolean or null, with the text as written."""

    value: Value
    text: str
    mark: Mark
    inset: int = -1
    """Columns from the mark (in a block: from the line's start) to the text; -1 where lines were folded or replaced."""
    block: bool = False
    """Written with `|`: the text starts in the line after the mark and keeps its lines."""
    broken: bool = False
    """A problem was reported here already, so that what follows from it is not reported again."""
    reference: str = ""
    """Where environment variables were put in: the text as it was, with their references."""

    size = 1
    depth = 0

    @property
    def live(self) -> bool:
        """Whether there is something to replace in it."""
        return "${" in self.text

    def place(self, line: int, column: int) -> Mark:
        """Where a character of the text stands in the file; line and column from 0, inside the text."""
        file, first, start = self.mark
        if self.inset >= 0 and self.block:
            return file, first + 1 + line, self.inset + column + 1
        return (file, first, start + self.inset + column) if self.inset >= 0 and line == 0 else self.mark

    def place_of(self, start: int) -> Mark:
        """Where the character with this index in the text stands in the file."""
        before = self.text[:start]
        return self.place(before.count("\n"), start - (before.rfind("\n") + 1))


class ListNode:
    """A list of nodes; `numbers` has the index of each as it is written, where some were taken out."""

    __slots__ = ("depth", "items", "live", "mark", "numbers", "size")
    broken = False

    def __init__(self, items: Sequence[Node], mark: Mark, numbers: Sequence[int] = ()) -> None:
        self.items = items
        self.mark = mark
        self.numbers = numbers or range(len(items))
        self.size, self.depth, self.live = _measure(items)


class MapNode:
    """A map from text to nodes; `keys` has the place of each key.

    `lost`: an entry was written that could not be kept, which is reported; what is missing may have stood there.
    """

    __slots__ = ("depth", "items", "keys", "live", "lost", "mark", "size")
    broken = False

    def __init__(self, items: Mapping[str, Node], keys: Mapping[str, Mark], mark: Mark, lost: bool = False) -> None:
        self.items = items
        self.keys = keys
        self.mark = mark
        self.lost = lost
        self.size, self.depth, self.live = _measure(items.values())
        self.live = self.live or any("${" in key for key in items)

    def holding(self, items: Mapping[str, Node]) -> MapNode:
        """The map with these entries in place of its own, each called where its key is written."""
        return MapNode(items, self.keys, self.mark, self.lost)


Node = Scalar | ListNode | MapNode


def _measure(children: Any) -> tuple[int, int, bool]:
    size, depth, live = 1, 0, False
    for child in children:
        size += child.size
        depth = max(depth, child.depth)
        live = live or child.live
    return size, depth + 1, live


def position(mark: Mark) -> Position:
    """The mark as a Position."""
    return Position(*mark)


def plain(node: Node) -> Any:
    """The node as dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(item) for key, item in node.items.items()}


def damaged(node: Node) -> bool:
    """Whether a problem was reported somewhere in it, so that what follows from the place is not reported again."""
    if isinstance(node, Scalar):
        return node.broken
    if isinstance(node, ListNode):
        return any(damaged(item) for item in node.items)
    return node.lost or any(damaged(item) for item in node.items.values())


def is_whole(node: Node | None) -> bool:
    """Whether it is a map of which every entry could be kept, or nothing is written."""
    return node is None or (isinstance(node, MapNode) and not node.lost)


def node_of(value: object, mark: Mark) -> Node:
    """Plain Python values as nodes that all stand at one place."""
    if isinstance(value, Mapping):
        items = {str(key): node_of(item, mark) for key, item in value.items()}
        return MapNode(items, dict.fromkeys(items, mark), mark)
    if isinstance(value, list | tuple | set | frozenset):
        return ListNode([node_of(item, mark) for item in value], mark)
    if value is None or isinstance(value, bool):
        return Scalar(value, "null" if value is None else str(value).lower(), mark)
    if isinstance(value, int | float):
        return Scalar(value, str(value), mark)
    return Scalar(str(value), str(value), mark)


def merged(under: Node | None, over: Node) -> Node:
    """Maps key by key, the upper one wins; lists and scalars replace; `null` takes the lower value away."""
    if not isinstance(under, MapNode) or not isinstance(over, MapNode):
        return over
    items, keys = dict(under.items), dict(under.keys)
    for key, item in over.items.items():
        if key in items and isinstance(item, Scalar) and item.value is None and not item.broken:
            del items[key], keys[key]
        else:
            items[key] = merged(items.get(key), item)
            keys[key] = over.keys[key]
    return MapNode(items, keys, over.mark, under.lost or over.lost)


def short(text: str, most: int = 60) -> str:
    """The text, cut where it is too long for a message; what it must not show goes before a cut could hide it."""
    text = unquoted(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def lines_of(text: str) -> list[str]:
    """The lines of a text, broken where the YAML parser breaks them."""
    return _BREAK.split(text)


def read(data: bytes | str, file: str) -> tuple[Node | None, list[Problem]]:
    """The one document of a file, and what is wrong with it as YAML; no node when it cannot be read at all."""
    from lakehouse.spec.reader import Reader, Stop  # it builds the nodes of this module

    problems: list[Problem] = []
    start = Position(file, 1, 1)
    if len(data) > LARGEST_FILE:
        message = f"the file has {len(data):,} bytes; {LARGEST_FILE:,} is the limit"
        return None, [Problem(start, "file-too-large", message, "split it, or move data out of it")]
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = lines_of(data[: error.start].decode("utf-8-sig", "replace")) if isinstance(data, bytes) else [""]
        where = Position(file, len(before), len(before[-1]) + 1)
        return None, [Problem(where, "not-utf-8", "the file is not UTF-8 text", "save it as UTF-8")]
    if bad := _UNPRINTABLE.search(text):
        before = lines_of(text[: bad.start()])
        where = Position(file, len(before), len(before[-1]) + 1)
        message = f"the character U+{ord(bad.group()):04X} may not stand in a YAML file"
        return None, [Problem(where, "yaml-syntax", message, 'take it out, or write it as an escape in "…"')]
    reader = Reader(_Loader(text), lines_of(text), file, problems)
    try:
        return reader.document(), problems
    except Stop:
        return None, problems
