"""dbt's selectors over a small graph, by ten lines of set arithmetic and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import SpecError
from lakehouse.names import TableName
from lakehouse.planning.selection import METHODS, STATES, select
from lakehouse.planning.steps import Plan
from lakehouse.spec.load import load
from tests.planning.projects import plan

# bronze.a -> silver.a -> gold.ab, gold.a;  bronze.b -> silver.b -> gold.ab -> gold.top
GRAPH = """
bronze:
  a: {source: {format: csv, path: a}, tags: [daily]}
  b: {source: {format: csv, path: b}}
silver:
  a: {from: bronze.a, tags: [daily, big]}
  b: {from: bronze.b}
gold:
  a: {sql: SELECT * FROM silver.a}
  ab: {sql: "SELECT * FROM silver.a, silver.b", tags: big}
  top: {sql: SELECT * FROM gold.ab}
"""
ALL = {"bronze.a", "bronze.b", "silver.a", "silver.b", "gold.a", "gold.ab", "gold.top"}


@pytest.fixture
def graph(tmp_path: Path) -> Plan:
    return plan(tmp_path, GRAPH)


def names(plan: Plan, *wanted: str) -> set[str]:
    return {str(n) for n in select(plan.steps, wanted)}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("silver.a", {"silver.a"}),
        ("silver.*", {"silver.a", "silver.b"}),
        ("*.a", {"bronze.a", "silver.a", "gold.a"}),
        ("*", ALL),
        ("+gold.ab", {"bronze.a", "bronze.b", "silver.a", "silver.b", "gold.ab"}),
        ("1+gold.ab", {"silver.a", "silver.b", "gold.ab"}),
        ("2+gold.top", {"gold.top", "gold.ab", "silver.a", "silver.b"}),
        ("0+gold.top", {"gold.top"}),
        ("bronze.a+", {"bronze.a", "silver.a", "gold.a", "gold.ab", "gold.top"}),
        ("bronze.a+1", {"bronze.a", "silver.a"}),
        ("+silver.a+", {"bronze.a", "silver.a", "gold.a", "gold.ab", "gold.top"}),
        ("1+silver.a+1", {"bronze.a", "silver.a", "gold.a", "gold.ab"}),
        ("layer:gold", {"gold.a", "gold.ab", "gold.top"}),
        ("tag:daily", {"bronze.a", "silver.a"}),
        ("tag:big+", {"silver.a", "gold.a", "gold.ab", "gold.top"}),
        ("tag:big,layer:gold", {"gold.ab"}),
        ("+gold.a, tag:daily", {"bronze.a", "silver.a"}),
    ],
)
def test_what_a_selector_matches(graph: Plan, selector: str, expected: set[str]) -> None:
    assert names(graph, selector) == expected


def test_several_selectors_together_match_what_any_of_them_does(graph: Plan) -> None:
    assert names(graph, "silver.a", "gold.top") == {"silver.a", "gold.top"}


def test_by_file(tmp_path: Path) -> None:
    found = plan(tmp_path, GRAPH, select=("path:p.yaml",))
    assert {str(n) for n in found.selected} == ALL
    (tmp_path / "pipelines" / "q.yaml").write_text("pipeline: q\ngold: {z: {sql: SELECT * FROM silver.a}}\n")
    from lakehouse.planning.compile import compile as compile_

    both = load(tmp_path / "pipelines")
    assert {str(n) for n in compile_(both, ("path:*q.yaml",)).selected} == {"gold.z"}


def test_only_the_files_asked_for_are_selected_and_a_selector_reaches_beyond_them(tmp_path: Path) -> None:
    plan(tmp_path, GRAPH)
    other = tmp_path / "pipelines" / "q.yaml"
    other.write_text("pipeline: q\ngold: {z: {sql: SELECT * FROM silver.a}}\n")
    from lakehouse.planning.compile import compile as compile_

    one = load(other)
    assert {str(n) for n in compile_(one).selected} == {"gold.z"}
    assert {str(n) for n in compile_(one, ("+gold.z",)).selected} == {"bronze.a", "silver.a", "gold.z"}


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("silver.c", r"no table or task matches 'silver.c'; did you mean 'silver.[ab]'\?"),
        ("+gold.tpo", r"no table or task matches '\+gold.tpo'; did you mean 'gold.top'\?"),
        ("tag:none", "no table or task matches 'tag:none'"),
        ("tag:daily,layer:gold", "no table or task matches 'tag:daily,layer:gold'"),
        ("tags:daily", r"'tags' is not a selector method; did you mean 'tag'\?"),
        ("owner:me", "'owner' is not a selector method; there are layer, tag, path, state"),
        ("state:modified", "'modified' is not a state; there are failed, changed"),
        ("state:faild", r"'faild' is not a state; did you mean 'failed'\?"),
        ("state:", "'' is not a state; there are failed, changed"),
        ("state:failed", "`state:` asks the lake, and there is none to look at here"),
        ("a++", "'a\\+\\+' is not a selector; write"),
        ("+", "'\\+' is not a selector"),
        ("", "'' is not a selector"),
        ("silver.a,", "'' is not a selector"),
    ],
)
def test_what_matches_nothing_is_refused(graph: Plan, selector: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        names(graph, selector)
    assert str(error.value.problems[0].position) == "--select:1:1"
    assert error.value.problems[0].code == "selector"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("state:failed", {"silver.a"}),
        ("state:failed+", {"silver.a", "gold.a", "gold.ab", "gold.top"}),
        ("1+state:failed", {"bronze.a", "silver.a"}),
        ("state:failed+,layer:gold,*.a", {"gold.a"}),
        ("tag:big,state:changed", {"gold.ab"}),
        ("state:changed", {"gold.ab", "gold.top"}),
    ],
)
def test_states_are_selected_by_like_names(graph: Plan, selector: str, expected: set[str]) -> None:
    states = {"failed": {"silver.a", "silver.of_another_project"}, "changed": {"gold.ab", "gold.top"}}
    found = select(graph.steps, [selector], state_of=lambda word: {TableName.parse(n) for n in states[word]})
    assert {str(n) for n in found} == expected


def test_that_nothing_is_in_a_state_is_no_mistake_but_a_name_beside_it_may_be(graph: Plan) -> None:
    def none(_: str) -> set[TableName]:
        return set()

    for selector in ("state:failed", "2+state:changed+", "state:failed,silver.a", "silver.a, state:failed+"):
        assert select(graph.steps, [selector], state_of=none) == frozenset()
    with pytest.raises(SpecError, match=r"no table or task matches 'state:failed,silver.c'"):
        select(graph.steps, ["state:failed,silver.c"], state_of=none)


def test_no_state_is_asked_for_unless_a_selector_does(graph: Plan) -> None:
    asked: list[str] = []

    def state_of(word: str) -> set[TableName]:
        asked.append(word)
        return set()

    select(graph.steps, ["silver.*", "tag:big+", "path:*"], path_of=lambda _: "p.yaml", state_of=state_of)
    assert asked == []
    select(graph.steps, ["state:changed+", "state:failed"], state_of=state_of)
    assert asked == ["changed", "failed"]


def test_every_method_and_state_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "selectors.md").read_text(encoding="utf-8")
    assert [m for m in METHODS if f"`{m}:" not in page] == []
    assert [s for s in STATES if f"`state:{s}`" not in page] == []


def test_every_wrong_selector_is_told(graph: Plan) -> None:
    with pytest.raises(SpecError) as error:
        names(graph, "silver.a", "x.y", "state:new")
    assert len(error.value.problems) == 2


def test_exclude_takes_away_and_tells_its_own_name(tmp_path: Path) -> None:
    found = plan(tmp_path, GRAPH, select=("+gold.ab",), exclude=("bronze.*", "silver.b"))
    assert {str(n) for n in found.selected} == {"silver.a", "gold.ab"}
    with pytest.raises(SpecError, match=r"--exclude:1:1: selector: no table or task matches 'nope'"):
        plan(tmp_path, GRAPH, exclude=("nope",))
