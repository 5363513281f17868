"""What an editor says about a file agrees with what loading it says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lakehouse.spec.json_schema import json_schema
from lakehouse.spec.nodes import plain, read
from tests.spec.test_load import FLIGHTS

jsonschema = pytest.importorskip("jsonschema")

GOOD = """
pipeline: p
silver:
  a:
    from: bronze.a
    schema: {x: int, y: {type: string, nullable: false}}
    expectations: {x: x > 1, y: {expect: y > 2, on_violation: drop}}
    append: true
    depends_on: bronze.b
    timeout: 1 hour 30 minutes
    max_retries: "${n}"
    maintenance: {optimize: {min_files: 5}, zorder_by: x}
  b:
    from: {table: bronze.a}
    merge: {keys: [a, b], sequence_by: t}
    cleanse: [{trim: a}, {null_if: {columns: a, values: [""]}}, {filter: a > 1}]
"""


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(json_schema())


def errors(text: str) -> list[str]:
    node, problems = read(text, "f")
    assert node is not None
    assert not problems
    return [error.message for error in validator().iter_errors(plain(node))]


def test_it_is_a_schema() -> None:
    for of in ("pipeline", "config"):
        jsonschema.Draft202012Validator.check_schema(json_schema(of))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [FLIGHTS, GOOD])
def test_good_files_pass(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "pipelines").glob("*.yaml")), ids=str)
def test_the_shipped_pipelines_pass(path: Path) -> None:
    assert errors(path.read_text()) == []


@pytest.mark.parametrize(
    "table",
    ["{form: bronze.a}", "{from: bronze.a, append: maybe}", "{from: bronze.a, merge: {key: a}}", "{from: [1]}"],
)
def test_mistakes_do_not(table: str) -> None:
    assert errors(f"pipeline: p\nsilver: {{a: {table}}}") != []
