"""What `lakehouse lineage` answers: trees for people, steps for programs, and the whole of the demo by hand."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import lakehouse as lh
from lakehouse.api import compiled
from lakehouse.errors import SpecError
from lakehouse.planning.lineage import lineage_of
from lakehouse.planning.steps import Plan
from lakehouse.quality.flow import Kind
from tests.planning import golden as plans
from tests.planning.lineage.golden import written
from tests.planning.projects import plan

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "lineage" / "flights.txt"


@pytest.fixture(scope="module")
def flights() -> Plan:
    return compiled(lh.load(ROOT / "pipelines" / "flights.yaml", root=ROOT))


def lines(plan: Plan, text: str, **directions: bool) -> list[str]:
    return str(lineage_of(plan, text, **directions)).splitlines()


def test_the_lineage_of_the_demo_is_what_was_found_by_hand(flights: Plan, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--golden", default=False):
        GOLDEN.write_text(written(flights), encoding="utf-8")
    assert written(flights) == GOLDEN.read_text(encoding="utf-8")


def test_a_column_up_and_down(flights: Plan) -> None:
    assert lines(flights, "silver.flights.dep_delay") == [
        "silver.flights.dep_delay",
        "  comes from",
        "    bronze.flights.dep_delay  transformation",
        "      ./landing/flights:dep_delay  identity",
        "  rows of silver.flights depend on",
        "    bronze.flights.year  join",
        "    bronze.flights.month  join",
        "    bronze.flights.day  join",
        "    bronze.flights._source_modified  sort",
        "    bronze.flights.carrier  join",
        "    bronze.flights.flight  join",
        "    bronze.flights.origin  filter, join",
        "  goes into",
        "    gold.carrier_day.late  aggregation",
        "    gold.carrier_day.mean_delay  aggregation",
        "    gold.weather_delay.mean_delay  aggregation",
        "    gold.weather_delay.late  aggregation",
    ]


def test_what_a_column_decides_is_told_at_every_step_down(flights: Plan) -> None:
    assert lines(flights, "bronze.flights.carrier", upstream=False) == [
        "bronze.flights.carrier",
        "  goes into",
        "    silver.flights.carrier  transformation",
        "      gold.carrier_day.carrier  identity",
        "      rows of gold.carrier_day  group by",
        "      rows of gold.routes  join",
        "    rows of silver.flights  join",
    ]


def test_conditions_are_followed_to_their_sources(flights: Plan) -> None:
    assert lines(flights, "gold.weather_delay.weather", downstream=False)[:5] == [
        "gold.weather_delay.weather",
        "  comes from",
        "    silver.weather.wind_speed  conditional",
        "      bronze.weather.wind_speed  transformation",
        "        ./landing/weather:wind_speed  identity",
    ]


def test_names_are_found_in_any_case_and_told_as_the_table_spells_them(flights: Plan) -> None:
    assert lines(flights, "silver.flights.DEP_delay", upstream=False)[0] == "silver.flights.dep_delay"


def test_where_nothing_is_said_it_is_said(flights: Plan) -> None:
    assert lines(flights, "gold.carrier_day.flights") == [
        "gold.carrier_day.flights",
        "  comes from",
        "    no column: count(*)",
        "  rows of gold.carrier_day depend on",
        "    silver.flights.flight_date  group by",
        "    silver.flights.carrier  group by",
        "  goes into",
        "    nothing",
    ]
    assert lines(flights, "silver.airlines._sequence", downstream=False)[2] == (
        "    bronze.airlines._source_modified  identity  (when the file was modified, added by Bronze)"
    )


def test_a_table_has_all_of_its_columns_and_one_time_its_rows(flights: Plan) -> None:
    assert lines(flights, "silver.airlines") == [
        "silver.airlines",
        "  carrier",
        "    comes from",
        "      bronze.airlines.carrier  identity",
        "        ./landing/airlines:carrier  identity",
        "    goes into",
        "      rows of gold.routes  join",
        "  name",
        "    comes from",
        "      bronze.airlines.name  identity",
        "        ./landing/airlines:name  identity",
        "    goes into",
        "      gold.routes.airline  identity",
        "      rows of gold.routes  group by",
        "  _sequence",
        "    comes from",
        "      bronze.airlines._source_modified  identity  (when the file was modified, added by Bronze)",
        "  rows of silver.airlines depend on",
        "    bronze.airlines._source_modified  sort",
        "    bronze.airlines.carrier  join",
    ]
    assert lines(flights, "bronze.airlines")[-1] == "  every other field of ./landing/airlines, by its own name"


def test_steps_for_programs_are_in_the_words_of_openlineage(flights: Plan) -> None:
    found: dict[str, Any] = json.loads(json.dumps(lineage_of(flights, "silver.airlines.name").to_dict()))
    assert (found["table"], found["column"]) == ("silver.airlines", "name")
    assert found["upstream"][:2] == [
        {"from": {"table": "bronze.airlines", "column": "name"}, "to": {"table": "silver.airlines", "column": "name"},
         "type": "DIRECT", "subtype": "IDENTITY"},
        {"from": {"source": "./landing/airlines", "column": "name"}, "to": {"table": "bronze.airlines", "column": "name"},
         "type": "DIRECT", "subtype": "IDENTITY"},
    ]  # fmt: skip
    assert found["downstream"][-1] == {
        "from": {"table": "silver.airlines", "column": "name"}, "to": {"table": "gold.routes", "column": None},
        "type": "INDIRECT", "subtype": "GROUP_BY",
    }  # fmt: skip


@pytest.mark.parametrize(("asked", "other"), [("upstream", "downstream"), ("downstream", "upstream")])
def test_only_the_direction_that_was_asked_for(flights: Plan, asked: str, other: str) -> None:
    for name in ("silver.flights", "silver.flights.carrier"):
        found = lineage_of(flights, name, **{other: False})
        assert getattr(found, asked)
        assert getattr(found, other) is None
        assert found.to_dict().keys() == {"table", "column", asked}
        assert ("goes into" in str(found)) is (asked == "downstream")


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ("silver.flight.dep_delay", "unknown-table", "there is no table 'silver.flight' in this project; did you mean 'silver.flights'?"),
        ("flights", "unknown-table", "there is no table 'flights' in this project"),
        ("", "unknown-table", "there is no table '' in this project"),
        ("silver.flights.dep_dely", "unknown-column", "silver.flights has no column 'dep_dely'; did you mean 'dep_delay'?"),
        ("bronze.flights.tailnumber", "unknown-column", "nothing here is made of a column 'tailnumber' of bronze.flights, which has whatever its input has; did you mean 'tailnum'?"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_a_problem_with_the_nearest(flights: Plan, asked: str, code: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        lineage_of(flights, asked)
    (problem,) = error.value.problems
    assert problem.code == code
    assert str(problem).startswith(f"COLUMN:1:1: {code}: {message}")


# --- what cannot be known -----------------------------------------------------------------------------------------

OPEN = """
bronze:
  a: {source: {format: csv, path: a}}
  b: {source: {format: csv, path: b}}
