"""Any text is a spec or a list of problems: never a traceback, never a hang, never a key that is silently ignored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lakehouse.spec import codes
from lakehouse.spec.load import Survey, survey
from lakehouse.spec.nodes import plain, read
from lakehouse.spec.render import render
from tests.spec.test_json_schema import GOOD
from tests.spec.test_load import FLIGHTS

FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck))
SHIPPED = [path.read_text() for path in sorted((Path(__file__).parents[2] / "pipelines").glob("*.yaml"))]
TEXTS = [FLIGHTS, GOOD, *SHIPPED]


FILE: list[Path] = []


@pytest.fixture(autouse=True, scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> None:
    FILE[:] = [tmp_path_factory.mktemp("fuzz") / "p.yaml"]


def look(text: str | bytes) -> Survey:
    """What loading the text finds; fails when it takes longer than a person would wait."""
    FILE[0].write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    start = time.process_time()
    found = survey(FILE[0])
    assert time.process_time() - start < 2
    for problem in found.problems:
        assert problem.message
        assert problem.code in codes.CODES
        assert min(problem.position.line, problem.position.column) > 0
    assert render(found.problems) or not found.problems
    return found


@FUZZ
@given(st.text() | st.binary())
def test_any_text(text: str | bytes) -> None:
    look(text)


SCALARS = st.sampled_from(
    [
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        ".nan",
        "''",
        "[]",
        "{}",
        "[a]",
        "{a: b}",
        "${x}",
        "${",
        "$${a}",
        "*a",
        "&a b",
        "a b",
        "!!str a",
        "1 hour",
        "bronze.flights",
        "count(*)",
        "a > 1",
        "2013-01-01",
        "12:30",
        "0x1F",
        "- a",
        "|",
        ">",
        "@",
        "\t",
        "x" * 300,
        "é",
        "\u2028",
        "\x85",
        "#",
        "a: b",
        "'",
        '"',
        "${env:HOME}",
        "${a.b}",
        "(" * 200,
        "array<" * 50 + "int",
    ]
) | st.text(max_size=8)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    lines = draw(st.sampled_from(TEXTS)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match draw(st.integers(0, 7)):
            case 0:
                del lines[at]
                lines = lines or [""]
            case 1:
                lines.insert(at, draw(st.sampled_from(lines)))
            case 2:
                lines[at] = " " * draw(st.integers(0, 12)) + line.lstrip()
            case 3:
                key, colon, _ = line.partition(":")
                lines[at] = key + (colon or ":") + " " + draw(SCALARS)
            case 4:
                cut = draw(st.integers(0, len(line)))
                lines[at] = line[:cut] + draw(SCALARS) + line[cut:]
            case 5:
                cut = draw(st.integers(0, len(line)))
                lines[at] = line[:cut] + line[cut + 1 :]
            case 6:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case 7:
                head, colon, rest = line.partition(":")
                lines[at] = head.rstrip() + draw(st.sampled_from(["s", "x", "_"])) + colon + rest
    return "\n".join(lines)


@FUZZ
@given(mutated())
@example("pipeline: p\nbronze: &a {x: *a}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, schema: {a: '" + "array<" * 3000 + "'}}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, cleanse: [{filter: '" + "(" * 5000 + "'}]}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, cleanse: [{filter: '" + "a AND " * 5000 + "a'}]}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, cleanse: [{filter: '" + "- " * 2000 + "a'}]}")
def test_mutated_pipelines(text: str) -> None:
    look(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {k: put(v, path[1:], new) if k == path[0] else v for k, v in value.items()}
    return [put(v, path[1:], new) if i == path[0] else v for i, v in enumerate(value)]


def parsed(text: str) -> Any:
    node, _ = read(text, "f")
    assert node is not None
    return plain(node)


@FUZZ
@given(st.data())
def test_any_value_at_any_place(data: st.DataObject) -> None:
    whole = parsed(data.draw(st.sampled_from(TEXTS)))
    path = data.draw(st.sampled_from(list(places(whole))))
    look(yaml.safe_dump(put(whole, path, data.draw(VALUES)), sort_keys=False, allow_unicode=False))


FREE = {
    "variables",
    "options",
    "properties",
    "conf",
    "parameters",
    "schema",
    "schema_hints",
    "measures",
    "expectations",
}
FREE |= {"bloom_filter", "derive", "rename", "cast", "fill_null", "by", "bronze", "silver", "gold", "tasks", "for_each"}
FREE |= {"values", "replace"}


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_key_is_silently_ignored(text: str) -> None:
    whole = parsed(text)
    for path in places(whole):
        value = whole
        for part in path:
            value = value[part]
        names = [part for part in path if isinstance(part, str)]
        if isinstance(value, dict) and not (names and names[-1] in FREE):
            found = look(yaml.safe_dump(put(whole, path, {**value, "zz_unknown": "x"}), sort_keys=False))
            assert any("zz_unknown" in problem.message for problem in found.problems), path
