"""dbt's selectors: `silver.flights`, `silver.*`, `+gold.x`, `2+gold.x`, `bronze.x+`, `tag:daily`, `state:failed`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase

from lakehouse.errors import Position, Problem, SpecError, suggestion
from lakehouse.names import TableName
from lakehouse.planning.steps import Step

_SELECTOR = re.compile(r"(?P<up>\d*\+)?(?P<what>[^+]+?)(?P<down>\+\d*)?\Z")
METHODS = ("layer", "tag", "path", "state")
STATES = ("failed", "changed")

Matching = Callable[[str], AbstractSet[TableName]]
"""What a method's value stands for: the names of steps."""


def _no_state(_: str) -> AbstractSet[TableName]:
    raise ValueError("`state:` asks the lake, and there is none to look at here")


def select(
    steps: Sequence[Step],
    wanted: Iterable[str],
    *,
    option: str = "--select",
    path_of: Callable[[TableName], str] = lambda _: "",
    state_of: Matching = _no_state,
) -> frozenset[TableName]:
    """Names of the steps that one of the selectors matches; a comma inside a selector means "and".

    `state_of` gives the steps in one of `STATES`; it is asked only if a selector does. Raises SpecError when a selector
    is not one, or matches nothing: but that nothing is in a state is an answer, and not a mistake in a name.
    """
    graph = _Graph(steps)
    found: set[TableName] = set()
    problems = []
    for text in wanted:
        matched: set[TableName] = {step.name for step in steps}
        named: set[TableName] | None = None
        try:
            for part in (part.strip() for part in text.split(",")):
                names = _one(steps, graph, part, path_of, state_of)
                matched &= names
                if not part.lstrip("+0123456789").startswith("state:"):
                    named = names if named is None else named & names
            if named is not None and not named:
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


def _one(
    steps: Sequence[Step], graph: _Graph, text: str, path_of: Callable[[TableName], str], state_of: Matching
) -> set[TableName]:
    match = _SELECTOR.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a selector; write `silver.flights`, `+gold.x`, `bronze.x+` or `tag:daily`")
    method, colon, value = match["what"].partition(":")
    if colon and method == "state":
        names = {s.name for s in steps} & _in_state(value, state_of)
    else:
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
    hint = suggestion(method, METHODS) or f"there are {', '.join(METHODS)}"
    raise ValueError(f"{method!r} is not a selector method; {hint}")


def _in_state(word: str, state_of: Matching) -> AbstractSet[TableName]:
    if word not in STATES:
        hint = suggestion(word, STATES) or f"there are {', '.join(STATES)}"
        raise ValueError(f"{word!r} is not a state; {hint}")
    return state_of(word)
