"""One shape, many tables: `for_each` and `defaults` resolved, so that each table stands for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from lakehouse.errors import Problem, suggestion
from lakehouse.names import COMPANIONS, LAYERS, is_identifier
from lakehouse.spec.messages import wrong_type
from lakehouse.spec.nodes import ListNode, MapNode, Mark, Node, Scalar, merged, plain, position, short
from lakehouse.spec.variables import RESERVED, Variables

MOST_TABLES = 10_000
"""Tables that one `for_each` may make."""


@dataclass(frozen=True)
class Made:
    """One table as written, everything put in: its node, where it is called, the values of its `for_each`."""

    node: Node
    mark: Mark
    values: Mapping[str, Any] = field(default_factory=dict)


def tables_of(layer: str, node: Node, defaults: Node | None, variables: Variables) -> tuple[dict[str, Made], bool]:
    """Name -> table of one layer of a file, without variables, `for_each` and `defaults`; and whether these are all."""
    problems = variables.problems
    if not isinstance(node, MapNode):
        if not node.broken:
            problems.append(wrong_type("a map", node, node.mark))
        return {}, False
    complete = not node.lost
    found: dict[str, Made] = {}
    own: dict[str, Made] = {}
    order: dict[str, None] = {}
    for key, table in node.items.items():
        mark = node.keys[key]
        if isinstance(table, MapNode) and "for_each" in table.items:
            shape = table.holding({k: v for k, v in table.items.items() if k != "for_each"})
            rounds = list(_rounds(table.items["for_each"], table.keys["for_each"], variables))
            complete = complete and bool(rounds)
            for values, fields in rounds:
                inner = variables.with_values(values, fields)
                name = inner.key(key, mark)
                if name is None:
                    complete = False
                    continue
                if name in found:
                    message = f"`for_each` makes the table {short(name)!r} twice"
                    problems.append(Problem(position(mark), "duplicate-table", message, "use its name in the key"))
                    complete = False
                    continue
                order[name] = None
                found[name] = Made(inner.replaced(shape), mark, {k: plain(v) for k, v in values.items()})
        else:
            name = variables.key(key, mark)
            complete = complete and name is not None
            if name is not None and name in own:
                message = f"the table {short(name)!r} is written twice once variables are put in"
                problems.append(Problem(position(mark), "duplicate-table", message, "keep one of them"))
            elif name is not None:
                order[name] = None
                own[name] = Made(variables.replaced(table), mark)
    for name, made in own.items():
        under = found.get(name)
        found[name] = Made(_over(under.node, made.node), made.mark, under.values) if under else made
    return {n: Made(_over(defaults, found[n].node), found[n].mark, found[n].values) for n in order}, complete


def _over(under: Node | None, over: Node) -> Node:
    return merged(_spelled(under), _spelled(over)) if under is not None else _spelled(over)


def _spelled(node: Any) -> Any:
    """`on_schema_violation: null` says a word of the language there; everywhere else `null` takes a default away."""
    key = "on_schema_violation"
    if isinstance(node, MapNode) and isinstance(value := node.items.get(key), Scalar) and value.value is None:
        return node.holding({**node.items, key: Scalar("null", "null", value.mark, broken=value.broken)})
    return node


def _rounds(node: Node, mark: Mark, variables: Variables) -> Iterator[tuple[dict[str, Node], dict[str, Node]]]:
    """For each table to make: the variables' values, and maps for their dotted names."""
    node = variables.replaced(node)
    problems = variables.problems
    if node.broken:
        return
    if not isinstance(node, MapNode) or not node.items:
        fix = "write `for_each: {name: [a, b]}`"
        problems.append(Problem(position(mark), "wrong-type", "`for_each` is a map of a name to a list or a map", fix))
        return
    choices: list[list[tuple[str, Node, Node | None]]] = []
    size = 1
    for name, values in node.items.items():
        if not is_identifier(name) or name in RESERVED:
            message = f"{short(name)!r} cannot be the name of a variable"
            problems.append(Problem(position(node.keys[name]), "bad-name", message, "use letters, digits and `_`"))
            return
        found = _choices(name, values, node.keys[name], problems)
        if found is None:
            return
        choices.append(found)
        size *= len(found)
    if size > MOST_TABLES:
        message = f"`for_each` makes {size:,} tables; {MOST_TABLES:,} is the limit"
        problems.append(Problem(position(mark), "alias-bomb", message))
        return
    for chosen in product(*choices):
        yield {name: value for name, value, _ in chosen}, {name: item for name, _, item in chosen if item is not None}


def _choices(
    name: str, values: Node, mark: Mark, problems: list[Problem]
) -> list[tuple[str, Node, Node | None]] | None:
    if values.broken:
        return None
    if isinstance(values, ListNode):
        wrong = [v for v in values.items if not isinstance(v, Scalar) or v.value is None or isinstance(v.value, bool)]
        problems += [wrong_type("a text", v, v.mark) for v in wrong if not v.broken]
        return None if wrong else [(name, value, None) for value in values.items]
    if isinstance(values, MapNode):
        return [(name, Scalar(key, key, values.keys[key]), item) for key, item in values.items.items()]
    problems.append(wrong_type("a list or a map", values, mark))
    return None


def name_problem(name: str, mark: Mark, kind: str) -> Problem | None:
    """What is wrong with the name of a table or task."""
    if not is_identifier(name):
        message = f"{short(name)!r} cannot be the name of a {kind}"
        fix = "use letters, digits and `_`, beginning with a letter"
        return Problem(position(mark), "bad-name", message, fix)
    for suffix in COMPANIONS:
        if name.casefold().endswith(suffix):
            message = f"names that end in `{suffix}` are kept for the library's own tables"
            return Problem(position(mark), "reserved-name", message, "choose another name")
    return None


def defaults_of(node: Node | None, variables: Variables) -> dict[str, Node]:
    """Layer -> the keys merged under each of its tables."""
    if node is None or node.broken:
        return {}
    node = variables.replaced(node)
    if not isinstance(node, MapNode):
        variables.problems.append(wrong_type("a map", node, node.mark))
        return {}
    for key in node.items:
        if key not in LAYERS:
            fix = suggestion(key, LAYERS) or "known are bronze, gold, silver"
            problem = Problem(position(node.keys[key]), "unknown-key", f"unknown key `{short(key)}`", fix)
            variables.problems.append(problem)
    found = {layer: node.items[layer] for layer in LAYERS if layer in node.items}
    for layer, value in list(found.items()):
        if not isinstance(value, MapNode):
            if not value.broken and not (isinstance(value, Scalar) and value.value is None):
                variables.problems.append(wrong_type("a map", value, node.keys[layer]))
            del found[layer]
    return found
