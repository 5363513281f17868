"""Any file is a plan or a list of problems: never a traceback, never a hang, never a key that is silently ignored.

`make fuzz` runs ten thousand cases of the properties that change files as hands do, `make test` a hundred.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lakehouse.errors import Problem, SpecError
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.compile import problems_of
from lakehouse.spec import codes
from lakehouse.spec.dump import escaped
from lakehouse.spec.load import Project, Survey, survey
from lakehouse.spec.nodes import plain, read
from lakehouse.spec.render import render
from tests.spec import golden
from tests.spec.generated import documents
from tests.spec.kept import lost
from tests.spec.mutations import Path_, at, grafted, mutated, noisy, places, put
from tests.spec.styles import in_braces
from tests.spec.test_json_schema import GOOD
from tests.spec.test_load import FLIGHTS

ROOT = Path(__file__).parents[2]
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(FUZZ, max_examples=max(10, settings.default.max_examples // 4))
"""For properties whose cases take long."""
LONGEST = 1.0
"""Seconds of this process's time that a case may take."""

SHIPPED = [path.read_text() for path in sorted((ROOT / "pipelines").glob("*.yaml"))]
TEXTS = [FLIGHTS, GOOD, *SHIPPED]
"""Pipelines without a mistake."""
CONFIGS = [path.read_text() for path in sorted((ROOT / "configs").glob("*.yaml"))]
CONFIGS.append(
    "lake: s3://bucket/lake\nspark: {master: 'local[2]', conf: {spark.ui.enabled: false, a: 1}}\n"
    "history: {retain: 1 year}\nvariables: {landing: ./landing, feeds: {a: {path: x}}, n: 3}\n"
    "storage: {aws_endpoint_url: 'http://localhost:9000'}\ntime_zone: Europe/Vienna\n"
)
BROKEN = [text for case in sorted(golden.FOLDER.glob("*.yaml")) for text in golden.written(case)[0].values()]
"""Pipelines and configs with mistakes of every kind."""

FOLDER: list[Path] = []


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    FOLDER[:] = [tmp_path_factory.mktemp("fuzz")]
    (FOLDER[0] / "pipelines").mkdir()
    (FOLDER[0] / "configs").mkdir()
    before = Path.cwd()
    os.chdir(FOLDER[0])
    look(TEXTS[0])  # what is loaded at first use is not a case's time
    yield
    os.chdir(before)


def write(name: str, text: str | bytes) -> None:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))


def looked() -> tuple[Project, list[Problem]]:
    """What validating the folder finds: a plan that compiles, or problems."""
    found = survey("pipelines")
    if found.problems:
        return found.project, sorted({*found.problems, *problems_of(found)})
    try:
        compile_(found.project)
    except SpecError as error:
        return found.project, list(error.problems)
    return found.project, []


def look(text: str | bytes = TEXTS[0], config: str | bytes = CONFIGS[0]) -> tuple[Project, list[Problem]]:
    """What is found in the texts; fails when it takes longer than a person would wait, or cannot be shown."""
    write("pipelines/p.yaml", text)
    write("configs/local.yaml", config)
    for attempt in (1, 2):  # a pause of the machine's own is not a case's either
        start = time.process_time()
        project, problems = looked()
        took = time.process_time() - start
        if took < LONGEST:
            break
        assert attempt == 1, f"{took:.1f} seconds"
    for problem in problems:
        assert problem.message
        assert problem.code in codes.PROBLEMS
        assert min(problem.position.line, problem.position.column) > 0
        assert len(problem.message) + len(problem.fix) < 10_000
    assert render(problems) or not problems
    return project, problems


# --- texts --------------------------------------------------------------------------------------------------------


@FUZZ
@given(st.text() | st.binary())
def test_any_text(text: str | bytes) -> None:
    look(text)


