"""Files -> Project: what comes out, where it stands, and that Python's classes give the same."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import SpecError
from lakehouse.names import TableName
from lakehouse.spec.load import Project, load, project_of, survey
from lakehouse.spec.models import Pipeline, Run, Table

FLIGHTS = """
pipeline: flights
tags: demo
variables: {landing: ./landing, reference: [airlines, airports]}
run: {max_retries: 2, timeout: 1 hour 30 minutes}
defaults:
  bronze: {maintenance: {vacuum: {retain: 30 days}}, on_bad_file: fail}
  silver: {on_schema_violation: fail}
bronze:
  flights:
    source: {format: csv, path: "${landing}/flights", options: {header: true}}
    auto_loader: {schema_hints: {year: int}}
    on_bad_file: null
  ${name}:
    for_each: {name: "${reference}"}
    source: {format: csv, path: "${landing}/${name}"}
  airports:
    maintenance: {vacuum: null, optimize: never}
silver:
  flights:
    from: bronze.flights
    cleanse:
      - trim: carrier
      - filter: >
          year >=
          2013
    schema: {flight: int, carrier: {type: string, nullable: false}}
    merge: {keys: flight, sequence_by: _source_modified}
    on_schema_violation: null
gold:
  days:
    sql: |
      SELECT count(*) AS n
      FROM silver.flights
"""
BRONZE, SILVER, GOLD = (TableName(layer, "flights") for layer in ("bronze", "silver", "gold"))


def put(folder: Path, text: str, name: str = "p") -> Path:
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "pipelines" / f"{name}.yaml").write_text(text)
    return folder / "pipelines"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load(put(tmp_path, FLIGHTS))


def codes(folder: Path, text: str) -> list[str]:
    return [p.code for p in survey(put(folder, text)).problems]


def test_tables_in_the_order_written(project: Project) -> None:
    names = [str(name) for name in project.tables]
    assert names == ["bronze.flights", "bronze.airlines", "bronze.airports", "silver.flights", "gold.days"]
    assert project.selected == project.tables.keys()


def test_values(project: Project) -> None:
    (pipeline,) = project.pipelines
    assert (pipeline.tags, pipeline.run.timeout) == (("demo",), timedelta(minutes=90))
    table = project.tables[SILVER]
    assert [item.table for item in table.from_ or ()] == [BRONZE]
    assert [rule.word for rule in table.cleanse] == ["trim", "filter"]
    assert list(table.schema_ or {}) == ["flight", "carrier"]
    assert table.merge.keys == ("flight",)


def test_defaults_go_under_and_null_takes_them_away(project: Project) -> None:
    retain = {name.table: table.maintenance for name, table in project.tables.items() if name.layer == "bronze"}
    assert retain["flights"].vacuum.retain == timedelta(days=30)  # type: ignore[union-attr]
    assert retain["airports"].vacuum is None  # type: ignore[union-attr]
    assert retain["airports"].optimize == "never"  # type: ignore[union-attr]
    assert project.tables[BRONZE].on_bad_file == "quarantine"
    assert project.tables[TableName("bronze", "airlines")].on_bad_file == "fail"


def test_a_default_may_be_a_part_of_a_leaf(tmp_path: Path) -> None:
    text = (
        "pipeline: p\ndefaults: {bronze: {source: {format: csv, options: {header: true}}}, gold: {source: {path: x}}}\n"
    )
    found = load(
        put(tmp_path, text + "bronze: {a: {source: {path: x}}, b: {source: {path: y, options: {header: null}}}}")
    )
    options = {name.table: table.source.options for name, table in found.tables.items()}  # type: ignore[union-attr]
    assert options == {"a": {"header": "true"}, "b": {}}


def test_null_is_a_word_for_schema_violations_only(project: Project) -> None:
    assert project.tables[SILVER].on_schema_violation == "null"


def test_a_table_of_for_each_has_its_name_as_variable(project: Project) -> None:
    assert project.variables_of(TableName("bronze", "airlines"))["name"] == "airlines"
    assert "name" not in project.variables_of(BRONZE)


def test_for_each_over_a_map(tmp_path: Path) -> None:
    text = """
