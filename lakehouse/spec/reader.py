"""Parser events -> nodes: one pass, a stack of open collections, every mistake of YAML found on the way."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml

from lakehouse.errors import Problem
from lakehouse.spec.nodes import DEEPEST, LARGEST_EXPANSION, ListNode, MapNode, Mark, Node, Scalar, position, short
from lakehouse.spec.scalars import resolve

_VARIABLE_IN_BRACES = re.compile(r"[{,\[].*?[:,\[{]\s*[^\s\"'{}]*\$\{")
MOST_PROBLEMS = 100
"""Mistakes of YAML after which the rest of a file is not looked at: it is no pipeline."""


class Stop(Exception):
    """The rest of the file cannot be read; the problem is reported already."""


class _Open:
    """A list or map whose end has not come yet; `key` is None where the next node is a key."""

    __slots__ = ("anchor", "is_map", "items", "key", "keys", "lost", "mark", "skip", "values")

    def __init__(self, is_map: bool, mark: Mark, anchor: str | None) -> None:
        self.is_map = is_map
        self.mark = mark
        self.anchor = anchor
        self.items: dict[str, Node] = {}
        self.keys: dict[str, Mark] = {}
        self.values: list[Node] = []
        self.key: tuple[str, Mark] | None = None
        self.skip = self.lost = False


class Reader:
    """Reads one document from a parser's events."""

    def __init__(self, parser: Any, lines: list[str], file: str, problems: list[Problem]) -> None:
        self.parser = parser
        self.lines = lines
        self.file = file
        self.problems = problems
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.expanded = 0
        self.root: Node | None = None

    def document(self) -> Node | None:
        """The document's node; None for an empty file. Raises Stop when the file cannot be read on."""
        try:
            documents = 0
            while self.parser.check_event():
                event = self.parser.get_event()
                kind = type(event)
                if kind is yaml.ScalarEvent:
                    self.add(self.scalar(event), event.anchor)
                elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                    self.tag(event)
                    self.open(kind is yaml.MappingStartEvent, event)
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self.close()
                elif kind is yaml.AliasEvent:
                    self.alias(event)
                elif kind is yaml.DocumentStartEvent:
                    documents += 1
                    if documents > 1:
                        fix = "put the second document into a file of its own"
                        self.problem(self.mark(event), "several-documents", "a file holds one document", fix)
                        return self.partly()
        except yaml.YAMLError as error:
            self.syntax(error)
        return self.root

    def partly(self) -> Node | None:
        """The first document of several; what stands in the others is not known."""
        root = self.root
        return MapNode(root.items, root.keys, root.mark, lost=True) if isinstance(root, MapNode) else root

    def mark(self, event: Any) -> Mark:
        start = event.start_mark
        return self.file, start.line + 1, start.column + 1

    def problem(self, mark: Mark, code: str, message: str, fix: str = "") -> None:
        self.problems.append(Problem(position(mark), code, message, fix))
        if len(self.problems) > MOST_PROBLEMS:
            raise Stop

    def stop(self, mark: Mark, code: str, message: str, fix: str = "") -> NoReturn:
        self.problem(mark, code, message, fix)
        raise Stop

    def scalar(self, event: Any) -> Scalar:
        mark = self.mark(event)
        text = event.value
        start, end = event.start_mark, event.end_mark
        if event.style is None or event.style == "":
            inset = 0 if end.line == start.line and end.column - start.column == len(text) else -1
            if event.tag is None:
                return Scalar(resolve(text) if text else None, text, mark, inset)
        elif event.style == "|":
            node = Scalar(text, text, mark, self.indent(start.line + 1, text), block=True)
        elif event.style == ">":
            node = Scalar(text, text, mark)
        else:
            inset = 1 if end.line == start.line and end.column - start.column == len(text) + 2 else -1
            node = Scalar(text, text, mark, inset)
        if event.tag is not None:
            self.tag(event)
            return Scalar(text, text, mark, broken=True)
        return node

    def indent(self, first: int, text: str) -> int:
        """Columns that a block's lines are indented by, seen at its first line that is not blank."""
        for offset, line in enumerate(text.split("\n")):
            if line and first + offset < len(self.lines):
                return max(self.lines[first + offset].find(line), -1)
        return -1

    def tag(self, event: Any) -> None:
        if event.tag is not None:
            written = short(event.tag.replace("tag:yaml.org,2002:", "!!"))
            fix = "leave the tag out; quotes make a text"
            self.problem(self.mark(event), "yaml-tag", f"the tag `{written}` means nothing here", fix)

    def open(self, is_map: bool, event: Any) -> None:
        if len(self.stack) >= DEEPEST:
            self.stop(self.mark(event), "nesting-too-deep", f"values are nested more than {DEEPEST} levels deep")
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Open(is_map, self.mark(event), event.anchor))

    def close(self) -> None:
        top = self.stack.pop()
        if top.is_map:
            self.add(MapNode(top.items, top.keys, top.mark, top.lost), top.anchor)
        else:
            self.add(ListNode(top.values, top.mark), top.anchor)

    def alias(self, event: Any) -> None:
        mark = self.mark(event)
        node = self.anchors.get(event.anchor)
        if node is None:
            if any(top.anchor == event.anchor for top in self.stack):
                self.stop(mark, "alias-bomb", f"the alias *{short(event.anchor)} stands inside the value that it names")
            self.stop(mark, "unknown-alias", f"no value before this one is called &{short(event.anchor)}")
        self.expanded += node.size
        if self.expanded > LARGEST_EXPANSION:
            self.stop(mark, "alias-bomb", f"aliases add more than {LARGEST_EXPANSION:,} values to this file")
        if len(self.stack) + node.depth > DEEPEST:
            self.stop(mark, "nesting-too-deep", f"values are nested more than {DEEPEST} levels deep through this alias")
        self.add(node, None, mark)

    def add(self, node: Node, anchor: str | None, alias: Mark | None = None) -> None:
        """Put a finished node where it belongs; an alias stands at its own place."""
        if anchor is not None:
            self.anchors[anchor] = node
        if alias is not None and isinstance(node, Scalar):
            node = Scalar(node.value, node.text, alias, broken=node.broken)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if not top.is_map:
            if self.is_empty(node):
                self.problem(node.mark, "empty-value", "the list has an entry without a value", "write it, or `null`")
                node = Scalar(None, "", node.mark, broken=True)
            top.values.append(node)
        elif top.key is None and not top.skip:
            self.key(top, node, alias or node.mark)
        elif top.skip:
            top.skip = False
        else:
            self.entry(top, node)

    def key(self, top: _Open, node: Node, mark: Mark) -> None:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            if node.text == "<<" and node.inset == 0:
                fix = "use `defaults`, `for_each` or an alias for the whole value"
                self.problem(mark, "merge-key", "`<<` is not a key: YAML 1.2 has no merge keys", fix)
            elif node.text in top.items:
                first = top.keys[node.text]
                message = f"the key {short(node.text)!r} is written twice, first in line {first[1]}"
                self.problem(mark, "duplicate-key", message, "keep one of them")
            else:
                top.key = node.text, mark
                return
        elif isinstance(node, Scalar) and node.text:
            fix = f'put it in quotes: "{node.text}"'
            self.problem(mark, "key-not-text", f"the key {node.text} is not text", fix)
        else:
            fix = "put an expression with braces in quotes" if not isinstance(node, Scalar) else "write the key"
            self.problem(mark, "key-not-text", "a key is a text, not a list, a map or nothing", fix)
        top.skip = top.lost = True

    def entry(self, top: _Open, node: Node) -> None:
        assert top.key is not None
        name, mark = top.key
        if self.is_empty(node):
            fix = "write a value, indent what belongs to it, or leave the key out"
            if not name.replace("_", "").replace("-", "").isalnum():  # it looks like SQL
                fix = "put the expression in quotes"
            self.problem(mark, "empty-value", f"{short(name)!r} has no value", fix)
            node = Scalar(None, "", node.mark, broken=True)
        top.items[name] = node
        top.keys[name] = mark
        top.key = None

    @staticmethod
    def is_empty(node: Node) -> bool:
        return isinstance(node, Scalar) and node.text == "" and node.value is None

    def syntax(self, error: yaml.YAMLError) -> NoReturn:
        found = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        opened = getattr(error, "context_mark", None)
        if opened is not None and found is not None and not "".join(self.lines[found.line :]).strip():
            found = opened  # where it began says more than where the file ends
        line, column = (found.line, found.column) if found is not None else (0, 0)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        context = getattr(error, "context", None)
        message = f"{problem} {context}" if context else str(problem)
        if context and opened is not None and opened.line != line:
            message += f" that starts in line {opened.line + 1}"
        self.stop((self.file, line + 1, column + 1), "yaml-syntax", message, self.syntax_hint(problem, line, column))

    def syntax_hint(self, problem: str, line: int, column: int) -> str:
        text = self.lines[line] if line < len(self.lines) else ""
        sign = text[column : column + 1]
        if sign == "\t":
            return "indent with spaces, not with a tab"
        if sign in {"@", "`", "%"} and "cannot start" in problem:
            return f"put a text that begins with {sign} in quotes"
        if "mapping values are not allowed" in problem:
            return "put a text that contains `: ` in quotes, or check the indentation, also of the line before"
        if _VARIABLE_IN_BRACES.search(text):
            return "inside braces put a text with `${…}` in quotes"
        if "unexpected end of stream" in problem or "quoted scalar" in problem:
            return "a quote is opened here and not closed"
        return "check indentation, brackets and quotes here"
