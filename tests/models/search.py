"""Every state that a model can reach: what the models of the protocol have in common."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Found = tuple[int, str | None, list[str]]
"""States that were seen, what is violated (None: nothing), and the shortest way there."""
LIMIT = ["(limit reached)"]


def search(
    start: Any,
    moves: Callable[[Any], Iterable[tuple[str, Any]]],
    is_quiet: Callable[[Any], bool],
    check: Callable[[Any], str | None],
    limit: int,
) -> Found:
    """Walk through all states, nearest first, and check those in which nobody is at work.

    Stopped by the limit, the way is `LIMIT` and no violation is known.
    """
    seen, todo, back = {start}, deque([start]), {start: (None, "")}
    while todo:
        state = todo.popleft()
        if is_quiet(state) and (violation := check(state)):
            way: list[str] = []
            while back[state][0] is not None:
                state, name = back[state]
                way.append(name)
            return len(seen), violation, way[::-1]
        for name, following in moves(state):
            if following not in seen:
                seen.add(following)
                back[following] = (state, name)
                todo.append(following)
                if len(seen) > limit:
                    return len(seen), None, LIMIT
    return len(seen), None, []


def told(
    explore: Callable[[Any, Mapping[str, Any]], Found],
    variants: Mapping[str, Any],
    scenarios: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    """All scenarios under all variants, a line each, with the shortest way to what is violated."""
    for title, variant in variants.items():
        yield f"\n== {title}"
        for name, scenario in scenarios.items():
            began = time.time()
            states, violation, way = explore(variant, scenario)
            found = f"VIOLATION: {violation}" if violation else "ok"
            yield f"{name:50} {states:8} states {time.time() - began:6.1f} s  {found}"
            if way:
                yield "      " + " -> ".join(way)