pipeline: p
variables: {feeds: {a: {keys: [x], path: /a, n: 3}, b: {keys: [y, z], path: /b, n: 4}}}
bronze:
  raw_${feed}:
    for_each: {feed: "${feeds}"}
    source: {format: csv, path: "${feed.path}/${feed}"}
    auto_loader: {max_files_per_trigger: "${feed.n}"}
silver:
  ${feed}:
    for_each: {feed: "${feeds}"}
    from: bronze.raw_${feed}
    merge: {keys: "${feed.keys}", sequence_by: t}
"""
    found = load(put(tmp_path, text)).tables
    assert found[TableName("silver", "b")].merge.keys == ("y", "z")
    bronze = found[TableName("bronze", "raw_b")]
    assert (bronze.source.path, bronze.auto_loader.max_files_per_trigger) == ("/b/b", 4)  # type: ignore[union-attr]


def test_a_table_of_its_own_name_is_merged_over_the_one_made_for_it(tmp_path: Path) -> None:
    text = """
pipeline: p
defaults: {bronze: {tags: [d], auto_loader: {max_files_per_trigger: 5}, comment: default}}
bronze:
  ${n}:
    for_each: {n: [a, b]}
    source: {format: csv, path: "in/${n}", options: {header: true, sep: ";"}}
    tags: [x, y]
  b:
    source: {options: {sep: null, quote: "'"}}
    tags: z
    comment: null
    auto_loader: {max_files_per_trigger: 7}
