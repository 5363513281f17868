"""`${name}` replaced in values and keys, after YAML was parsed, so that every line number stays right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from lakehouse import redaction
from lakehouse.errors import Problem, suggestion
from lakehouse.spec.nodes import (
    DEEPEST,
    LARGEST_EXPANSION,
    ListNode,
    MapNode,
    Mark,
    Node,
    Scalar,
    position,
    short,
)
from lakehouse.spec.secrets import SECTIONS, is_secret, password_in

RESERVED = ("env", "secret", "run", "tasks")
"""First words of references that are not variables."""

BUILT: frozenset[str] = frozenset({"secret", "run"})
"""Kinds of late references that the engine resolves by now, of `secret`, `run`, `tasks`; the others are refused."""

LARGEST_TEXT = 5_000_000
"""Characters that variables may add to a file."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = r"[\w-][\w.-]*"
LATE = rf"secret:{_NAME}(?:/{_NAME})+|env:[^{{}}]+|run\.(?:id|date)|tasks\.\w+\.result\.\w+"
"""What stands between the braces of a reference that is known at run time only.

An environment variable is one of them where it holds a secret: its own name says so, or that of its setting.
"""
_LATE = re.compile(rf"(?:{LATE})\Z")
_LATE_IN_TEXT = re.compile(rf"\$(\$?)\{{({LATE})\}}")


