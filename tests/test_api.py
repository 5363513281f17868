"""The public verbs from Python: what importing costs, typed classes beside YAML, and an empty lake."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

import lakehouse as lh
from lakehouse.api import compiled, known_table
from lakehouse.planning.steps import Plan

ROOT = Path(__file__).parents[1]

FLIGHTS: dict[str, Any] = {
    "variables": {"punctual_minutes": 15, "landing": "landing"},
    "bronze": {
        "flights": lh.Table(
            source={"format": "csv", "path": "./landing/flights", "options": {"header": True}},
            auto_loader={
                "schema_evolution_mode": "add_new_columns",
                "schema_hints": {"year": "int", "month": "int", "day": "int", "time_hour": "timestamp"},
            },
        ),
        "planes": lh.Table(
            source={"format": "csv", "path": "./landing/planes", "options": {"header": True}},
            copy_into={"pattern": "planes-*.csv"},
        ),
        "airlines": lh.Table(source={"format": "csv", "path": "./landing/airlines", "options": {"header": True}}),
        "airports": lh.Table(source={"format": "csv", "path": "./landing/airports", "options": {"header": True}}),
        "weather": lh.Table(source={"format": "json", "path": "./landing/weather"}),
    },
    "silver": {
        "flights": lh.Table(
            from_="bronze.flights",
            cleanse=[
                {"trim": ["carrier", "tailnum", "origin", "dest"]},
                {
                    "null_if": {
                        "columns": ["tailnum", "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"],
                        "values": ["", "NA"],
                    }
                },
                {"derive": {"flight_date": "make_date(year, month, day)"}},
            ],
            schema_={
                "flight_date": {"type": "date", "nullable": False},
                "carrier": {"type": "string", "nullable": False},
                "flight": {"type": "int", "nullable": False},
                "origin": {"type": "string", "nullable": False},
                "dest": "string",
                "tailnum": "string",
                "sched_dep_time": "int",
                "dep_time": "int",
                "dep_delay": "int",
                "arr_delay": "int",
                "air_time": "int",
                "distance": "int",
                "time_hour": "timestamp",
            },
            expectations={
                "known_origin": {
                    "expect_column_values_to_be_in_set": {"column": "origin", "value_set": ["EWR", "JFK", "LGA"]},
                    "on_violation": "quarantine",
                },
                "plausible_delay": {
                    "expect_column_values_to_be_between": {"column": "dep_delay", "min_value": -60, "max_value": 1000},
                    "mostly": 0.999,
                    "on_violation": "fail",
                },
                "landed": "dep_time IS NULL OR air_time IS NOT NULL",
            },
            merge={"keys": ["flight_date", "carrier", "flight", "origin"], "sequence_by": "_source_modified"},
        ),
        "planes": lh.Table(
            from_="bronze.planes",
            cleanse=[
                {"null_if": {"columns": ["year", "speed"], "values": ["NA"]}},
                {"filter": "type <> 'Rotorcraft'"},
                {"rename": {"year": "built", "engine": "engine_type"}},
            ],
            schema_={
                "tailnum": {"type": "string", "nullable": False},
                "built": "int",
                "manufacturer": "string",
                "model": "string",
                "engines": "int",
                "engine_type": "string",
                "seats": "int",
            },
            expectations={"built_is_known": {"expect_column_values_to_not_be_null": {"column": "built"}}},
            merge={"keys": "tailnum", "sequence_by": "_source_modified", "stored_as_scd_type": 2},
        ),
        "airlines": lh.Table(
            from_="bronze.airlines",
            schema_={"carrier": {"type": "string", "nullable": False}, "name": "string"},
            merge={"keys": "carrier", "sequence_by": "_source_modified"},
        ),
        "airports": lh.Table(
            from_="bronze.airports",
            cleanse=[
                {"null_if": {"columns": ["tzone"], "values": ["NA"]}},
                {"rename": {"lat": "latitude", "lon": "longitude", "alt": "altitude", "tzone": "time_zone"}},
            ],
            schema_={
                "faa": {"type": "string", "nullable": False},
                "name": "string",
                "latitude": "double",
                "longitude": "double",
                "altitude": "int",
                "time_zone": "string",
            },
            merge={"keys": "faa", "sequence_by": "_source_modified"},
        ),
        "weather": lh.Table(
            from_="bronze.weather",
            cleanse=[
                {
                    "rename": {
                        "temp": "temperature",
                        "humid": "humidity",
                        "precip": "precipitation",
                        "visib": "visibility",
                    }
                }
            ],
            schema_={
                "origin": {"type": "string", "nullable": False},
                "time_hour": {"type": "timestamp", "nullable": False},
                "temperature": "double",
                "humidity": "double",
                "wind_speed": "double",
                "precipitation": "double",
                "visibility": "double",
            },
            expectations={
                "credible_wind": {
                    "expect_column_values_to_be_between": {"column": "wind_speed", "min_value": 0, "max_value": 200},
                    "on_violation": "quarantine",
                }
            },
            cluster_by=["origin", "time_hour"],
        ),
    },
    "gold": {
        "carrier_day": lh.Table(
            from_="silver.flights",
            aggregate={
                "by": ["carrier", "flight_date"],
                "measures": {
                    "flights": "count(*)",
                    "cancelled": "count_if(dep_time IS NULL)",
                    "late": "count_if(dep_delay > :punctual_minutes)",
                    "mean_delay": "avg(dep_delay)",
                },
            },
        ),
    },
}
"""Comments and maintenance are left out: they do not count for the definition (S88)."""
QUERIES = ("routes", "fleet_age", "weather_delay")


def signature(plan: Plan) -> list[tuple[object, ...]]:
    return [(str(s.name), s.definition, s.way, s.reads, s.after, dict(s.variables)) for s in plan.steps]


def test_the_flights_in_typed_classes_make_the_same_plan_as_the_yaml() -> None:
    loaded = lh.load(ROOT / "pipelines" / "flights.yaml", root=ROOT)
    gold = {**FLIGHTS["gold"], **{q: lh.Table(sql=loaded.tables[lh.TableName("gold", q)].sql) for q in QUERIES}}
    order = [n.table for n in loaded.tables if n.layer == "gold"]
    typed = lh.Pipeline(pipeline="flights", **(FLIGHTS | {"gold": {name: gold[name] for name in order}}))
    assert signature(compiled(lh.project(typed))) == signature(compiled(loaded))


def test_a_pipeline_of_typed_classes_is_judged_like_a_file() -> None:
    wrong = lh.Pipeline(pipeline="p", silver={"s": lh.Table(from_="bronze.none")})
    with pytest.raises(lh.SpecError, match=r"there is no table bronze\.none") as error:
        lh.plan(wrong)
    assert error.value.problems[0].position.file


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import lakehouse; lakehouse.__version__", ["pyspark", "pydantic", "deltalake", "pyarrow", "lakehouse.spec"]),
        ("import lakehouse; lakehouse.LakehouseError, lakehouse.TableName", ["pyspark", "pydantic"]),
        ("import lakehouse; lakehouse.Pipeline, lakehouse.Table, lakehouse.load", ["pyspark", "delta", "py4j"]),
    ],
)
def test_importing_costs_only_what_is_used(code: str, absent: list[str]) -> None:
    check = f"{code}\nimport sys; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_is_there_and_no_other() -> None:
    assert [name for name in lh.__all__ if getattr(lh, name, None) is None] == []
    with pytest.raises(AttributeError, match="has no attribute 'Manager'"):
        lh.Manager  # noqa: B018


def empty(project: lh.Project, name: str) -> None:
    """A Bronze table as a run leaves it that found no files."""
    schema = pa.schema([("x", pa.string()), ("_batch", pa.int64())])
    path = project.environment.table_path(lh.TableName.parse(name))
    DeltaTable.create(path, schema, configuration={"lakehouse.id": f"id-{name}"}, raise_if_key_not_exists=False)


@pytest.fixture
def flights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> lh.Project:
    """The flights' project with nothing landed and nothing run."""
    for folder in ("pipelines", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return lh.load()


def test_on_an_empty_lake_there_is_a_plan_and_nothing_else(flights: lh.Project, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    explained = lh.plan(flights, select="+silver.flights")
    assert [(str(e.step.name), e.action) for e in explained.steps] == [
        ("bronze.flights", "refuses"), ("silver.flights", "idle"),
    ]  # fmt: skip
    assert "does not exist" in str(explained)
    assert lh.files(flights, "bronze.flights") == []
    assert lh.history(flights) == []
    assert lh.history(flights, "silver.flights") == []
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written by looking"


def test_a_path_stands_for_the_project(flights: lh.Project) -> None:
    assert len(lh.plan("pipelines").steps) == len(flights.tables)
    assert lh.history(Path("pipelines/flights.yaml")) == []


def test_selectors_are_one_text_or_many(flights: lh.Project) -> None:
    one = lh.plan(flights, select="bronze.flights bronze.planes")
    assert [str(e.step.name) for e in one.steps] == ["bronze.flights", "bronze.planes"]
    many = lh.plan(flights, select=["bronze.flights", "bronze.planes bronze.weather"], exclude="bronze.planes")
    assert [str(e.step.name) for e in many.steps] == ["bronze.flights", "bronze.weather"]


def test_a_table_is_known_or_refused_with_the_nearest(flights: lh.Project) -> None:
    assert known_table(flights, "silver.flights") == lh.TableName("silver", "flights")
    with pytest.raises(
        lh.SpecError, match=r"there is no table 'silver.flight' in this project; did you mean 'silver.fl"
    ):
        lh.show(flights, "silver.flight")
    with pytest.raises(lh.SpecError, match=r"there is no table 'silver\.flights_quarantine'"):
        known_table(flights, "silver.flights_quarantine")
    assert str(known_table(flights, "silver.flights_quarantine", companions=True)) == "silver.flights_quarantine"
    with pytest.raises(lh.SpecError, match=r"silver\.flights is not a Bronze table, so it has no ledger"):
        lh.files(flights, "silver.flights")


def test_a_run_without_anything_to_do_starts_no_spark(flights: lh.Project, tmp_path: Path) -> None:
    told: list[lh.Event] = []
    empty(flights, "bronze.weather")
    result = lh.run(flights, select="silver.weather", listener=told.append)
    assert (result.status, result.ok, result.used_spark) == ("idle", True, False)
    assert result["silver.weather"].reason == "no new rows in bronze.weather"
    assert {str(e.step) for e in told if e.kind == "step finished"} == {str(n) for n in result.steps}
    (run,) = lh.history(flights)
    assert (run["run_id"], run["status"], run["environment"]) == (result.id, "idle", "local")
    assert [s["status"] for s in lh.history(flights, "silver.weather")] == ["idle"]


def test_a_failed_step_is_in_the_result_and_in_the_history(flights: lh.Project) -> None:
    result = lh.run(flights, select="+silver.flights")
    assert (result.ok, result["silver.flights"].status) == (False, "skipped")
    assert isinstance(result["bronze.flights"].error, lh.LakehouseError)
    assert lh.history(flights, "bronze.flights")[0]["error"].startswith("the source's path")
    second = lh.run(flights, select="bronze.flights")
    assert [r["run_id"] for r in lh.history(flights)] == [second.id, result.id], "the newest first"
    assert len(lh.history(flights, rows=1)) == 1