"""
    found = load(put(tmp_path, text))
    a, b = (found.tables[TableName("bronze", name)] for name in "ab")
    assert a.source is not None
    assert b.source is not None
    assert (a.source.options, a.tags, a.comment) == ({"header": "true", "sep": ";"}, ("x", "y"), "default")
    assert (b.source.options, b.tags, b.comment) == ({"header": "true", "quote": "'"}, ("z",), None)
    assert [t.auto_loader and t.auto_loader.max_files_per_trigger for t in (a, b)] == [5, 7]
    assert found.variables_of(TableName("bronze", "b"))["n"] == "b", "its expressions may use :n"


def test_for_each_over_two_names(tmp_path: Path) -> None:
    text = "pipeline: p\nbronze:\n  ${a}_${b}:\n    for_each: {a: [x, y], b: [1, 2]}\n"
    text += "    source: {format: csv, path: '${a}/${b}'}\n"
    assert [n.table for n in load(put(tmp_path, text)).tables] == ["x_1", "x_2", "y_1", "y_2"]


@pytest.mark.parametrize(
    ("name", "keys", "line", "column"),
    [
        (BRONZE, (), 10, 3),
        (BRONZE, ("source", "path"), 11, 33),
        (BRONZE, ("source", "options"), 11, 55),
        (BRONZE, ("maintenance", "vacuum"), 7, 26),
        (SILVER, ("from",), 21, 11),
        (SILVER, ("from", 0, "table"), 21, 11),
        (SILVER, ("cleanse", 0, "trim", 0), 23, 15),
        (SILVER, ("cleanse", 1), 24, 9),
        (SILVER, ("schema", "flight"), 27, 22),
        (SILVER, ("nothing", "here"), 20, 3),
        (SILVER, ("merge", "nothing"), 28, 5),
        (TableName("bronze", "airports"), ("source", "path"), 16, 33),
    ],
)
def test_position(project: Project, name: TableName, keys: tuple[str | int, ...], line: int, column: int) -> None:
    found = project.position(name, *keys)
    assert (found.line, found.column) == (line, column)


def test_key_position_and_place_in_a_query(project: Project) -> None:
    assert project.key_position(SILVER, "schema", "carrier").column == 27
    assert project.written(SILVER, "schema", "carrier")
    assert not project.written(SILVER, "schema", "nothing")
    place = project.text_position(2, 6, TableName("gold", "days"), "sql")
    assert project.source_line(place)[place.column - 1 :] == "silver.flights"


def test_typed_classes_give_the_same(tmp_path: Path, project: Project) -> None:
    def table(**keys: Any) -> Table:
        return Table.model_validate(keys)

    built = Pipeline(
        pipeline="flights",
        tags=("demo",),
        variables={"landing": "./landing", "reference": ["airlines", "airports"]},
        run=Run(max_retries=2, timeout=timedelta(minutes=90)),
        bronze={
            "flights": table(
                source={"format": "csv", "path": "${landing}/flights", "options": {"header": True}},
                auto_loader={"schema_hints": {"year": "int"}},
                maintenance={"vacuum": {"retain": "30 days"}},
            )
        },
        silver={
            "flights": Table(
                from_=("bronze.flights",),
                cleanse=({"trim": "carrier"}, {"filter": "year >= 2013\n"}),
                schema_={"flight": "int", "carrier": {"type": "string", "nullable": False}},
                merge={"keys": "flight", "sequence_by": "_source_modified"},
                on_schema_violation="null",
            )
        },
    )
    found = project_of(built, environment=project.environment)
    for name in (BRONZE, SILVER):
        assert found.tables[name].model_dump() == project.tables[name].model_dump()
    assert found.variables_of(SILVER) == project.variables_of(SILVER)


def test_typed_classes_are_judged_too() -> None:
    broken = Pipeline(pipeline="p", silver={"x_quarantine": Table(append=True), "y": Table(from_=("bronze.a",))})
    with pytest.raises(SpecError) as caught:
        project_of(broken)
    assert [p.code for p in caught.value.problems] == ["missing-key", "reserved-name"]


def test_survey_gives_what_could_be_read(tmp_path: Path) -> None:
    text = "pipeline: p\nbronze:\n  a: {source: {format: csv, path: x}}\n  b: {source: {format: csw, path: x}}\n"
    found = survey(put(tmp_path, text))
    assert [str(n) for n in found.project.tables] == ["bronze.a"]
    assert [str(n) for n in found.broken] == ["bronze.b"]
    assert found.project.selected == {TableName("bronze", "a")}
    assert found.project.position(TableName("bronze", "b")).line == 4


@pytest.mark.parametrize(
    "key", ["from_", "schema_", "for_each", "available", "model_config", "_name", "Source", " from"]
)
def test_names_of_python_are_no_keys(tmp_path: Path, key: str) -> None:
    text = f"pipeline: p\nsilver:\n  a:\n    from: bronze.a\n    '{key}': x\n"
    assert codes(tmp_path, text) != []


@pytest.mark.parametrize("value", ["yes", "on", '"true"', "1", "1.0", "'1'"])
def test_nothing_is_turned_into_a_boolean(tmp_path: Path, value: str) -> None:
    text = f"pipeline: p\nsilver:\n  a: {{from: bronze.a, enabled: {value}}}\n"
    assert codes(tmp_path, text) == ["wrong-type"]


@pytest.mark.parametrize("value", ['"1"', "1.0", "true", "'0x1'"])
def test_nothing_is_turned_into_a_number(tmp_path: Path, value: str) -> None:
    text = f"pipeline: p\nsilver:\n  a: {{from: bronze.a, priority: {value}}}\n"
    assert codes(tmp_path, text) == ["wrong-type"]


def test_order_of_tables_and_files_does_not_matter(tmp_path: Path) -> None:
    one = load(put(tmp_path, FLIGHTS))
    (tmp_path / "pipelines" / "p.yaml").unlink()
    head, _, rest = FLIGHTS.partition("bronze:\n  flights")
    silver = "silver:\n" + rest.split("silver:\n")[1]
    bronze = "bronze:\n  flights" + rest.split("silver:\n")[0]
    two = load(put(tmp_path, head + silver + bronze))
    assert two.tables == one.tables


def test_reading_needs_no_spark(tmp_path: Path) -> None:
    folder = put(tmp_path, FLIGHTS)
    heavy = {"pyspark", "py4j", "pandas", "numpy", "deltalake", "great_expectations", "duckdb"}
    code = f"import sys; from lakehouse.spec.load import load; load({str(folder)!r}); print(*({heavy!r} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