@FUZZ
@given(mutated(TEXTS))
@example("pipeline: p\nbronze: &a {x: *a}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, schema: {a: '" + "array<" * 3000 + "'}}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, cleanse: [{filter: '" + "(" * 5000 + "'}]}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, cleanse: [{filter: '" + "a AND " * 3000 + "a'}]}")
@example("pipeline: p\nsilver:\n  a: {from: bronze.a, cleanse: [{filter: '" + "- " * 2000 + "a'}]}")
@example("pipeline: p\ngold:\n  a: {sql: 'SELECT " + "(" * 3000 + "'}")
@example("pipeline: p\ngold:\n  a: {sql: 'SELECT " + "- " * 3000 + "1 AS x'}")
@example("pipeline: p\ngold:\n  a: {sql: 'SELECT 1 AS x" + " UNION SELECT 1" * 1000 + "'}")
@example("pipeline: p\n" + "".join(f"key{i}: 1\n" for i in range(1000)))
@example("pipeline: p\nsilver: {" + ", ".join(f"t{i}: {{from: bronze.x{i}}}" for i in range(700)) + "}")
@example(
    "pipeline: p\nbronze: {a: {source: {format: csv, path: in}}}\n"
    "gold: {b: {from: {table: bronze.a}, aggregate: {by: c, measures: {n: count(*)}}}}"
)
@example("pipeline: p\nbronze: {a: {source: {format: csv, path: in}, cluster_by: '$$${'}}")
@example("pipeline: p\nbronze: {a: {source: {format: csv, path: in}, schema: {'$${a}': int}}}")
@example("pipeline: p\nrun: {timeout: 99999999999999999999 years, step_timeout: " + "9" * 400 + " days}")
def test_pipelines_after_slips_of_the_hand(text: str) -> None:
    project, problems = look(text)
    if not problems:
        assert not lost(parsed(text), project)


@SOME
@given(mutated(BROKEN))
def test_broken_pipelines_after_more_slips(text: str) -> None:
    look(text)


@SOME
@given(noisy([*TEXTS, *BROKEN]))
def test_random_bytes(text: bytes) -> None:
    look(text)


@SOME
@given(mutated(CONFIGS) | noisy(CONFIGS))
def test_configs_after_slips_of_the_hand(config: str | bytes) -> None:
    look(config=config)


# --- trees --------------------------------------------------------------------------------------------------------


def parsed(text: str) -> Any:
    node, _ = read(text, "f")
    return None if node is None else plain(node)


TREES = [parsed(text) for text in TEXTS]


def dumped(tree: Any, flow: bool = False) -> str:
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=False, default_flow_style=flow, width=200)
    return text


@FUZZ
@given(grafted(TREES), st.booleans())
def test_pipelines_with_branches_that_moved(tree: Any, flow: bool) -> None:
    text = dumped(tree, flow)
    project, problems = look(text)
    if not problems:
        assert not lost(parsed(text), project)


@SOME
@given(grafted([parsed(text) for text in CONFIGS]))
def test_configs_with_branches_that_moved(tree: Any) -> None:
    look(config=dumped(tree))


# --- no key is silently ignored -----------------------------------------------------------------------------------

FREE = {
    "variables", "options", "properties", "conf", "parameters", "schema", "schema_hints", "measures", "expectations", "storage",
    "bloom_filter", "derive", "rename", "cast", "fill_null", "by", "bronze", "silver", "gold", "tasks", "for_each",
}  # fmt: skip
"""Maps whose keys are the user's own, by the key above them."""


def has_own_keys(path: Path_) -> bool:
    names = [part for part in path if isinstance(part, str)]
    return bool(names) and (
        names[-1] in FREE or names[-2:] == ["replace", "values"] or names[0] == "variables" or "for_each" in names
        or "json_schema" in names
    )  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_key_is_silently_ignored(text: str) -> None:
    whole = parsed(text)
    for path in places(whole):
        if isinstance(at(whole, path), dict) and not has_own_keys(path):
            refused(whole, path)


def surveyed(tree: Any) -> Survey:
    """What reading the pipeline finds, before anything is compiled."""
    write("configs/local.yaml", CONFIGS[0])
    write("pipelines/p.yaml", in_braces(tree))
    return survey("pipelines")


def refused(whole: Any, path: Path_) -> None:
    problems = surveyed(put(whole, path, {**at(whole, path), "zzz_unknown": 1})).problems
    assert any("zzz_unknown" in problem.message for problem in problems), (path, problems)


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_no_key_of_a_config_is_silently_ignored(config: str) -> None:
    whole = parsed(config)
    for path in places(whole):
        if isinstance(at(whole, path), dict) and not has_own_keys(path):
            _, problems = look(config=in_braces(put(whole, path, {**at(whole, path), "zzz_unknown": 1})))
            assert any("zzz_unknown" in problem.message for problem in problems), (path, problems)


@SOME
@given(documents().map(escaped) | st.sampled_from(TREES), st.data())
def test_no_key_is_silently_ignored_wherever_it_stands(tree: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in places(tree) if isinstance(at(tree, path), dict)]))
    if not has_own_keys(path):
        refused(tree, path)
        return
    written = put(tree, path, {**at(tree, path), "zzz_unknown": 1})
    found = surveyed(written)
    assert found.problems or not lost(written, found.project)
