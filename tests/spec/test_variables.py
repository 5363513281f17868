"""`${x}` in values and keys."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse.errors import Problem
from lakehouse.spec import variables as module
from lakehouse.spec.nodes import MapNode, plain, read
from lakehouse.spec.variables import Variables, late_references, resolve_late

DECLARED = """
n: 20
ratio: 1.10
on: true
names: [a, b]
map: {deep: {er: 5}}
path: "${root}/x"
root: /data
price: "$${n}"
who: I am ${env:PLAIN}
"""


def replaced(text: str, environ: dict[str, str] | None = None) -> tuple[Any, list[Problem]]:
    problems: list[Problem] = []
    declared, _ = read(DECLARED, "v")
    node, _ = read(text, "f")
    assert isinstance(declared, MapNode)
    assert node is not None
    variables = Variables(declared.items, environ or {}, problems)
    return plain(variables.replaced(node)), problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${n}", 20),
        ("a${n}b", "a20b"),
        ("${ratio}", 1.1),
        ("v${ratio}", "v1.10"),
        ("${on}", True),
        ("${on}!", "true!"),
        ("${names}", ["a", "b"]),
        ("${map}", {"deep": {"er": 5}}),
        ("${map.deep.er}", 5),
        ("${path}/y", "/data/x/y"),
        ("$${n}", "${n}"),
        ("$$${n}", "$${n}"),
        ("${price}", "${n}"),
        ("a ${price} b", "a ${n} b"),
        ("$n and $", "$n and $"),
        ("${env:HOME}", "/home/me"),
        ("${env:EMPTY}", ""),
    ],
)
def test_value_and_type(text: str, value: Any) -> None:
    found, problems = replaced(f"x: '{text}'", {"HOME": "/home/me", "EMPTY": ""})
    assert (found, problems) == ({"x": value}, [])
    assert type(found["x"]) is type(value)


def test_keys_are_replaced_too() -> None:
    found, problems = replaced("'${root}_${n}': 1")
    assert (found, problems) == ({"/data_20": 1}, [])


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("${m}", "unknown-variable", 4),
        ("abc ${m}", "unknown-variable", 9),
        ("${names} x", "variable-type", 5),
        ("${map.dep}", "unknown-variable", 4),
        ("${n.x}", "unknown-variable", 4),
        ("${env:HOM}", "missing-environment-variable", 4),
        ("${n", "variable-syntax", 5),
        ("a ${} b", "unknown-variable", 7),
        ("${run.x}", "unknown-variable", 4),
        ("${secret:x}", "unknown-variable", 4),
    ],
)
def test_problems_and_their_place(text: str, code: str, column: int) -> None:
    _, (problem,) = replaced(f"x: '{text}'", {"HOME": ""})
    assert (problem.code, problem.position.line) == (code, 1)
    # a value that is only the reference is judged where it begins, its quote included
    assert problem.position.column == column


def test_all_mistakes_of_one_text_are_told() -> None:
    _, problems = replaced("x: ${a}/${b}/${n}")
    assert [p.position.column for p in problems] == [4, 9]


def test_place_in_the_lines_of_a_block() -> None:
    _, (problem,) = replaced("x: |\n  SELECT 1\n  WHERE a = '${nothing}'\n")
    assert (problem.position.line, problem.position.column) == (3, 14)


def test_late_references_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILT", frozenset({"run", "secret", "tasks"}))
    text = "${run.date}/${run.id}/${secret:a/b}/${tasks.t.result.k}/$${run.date}/${n}"
    found, problems = replaced(f"x: '{text}'")
    assert problems == []
    assert late_references(found["x"]) == ("run.date", "run.id", "secret:a/b", "tasks.t.result.k")
    assert resolve_late(found["x"], lambda name: name.upper()) == (
        "RUN.DATE/RUN.ID/SECRET:A/B/TASKS.T.RESULT.K/${run.date}/20"
    )


def test_late_references_cannot_be_in_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILT", frozenset({"run"}))
    _, (problem,) = replaced("'x_${run.date}': 1")
    assert (problem.code, str(problem.position)) == ("late-reference", "f:1:1")


def test_late_references_are_refused_until_something_resolves_them() -> None:
    _, problems = replaced("x: ${run.date}/${secret:a/b}\ny: ${tasks.t.result.k}")
    assert [p.message for p in problems] == ["`${tasks.t.result.k}` is not available yet"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x: ${env:PLAIN}", {"x": "p"}),
        ("x: ${env:API_TOKEN}", {"x": "${env:API_TOKEN}"}),
        ("x: a-${env:PLAIN}-${env:API_TOKEN}", {"x": "a-p-${env:API_TOKEN}"}),
        ("password: ${env:PLAIN}", {"password": "p"}),
        (
            "options: {password: '${env:PLAIN}', user: '${env:PLAIN}'}",
            {"options": {"password": "${env:PLAIN}", "user": "p"}},
        ),
        (
            "options: {a: {token: ['${env:PLAIN}', '$${env:PLAIN}']}}",
            {"options": {"a": {"token": ["${env:PLAIN}", "$${env:PLAIN}"]}}},
        ),
        ("options: {password: '${who} ${n}'}", {"options": {"password": "I am ${env:PLAIN} 20"}}),
        ("x: https://me:${env:PLAIN}@host/${env:PLAIN}", {"x": "https://me:${env:PLAIN}@host/${env:PLAIN}"}),
        (
            "x: jdbc:sqlserver://host;user=me;password=${env:PLAIN}",
            {"x": "jdbc:sqlserver://host;user=me;password=${env:PLAIN}"},
        ),
        ("x: https://${env:PLAIN}/a@b", {"x": "https://p/a@b"}),
        ("x: ${env:TRICKY}", {"x": "$${secret:a/b} ${n}"}),
        ("x: ${env:PWD}", {"x": "/here"}),
    ],
)
def test_an_environment_variable_that_holds_a_secret_stays_a_reference(text: str, found: Any) -> None:
    environ = {"PLAIN": "p", "API_TOKEN": "t", "TRICKY": "${secret:a/b} ${n}", "PWD": "/here"}
    assert replaced(text, environ) == (found, [])


def test_growth_is_bounded_and_told_once() -> None:
    text = "a0: [x, x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 9):
        one = '"${a' + str(i - 1) + '}"'
        text += f"a{i}: [{', '.join([one] * 10)}]\n"
    node, _ = read(text, "f")
    assert isinstance(node, MapNode)
    problems: list[Problem] = []
    Variables(node.items, {}, problems).replaced(node)
    assert [p.code for p in problems] == ["alias-bomb"]
