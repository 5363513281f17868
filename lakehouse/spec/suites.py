"""Suites of Great Expectations, of 0.18 and of 1.x, taken into a table's `expectations` as they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lakehouse.errors import Problem, suggestion
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.spec.nodes import ListNode, MapNode, Mark, Node, Scalar, lines_of, node_of, position, read, short

KEY = "expectation_suites"
PARAMETER = "$PARAMETER"
_OLD_NAMES = {"expect_multicolumn_values_to_be_unique": "expect_select_column_values_to_be_unique_within_record"}
_OF_A_RUN = frozenset({"batch_id", "result_format", "catch_exceptions", "include_config", "meta", "id", "severity"})
"""Arguments that say how Great Expectations runs and tells, not what must hold."""
_DONE_ANYWAY = frozenset({"parse_strings_as_datetimes"})
"""Text is always read as the type of the column that it is compared with."""
_WHEN_FALSE = frozenset({"auto", "profiler_config", "allow_cross_type_comparisons"})
"""Arguments that mean nothing when they are false or empty; else they are refused by name."""


def with_suites(
    table: Node, root: Path, problems: list[Problem], sources: dict[str, list[str]], variables: Mapping[str, Any]
) -> Node:
    """The table with the rules of its suites among its own `expectations`, each where the suite's file has it.

    A rule is called by what it is and its column, as in `expect_column_values_to_not_be_null.tailnum`. What is not
    written as it must be is left as it is, to be told where all keys are judged. `sources` gets the files' lines. A
    suite parameter, `{"$PARAMETER": "x"}`, is the value of the variable x.
    """
    if not isinstance(table, MapNode) or not isinstance(table.items.get(KEY), ListNode):
        return table
    own = table.items.get("expectations", MapNode({}, {}, table.keys[KEY]))
    written = table.items[KEY]
    assert isinstance(written, ListNode)
    if not isinstance(own, MapNode) or not all(_file(entry) for entry in written.items):
        return table
    items, keys = dict(own.items), dict(own.keys)
    times: Counter[str] = Counter()
    for entry in written.items:
        for name, written_rule, mark in _rules(entry, root, problems, sources):
            rule = _with_parameters(written_rule, variables, problems)
            times[name] += 1
            called = name if times[name] == 1 else f"{name}.{times[name]}"
            if called in own.items:
                message = f"the suite has a rule {called!r} too"
                problems.append(Problem(position(own.keys[called]), "duplicate-entry", message, "rename this one"))
                continue
            items[called], keys[called] = rule, mark
    rest = {key: item for key, item in table.items.items() if key != KEY}
    place = {**table.keys, "expectations": own.mark}
    return MapNode({**rest, "expectations": MapNode(items, keys, own.mark)}, place, table.mark, table.lost)


def _with_parameters(node: Node, variables: Mapping[str, Any], problems: list[Problem]) -> Node:
    """The rule with values in place of suite parameters; what is computed of them is left, to be told as it is."""
    if isinstance(node, ListNode):
        return ListNode([_with_parameters(item, variables, problems) for item in node.items], node.mark)
    if not isinstance(node, MapNode):
        return node
    found = node.items.get(PARAMETER) if len(node.items) == 1 else None
    name = found.value if isinstance(found, Scalar) else None
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name):
        return node.holding({key: _with_parameters(item, variables, problems) for key, item in node.items.items()})
    if name in variables:
        return node_of(variables[name], node.mark)
    fix = suggestion(name, variables) or f"declare it, as in `variables: {{{name}: …}}`"
    message = f"there is no variable {short(name)!r}, which the suite has as a parameter"
    problems.append(Problem(position(node.mark), "unknown-variable", message, fix))
    return Scalar(None, "", node.mark, broken=True)


def _file(entry: Node) -> Scalar | None:
    """The entry's file, where the entry has nothing that is not right."""
    if not isinstance(entry, MapNode) or not entry.items.keys() <= {"file", "on_violation"}:
        return None
    action, found = entry.items.get("on_violation"), entry.items.get("file")
    right = action is None or (isinstance(action, Scalar) and action.value in ("warn", "drop", "quarantine", "fail"))
    return found if right and isinstance(found, Scalar) and isinstance(found.value, str) else None


