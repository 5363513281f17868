"""YAML text -> nodes: what words mean, where they stand, and what is refused."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import yaml

from lakehouse.spec import nodes
from lakehouse.spec.nodes import ListNode, MapNode, Scalar, plain, read
from lakehouse.spec.scalars import needs_quotes, resolve


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    loader = yaml.SafeLoader if request.param == "python" else nodes._Loader
    monkeypatch.setattr(nodes, "_Loader", loader)
    return str(request.param)


def codes(text: str | bytes) -> list[str]:
    return [problem.code for problem in read(text, "f.yaml")[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("yes", "no", "on", "off", "NO", "y", "N", "nil", "None", "none", "NaN")),
        *((word, word) for word in ("010", "1_000", "12:30", "12:30:45", "2013-01-01", "0b1", "1.2.3", "+", "-", ".")),
        *((word, word) for word in ("00", "-01", "01.5", "0o9", "0x", "1e", "e3", "1e999", "9" * 41, "١")),  # noqa: RUF001
        *((word, None) for word in ("null", "Null", "NULL", "~")),
        *((word, True) for word in ("true", "True", "TRUE")),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.10", 1.1),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        (".inf", math.inf),
    ],
)
def test_unquoted_scalars_are_yaml_1_2(text: str, value: Any) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))
    assert needs_quotes(text) != isinstance(value, str)


def test_quoted_is_always_text() -> None:
    node, problems = read("""a: "1"\nb: 'true'\nc: ""\nd: |\n  12\n""", "f")
    assert (plain(node), problems) == ({"a": "1", "b": "true", "c": "", "d": "12\n"}, [])


def test_every_key_and_value_has_its_place(parser: str) -> None:
    node, problems = read("é:\n  - x: 1\n    'y':  [a, \"b\"]\n", "f")
    assert not problems
    assert isinstance(node, MapNode)
    assert isinstance(rows := node.items["é"], ListNode)
    assert isinstance(row := rows.items[0], MapNode)
    assert isinstance(ys := row.items["y"], ListNode)
    assert node.keys == {"é": ("f", 1, 1)}
    assert row.keys == {"x": ("f", 2, 5), "y": ("f", 3, 5)}
    assert [item.mark for item in ys.items] == [("f", 3, 12), ("f", 3, 15)]


def test_place_inside_a_text(parser: str) -> None:
    text = "a: x > 1\nb: 'x > 1'\nc: |\n    SELECT\n      x\nd: x\n   > 1\n"
    node, _ = read(text, "f")
    assert isinstance(node, MapNode)
    found = {key: item.place(0, 4) for key, item in node.items.items() if isinstance(item, Scalar)}
    assert found == {"a": ("f", 1, 8), "b": ("f", 2, 9), "c": ("f", 4, 9), "d": ("f", 6, 4)}
    block = node.items["c"]
    assert isinstance(block, Scalar)
    assert block.place(1, 2) == ("f", 5, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2", ["duplicate-key"]),
        ("a:", ["empty-value"]),
        ("[1, , 2]", ["yaml-syntax"]),
        ("- \n- a", ["empty-value"]),
        ("{a}", ["empty-value"]),
        ("a: ''", []),
        ("a: ~", []),
        ("a: !!int 1", ["yaml-tag"]),
        ("a: !!python/object:os.system x", ["yaml-tag"]),
        ("!x {a: 1}", ["yaml-tag"]),
        ("a: !!seq [x]", ["yaml-tag"]),
        ("1: a", ["key-not-text"]),
        ("~: a", ["key-not-text"]),
        ("'1': a", []),
        ("<<: {a: 1}", ["merge-key"]),
        ("'<<': 1", []),
        ("a: *x", ["unknown-alias"]),
        ("a: &x [*x]", ["alias-bomb"]),
        ("a: &x 1\nb: *x", []),
        ("a\n---\nb", ["several-documents"]),
        ("--- \na: 1\n...\n", []),
        ("", []),
        ("\ufeffa: 1", []),
        ("a: \x07", ["yaml-syntax"]),
        (b"a: \xff", ["not-utf-8"]),
        ("x" * 1_000_001, ["file-too-large"]),
        ("[" * 101 + "]" * 101, ["nesting-too-deep"]),
        ("[" * 100 + "]" * 100, []),
    ],
)
def test_what_is_refused(text: str | bytes, expected: list[str], parser: str) -> None:
    assert codes(text) == expected


def test_place_of_bytes_that_are_no_text() -> None:
    _, (problem,) = read("é: 1\nü: ".encode() + b"\xff", "f")
    assert str(problem.position) == "f:2:4"


def test_second_place_of_a_key_is_reported_and_the_first_value_kept() -> None:
    node, (problem,) = read("a: 1\nb: 2\na: 3", "f")
    assert (plain(node), str(problem.position)) == ({"a": 1, "b": 2}, "f:3:1")


def test_aliases_are_bounded() -> None:
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    assert codes(bomb) == ["alias-bomb"]
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200))
    assert codes(chain) == ["nesting-too-deep"]


@pytest.mark.parametrize(
    "text", ["[", "{a: ", "- ", "? ", '"', "a: ", "[a,", "!", "&a ", "a,", "{a,", "*a ", "\t", "|\n"]
)
def test_nothing_hangs(text: str) -> None:
    start = time.process_time()
    read(text * (900_000 // len(text)), "f")
    assert time.process_time() - start < 2


def test_merging_maps() -> None:
    under, _ = read("{a: {x: 1, y: 2}, b: [1], c: 3, d: {z: 1}}", "f")
    over, _ = read("{a: {y: 3, x: null}, b: [2, 3], c: null, e: null}", "f")
    assert over is not None
    assert plain(nodes.merged(under, over)) == {"a": {"y": 3}, "b": [2, 3], "d": {"z": 1}, "e": None}
