"""dbt's selectors: `silver.flights`, `silver.*`, `+gold.x`, `2+gold.x`, `bronze.x+`, `tag:daily`, `layer:gold`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from lakehouse.errors import Position, Problem, SpecError, suggestion
from lakehouse.names import TableName
from lakehouse.planning.steps import Step

_SELECTOR = re.compile(r"(?P<up>\d*\+)?(?P<what>[^+]+?)(?P<down>\+\d*)?\Z")
METHODS = ("layer", "tag", "path", "state")


def select(
    steps: Sequence[Step],
    wanted: Iterable[str],
    *,
    option: str = "--select",
    path_of: Callable[[TableName], str] = lambda _: "",
) -> frozenset[TableName]:
    """Names of the steps that one of the selectors matches; a comma inside a selector means "and".

    Raises SpecError when a selector matches nothing or is not one.
    """
    graph = _Graph(steps)
    found: set[TableName] = set()
    problems = []
    for text in wanted:
        matched: set[TableName] | None = None
        try:
            for part in text.split(","):
                names = _one(steps, graph, part.strip(), path_of)
                matched = names if matched is None else matched & names
            if not matched:
                near = suggestion(text.strip("+0123456789"), [str(s.name) for s in steps])
                raise ValueError(f"no table or task matches {text!r}" + (f"; {near}" if near else ""))
        except ValueError as error:
            problems.append(Problem(Position(option, 1, 1), "selector", str(error)))
        else:
            found |= matched
    if problems:
        raise SpecError(problems)
    return frozenset(found)


class _Graph:
    def __init__(self, steps: Sequence[Step]) -> None:
        self.up: Mapping[TableName, frozenset[TableName]] = {s.name: s.after for s in steps}
        self.down: dict[TableName, set[TableName]] = {s.name: set() for s in steps}
        for step in steps:
            for name in step.after:
                self.down[name].add(step.name)

    @staticmethod
    def walk(
        names: set[TableName], edges: Mapping[TableName, Iterable[TableName]], depth: int | None
    ) -> set[TableName]:
        seen, edge = set(names), set(names)
        while edge and (depth is None or depth > 0):
            edge = {n for name in edge for n in edges[name]} - seen
            seen |= edge
            depth = None if depth is None else depth - 1
        return seen


def _one(steps: Sequence[Step], graph: _Graph, text: str, path_of: Callable[[TableName], str]) -> set[TableName]:
    match = _SELECTOR.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a selector; write `silver.flights`, `+gold.x`, `bronze.x+` or `tag:daily`")
    names = {s.name for s in steps if _matches(s, match["what"], path_of)}
    up, down = match["up"], match["down"]
    result = set(names)
    if up is not None:
        result |= graph.walk(names, graph.up, int(up[:-1]) if up != "+" else None)
    if down is not None:
        result |= graph.walk(names, graph.down, int(down[1:]) if down != "+" else None)
    return result


def _matches(step: Step, what: str, path_of: Callable[[TableName], str]) -> bool:
    method, colon, value = what.partition(":")
    if not colon:
        return fnmatchcase(str(step.name), what)
    if method == "layer":
        return step.name.layer == value
    if method == "tag":
        return value in (step.spec.tags or ())
    if method == "path":
        path = path_of(step.name)
        return fnmatchcase(path, value) or path.endswith("/" + value) or path == value
    if method == "state":
        raise ValueError("`state:` selectors are not available yet")
    raise ValueError(
        f"{method!r} is not a selector method; {suggestion(method, METHODS) or 'there are layer, tag, path'}"
    )