gold:
  both: {sql: SELECT x FROM bronze.a JOIN bronze.b USING (id)}
  star: {sql: "SELECT * FROM bronze.a, bronze.b"}
  next: {sql: SELECT y FROM gold.star}
"""


def test_what_cannot_be_told_is_not_invented(tmp_path: Path) -> None:
    found = plan(tmp_path, OPEN)
    assert lines(found, "gold.next.y", downstream=False) == [
        "gold.next.y",
        "  comes from",
        "    gold.star.y  identity",
        "      every column of bronze.a  identity",
        "      every column of bronze.b  identity",
    ]
    assert lines(found, "gold.star", upstream=False)[-1] == (
        "  columns that cannot be told, from every column of bronze.a, every column of bronze.b"
    )


def test_what_may_be_meant_is_told_as_such(tmp_path: Path) -> None:
    unsure = "of several columns, which of them cannot be told"
    assert lines(plan(tmp_path, OPEN), "bronze.a.id", upstream=False) == [
        "bronze.a.id",
        "  goes into",
        f"    gold.both.x  identity  ({unsure})",
        "    rows of gold.both  join",
        f"    gold.star.y  identity  ({unsure})",
        "      gold.next.y  identity",
    ]


def test_a_column_that_is_shown_can_be_asked_for(tmp_path: Path) -> None:
    text = "bronze: {a: {source: {format: csv, path: a}}}\nsilver: {s: {from: bronze.a}}\ngold: {g: {sql: SELECT x FROM bronze.a}}\n"
    found = plan(tmp_path, text)
    assert "    silver.s.x  identity" in lines(found, "bronze.a.x")
    assert lines(found, "silver.s.x")[2] == "    bronze.a.x  identity"


def test_a_way_that_was_shown_is_not_shown_again(tmp_path: Path) -> None:
    text = "bronze: {a: {source: {format: csv, path: a}, schema: {x: string}}}\ngold:\n  g0: {sql: 'SELECT x, x AS y FROM bronze.a'}\n"
    for n in range(1, 30):
        text += f"  g{n}: {{sql: 'SELECT a.x AS x, a.x + b.x AS y FROM gold.g{n - 1} a, gold.g{n - 1} b'}}\n"
    found = plan(tmp_path, text + "  last: {sql: SELECT x + y AS z FROM gold.g29}\n")
    up, down = lines(found, "gold.last.z", downstream=False), lines(found, "bronze.a.x", upstream=False)
    assert "(as above)" in up[-1]
    assert len(up) < 100
    assert len(down) < 100


def test_a_column_that_an_input_does_not_have_is_refused_before(tmp_path: Path) -> None:
    text = "bronze: {a: {source: {format: csv, path: a}, schema: {x: int}}}\ngold: {g: {sql: SELECT missing FROM bronze.a}}\n"
    with pytest.raises(SpecError, match="there is no column 'missing' here"):
        plan(tmp_path, text)


@pytest.mark.parametrize("path", sorted(plans.FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_column_of_every_pipeline_here_has_a_lineage(tmp_path: Path, path: Path) -> None:
    found = plans.compiled(path, tmp_path)
    for step in found.steps:
        table = lineage_of(found, str(step.name))
        assert str(table).startswith(str(step.name))
        for column in {use.column for use in table.upstream or () if use.column and use.table == step.name}:
            assert lineage_of(found, f"{step.name}.{column}").upstream


# --- the page about it ----------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "lineage.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_is_what_is_printed(flights: Plan) -> None:
    command, *shown = PAGE.partition("```console\n")[2].partition("```")[0].splitlines()
    assert shown == lines(flights, command.removeprefix("$ lakehouse lineage "))


def test_every_kind_is_explained_on_the_page() -> None:
    told = re.findall(r"^\| (direct|indirect) \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    assert told == [("direct" if kind.is_direct else "indirect", str(kind)) for kind in Kind]


# --- from Python --------------------------------------------------------------------------------------------------


def test_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("pipelines", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    found = lh.lineage("pipelines", "gold.routes.airline", downstream=False)
    assert (found.table, found.column) == (lh.TableName("gold", "routes"), "airline")
    assert {str(use.field) for use in found.upstream or ()} >= {"silver.airlines.name", "./landing/airlines:name"}
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written by looking"