def _rules(
    entry: Node, root: Path, problems: list[Problem], sources: dict[str, list[str]]
) -> Iterator[tuple[str, Node, Mark]]:
    """Name, rule and place of every expectation of a suite's file."""
    file = _file(entry)
    assert file is not None, "such entries are left to be judged"
    assert isinstance(entry, MapNode)
    path = root / str(file.value)
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"the suite {short(str(file.value))!r} cannot be read: {error.strerror or error}"
        problems.append(Problem(position(file.mark), "unreadable-file", message, "write its path from the project"))
        return
    node, found = read(data, str(path))
    sources[str(path)] = lines_of(data.decode("utf-8-sig", "replace"))
    problems += found
    listed = node.items.get("expectations") if isinstance(node, MapNode) else None
    if not isinstance(listed, ListNode):
        if not found:
            message = f"{short(str(file.value))!r} is no suite of Great Expectations: it has no list `expectations`"
            problems.append(Problem(position(file.mark), "wrong-value", message, "name the JSON file of a suite"))
        return
    action = entry.items.get("on_violation")
    wanted = str(action.value) if isinstance(action, Scalar) else "warn"
    for item in listed.items:
        if isinstance(item, MapNode):
            yield _rule(item, wanted)
        else:
            problems.append(Problem(position(item.mark), "wrong-type", "an expectation of a suite is a map"))


def _rule(item: MapNode, action: str) -> tuple[str, Node, Mark]:
    written = item.items.get("type") or item.items.get("expectation_type")
    word = written.text.casefold() if isinstance(written, Scalar) else "expectation"
    word = _OLD_NAMES.get(word, word)
    given = item.items.get("kwargs")
    arguments = given if isinstance(given, MapNode) else MapNode({}, {}, item.mark)
    kept = {key: _plain(value) for key, value in arguments.items.items() if not _idle(key, value)}
    kind = EXPECTATIONS.get(word)
    if kind is not None and not kind.routes and action in ("drop", "quarantine"):
        action = "fail"  # there is no row to set aside
    mark = written.mark if written is not None else item.mark
    rule: dict[str, Node] = {word: MapNode(kept, arguments.keys, arguments.mark), "on_violation": node_of(action, mark)}
    told = _notes(item)
    if told is not None:
        rule["description"] = _plain(told)
    about = arguments.items.get("column")
    name = f"{word}.{about.text}" if isinstance(about, Scalar) else word
    return name, MapNode(rule, dict.fromkeys(rule, mark), item.mark), mark


def _idle(key: str, value: Node) -> bool:
    """Whether the argument changes nothing here."""
    empty = isinstance(value, Scalar) and value.value in (None, False)
    nothing = isinstance(value, Scalar) and value.value is None
    return key in _OF_A_RUN | _DONE_ANYWAY or nothing or (key in _WHEN_FALSE and empty)


def _notes(item: MapNode) -> Scalar | None:
    """What the suite says about the expectation."""
    meta = item.items.get("meta")
    for found in (item.items.get("description"), item.items.get("notes"), meta):
        inner = found.items.get("notes") if isinstance(found, MapNode) else found
        if isinstance(inner, MapNode):
            inner = inner.items.get("content")
        if isinstance(inner, Scalar) and isinstance(inner.value, str) and inner.value:
            return inner
    return None


def _plain(node: Node) -> Node:
    """The node with `${` as it is: a suite knows no variables."""
    if not node.live:
        return node
    if isinstance(node, ListNode):
        return ListNode([_plain(item) for item in node.items], node.mark)
    if isinstance(node, MapNode):
        return node.holding({key: _plain(item) for key, item in node.items.items()})
    text = node.text.replace("${", "$${")
    return Scalar(text, text, node.mark)