class _Refused(Exception):
    """A reference that cannot be replaced; carries what to report."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        self.code, self.message, self.fix = code, message, fix


class Growth:
    """How much the variables of a file have added to it, over all its tables."""

    def __init__(self) -> None:
        self.values = self.characters = 0
        self.told = False

    def add(self, values: int, characters: int) -> None:
        """Count what is put in; raises when it is too much to be meant."""
        self.values += values
        self.characters += characters
        if self.values > LARGEST_EXPANSION:
            raise _Refused("alias-bomb", f"variables add more than {LARGEST_EXPANSION:,} values to this file")
        if self.characters > LARGEST_TEXT:
            raise _Refused("alias-bomb", f"variables add more than {LARGEST_TEXT:,} characters to this file")


class Variables:
    """Names with their values, and the problems met while replacing them.

    `late` are further words that stay as they are, as `layer` in a catalog's schema; `fields` are maps for `${x.y}`
    where `${x}` itself is something else, as in a `for_each` over a map; without `complete` no name is unknown.
    """

    def __init__(
        self,
        values: Mapping[str, Node],
        environ: Mapping[str, str],
        problems: list[Problem],
        late: frozenset[str] = frozenset(),
        fields: Mapping[str, Node] | None = None,
        complete: bool = True,
    ) -> None:
        self.values = dict(values)
        self.fields = dict(fields or {})
        self.environ = environ
        self.problems = problems
        self.late = late
        self.complete = complete
        self.used: set[str] = set()
        self._done: dict[str, Node] = {}
        self._open: list[str] = []
        self.growth = Growth()

    def with_values(self, values: Mapping[str, Node], fields: Mapping[str, Node]) -> Variables:
        """These variables with others over them, telling problems to the same list."""
        both = {**self.values, **values}, self.environ, self.problems, self.late, {**self.fields, **fields}
        inner = Variables(*both, complete=self.complete)
        inner.used, inner.growth = self.used, self.growth
        return inner

    def resolved(self, name: str) -> Node:
        """The value of a declared variable, references inside it replaced."""
        if name not in self._done:
            if name in self._open:
                way = " -> ".join([*self._open[self._open.index(name) :], name])
                raise _Refused("variable-cycle", f"the variable refers to itself: {way}")
            self._open.append(name)
            try:
                self._done[name] = self.replaced(self.values[name], inside=True, secret=is_secret(name))
            finally:
                self._open.pop()
        return self._done[name]

    def replaced(self, node: Node, inside: bool = False, secret: bool = False) -> Node:
        """The node with every reference replaced; what cannot be replaced is reported and marked broken.

        Of a `secret` the environment variables stay references; `inside` settings their names tell whether they are.
        """
        if not node.live:
            return node
        if isinstance(node, Scalar):
            found = self._scalar(node)
            return _kept(found) if secret or (isinstance(found, Scalar) and password_in(found.text)) else found
        if isinstance(node, ListNode):
            return self._bounded(ListNode([self.replaced(item, inside, secret) for item in node.items], node.mark))
        items: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        lost = node.lost
        for key, item in node.items.items():
            name = self.key(key, node.keys[key])
            if name in items:
                message = f"the key {short(name)!r} is written twice once variables are put in"
                self._report(node.keys[key], "duplicate-key", message)
            if name is None or name in items:
                lost = True
                continue
            items[name] = self.replaced(item, inside or key in SECTIONS, secret or (inside and is_secret(name)))
            keys[name] = node.keys[key]
        return self._bounded(MapNode(items, keys, node.mark, lost))

    def key(self, key: str, mark: Mark) -> str | None:
        """A key with its references replaced; None when that was not possible, which is reported."""
        if "${" not in key:
            return key
        found = self._scalar(Scalar(key, key, mark))
        if found.broken:
            return None
        if isinstance(found, Scalar) and not isinstance(found.value, bool) and found.value is not None:
            if not _LATE_IN_TEXT.search(found.text):
                return found.text
            self._report(mark, "late-reference", f"{short(key)!r} is known only at run time and cannot be in a key")
        else:
            self._report(mark, "variable-type", f"the value of {short(key)!r} is not a text and cannot be a key")
        return None

    def _scalar(self, node: Scalar) -> Node:
        whole = _REFERENCE.fullmatch(node.text)
        try:
            if whole is not None and whole.group(1) is not None:
                return self._whole(node, whole.group(1))
            parts = [self._text(node, match) for match in _REFERENCE.finditer(node.text)]
            if None in parts:
                return Scalar(node.text, node.text, node.mark, broken=True)
            self.growth.add(0, sum(len(part[0]) for part in parts if part))
        except _Refused as refused:
            self._report(node.mark, refused.code, refused.message, refused.fix)
            return Scalar(node.text, node.text, node.mark, broken=True)
        text, reference = (_filled(node.text, [part[which] for part in parts if part]) for which in (0, 1))
        if text == node.text:
            return node
        return Scalar(text, text, node.mark, reference="" if reference == text else reference)

    def _whole(self, node: Scalar, name: str) -> Node:
        value = self._value(name)
        if value is None:
            return node
        self.growth.add(value.size, 0)
        if isinstance(value, Scalar):
            return Scalar(value.value, value.text, node.mark, broken=value.broken, reference=value.reference)
        if isinstance(value, ListNode):
            return ListNode(value.items, node.mark)
        return MapNode(value.items, value.keys, node.mark, value.lost)

    def _text(self, node: Scalar, match: re.Match[str]) -> tuple[str, str] | None:
        """What takes the place of one reference in a longer text, and the same with environment variables still in it.

        None when nothing can, which is reported.
        """
        name = match.group(1)
        if match.group() == "$${":
            # what would then read as a late reference keeps its sign until those are replaced
            sign = "$${" if _LATE_IN_TEXT.match(node.text, match.start()) else "${"
            return sign, sign
        try:
            if name is None:
                raise _Refused("variable-syntax", "`${` is opened and not closed", "write `$${` for a plain `${`")
            value = self._value(name)
            if value is None:
                return match.group(), match.group()
            if not isinstance(value, Scalar) or value.value is None:
                what = "nothing" if isinstance(value, Scalar) else "a list" if isinstance(value, ListNode) else "a map"
                fix = "let it stand alone, or take one of its values"
                raise _Refused("variable-type", f"${{{name}}} is {what} and cannot stand inside a longer text", fix)
        except _Refused as refused:
            self._report(node.place_of(match.start()), refused.code, refused.message, refused.fix)
            return None
        return None if value.broken else (value.text, value.reference or value.text)

    def _value(self, name: str) -> Node | None:
        """What a reference stands for; None for one that is known at run time only."""
        kind, colon, rest = name.partition(":")
        if colon and kind == "env":
            if rest in self.environ:
                return None if is_secret(rest) else _environment(name, self.environ[rest])
            near = suggestion(rest, self.environ)
            fix = near or "set it, or write the value in configs"
            raise _Refused("missing-environment-variable", f"the environment variable {short(rest)!r} is not set", fix)
        if name in self.late:
            return None
        if _LATE.match(name):
            if re.split(r"[.:]", name)[0] not in BUILT:
                raise _Refused("not-available-yet", f"`${{{short(name)}}}` is not available yet")
            return None
        first, *path = name.split(".")
        if (colon and kind in RESERVED) or (path and first in RESERVED):
            _late_form(name)
        if first not in self.values:
            if not self.complete:
                raise _Refused("", "")
            near = suggestion(first, [*self.values, *(w for w in ("run.date", "run.id") if path or "." in w)])
            fix = near or "declare it under `variables`, in configs, or by --var"
            raise _Refused("unknown-variable", f"the variable {short(first)!r} has no value", fix)
        self.used.add(first)
        node = self.fields[first] if path and first in self.fields else self.resolved(first)
        for index, part in enumerate(path):
            if not isinstance(node, MapNode) or part not in node.items:
                parent = ".".join([first, *path[:index]])
                near = suggestion(part, node.items) if isinstance(node, MapNode) else f"{parent!r} is not a map"
                raise _Refused("unknown-variable", f"{short(parent)!r} has no value called {short(part)!r}", near)
            node = node.items[part]
        return node

    def _bounded(self, node: Node) -> Node:
        if node.depth > DEEPEST:
            self._report(node.mark, "nesting-too-deep", f"values are nested more than {DEEPEST} levels deep")
            return Scalar(None, "", node.mark, broken=True)
        return node

    def _report(self, mark: Mark, code: str, message: str, fix: str = "") -> None:
        if not code or (code == "alias-bomb" and self.growth.told):
            return
        self.growth.told = self.growth.told or code == "alias-bomb"
        self.problems.append(Problem(position(mark), code, message, fix))


def _late_form(name: str) -> NoReturn:
    forms = {
        "run": "known at run time are `${run.id}` and `${run.date}`",
        "tasks": "write `${tasks.<name>.result.<key>}`",
        "secret": "write `${secret:scope/key}`, of letters, digits, `_`, `-` and `.`",
        "env": "write `${env:NAME}`",
    }
    raise _Refused("unknown-variable", f"`${{{short(name)}}}` is not known", forms[re.split(r"[.:]", name)[0]])


def _environment(name: str, value: str) -> Scalar:
    """An environment variable's value, in which nothing is a reference."""
    redaction.came_from(value, f"${{{name}}}")
    text = _LATE_IN_TEXT.sub(lambda match: f"${match.group()}", value)
    return Scalar(text, text, ("", 1, 1), reference=f"${{{name}}}")


def _filled(text: str, parts: list[str]) -> str:
    rest = iter(parts)
    return _REFERENCE.sub(lambda _: next(rest), text)


def _kept(node: Node) -> Node:
    """The node with references in place of what came from the environment."""
    if isinstance(node, Scalar):
        return Scalar(node.reference, node.reference, node.mark, broken=node.broken) if node.reference else node
    if isinstance(node, ListNode):
        return ListNode([_kept(item) for item in node.items], node.mark)
    return node.holding({key: _kept(item) for key, item in node.items.items()})


def late_references(text: str, *, escaped: bool = False) -> tuple[str, ...]:
    """References in a text that are known at run time only, without their braces: `run.date`, `secret:scope/key`.

    With `escaped` those too that are written `$${…}`, each with a `$` before it.
    """
    found = (match.group(1) + match.group(2) for match in _LATE_IN_TEXT.finditer(text))
    return tuple(reference for reference in found if escaped or not reference.startswith("$"))


def resolve_late(text: str, value_of: Callable[[str], str]) -> str:
    """The text with each late reference replaced by `value_of("run.date")` and the like, `$${…}` by `${…}`."""
    return _LATE_IN_TEXT.sub(lambda m: "${" + m.group(2) + "}" if m.group(1) else value_of(m.group(2)), text)
