"""A new project holds what it promises: it validates in both environments, runs at once, and comes to these numbers."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakehouse as lh
from lakehouse import api
from lakehouse.errors import MachineError
from lakehouse.names import TableName
from lakehouse.scaffold.project import in_the_way, new_files, write
from lakehouse.spec.json_schema import json_schema
from lakehouse.spec.nodes import plain, read
from tests.as_planned import Planned

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my-lake"
    write(made, new_files(made))
    return made


def tables(folder: Path) -> dict[str, int]:
    """Commits of every table."""
    return {
        str(log.parent.relative_to(folder / "lake")): len(list(log.glob("*.json")))
        for log in (folder / "lake").glob("*/*/_delta_log")
        if log.parents[1].name != "_lakehouse"
    }


# --- the files ----------------------------------------------------------------------------------------------------


def test_every_file_of_the_template_is_written_and_nothing_is_left_to_fill_in(folder: Path) -> None:
    template = Path(str(files("lakehouse.scaffold") / "template"))
    wanted = {str(path.relative_to(template)) for path in template.rglob("*") if path.is_file()}
    wanted = wanted - {"gitignore"} | {".gitignore", ".lakehouse/pipeline.schema.json", ".lakehouse/config.schema.json"}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == wanted
    assert {"pipelines/shop.yaml", "configs/local.yaml", "configs/cluster.yaml", "Makefile", "README.md"} <= wanted
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}
    assert [path for path, text in texts.items() if "@project@" in text] == []
    assert texts[folder / "README.md"].startswith("# my-lake\n")
    assert "\t@lakehouse run" in texts[folder / "Makefile"], "make wants tabs"


@pytest.mark.parametrize("name", ["a b: c #1", "\u00e4\u00f6\u00fc", "..", "'\"${x}"])
def test_any_folder_makes_a_project_without_mistakes(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "one" / name / "x" if name == ".." else tmp_path / name
    write(folder, new_files(folder))
    for env in ("local", "cluster"):
        plan = api.compiled(api.load(root=folder, env=env))
        assert len(plan.steps) == 6
        assert {step.name.layer for step in plan.steps} == {"bronze", "silver", "gold"}


def test_the_files_name_the_schema_that_stands_beside_them(folder: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for path in (folder / "pipelines" / "shop.yaml", *(folder / "configs").glob("*.yaml")):
        text = path.read_text()
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
        assert named, path
        schema = json.loads((path.parent / named[1]).resolve().read_text())
        assert schema == json_schema("pipeline" if path.name == "shop.yaml" else "config")
        node, problems = read(text, path.name)
        assert node is not None
        assert problems == []
        assert list(jsonschema.Draft202012Validator(schema).iter_errors(plain(node))) == []


def test_a_file_in_the_way_is_told_and_none_is_written_over(tmp_path: Path) -> None:
    texts = {"a": "new", "b/c": "new", "b/d": "new", "e": "new"}
    assert in_the_way(tmp_path, texts) == []
    (tmp_path / "a").write_text("old")
    (tmp_path / "e").symlink_to(tmp_path / "nowhere")
    assert in_the_way(tmp_path, texts) == ["a", "e"]
    (tmp_path / "b").write_text("a file where a folder is wanted")
    assert in_the_way(tmp_path, texts) == ["a", "b", "e"]
    assert in_the_way(tmp_path / "a", texts) == [str(tmp_path / "a")]
    with pytest.raises(MachineError, match="a cannot be written: File exists"):
        write(tmp_path, texts)
    assert (tmp_path / "a").read_text() == "old"


# --- the numbers --------------------------------------------------------------------------------------------------

DAYS = [
    # 1003 was cancelled two days later, 1006 has no quantity, 1008 was cancelled
    (date(2024, 3, 1), 5, 8, Decimal("125.00")),
    # 1012 has less than none, 1013 no price
    (date(2024, 3, 2), 5, 16, Decimal("204.00")),
    (date(2024, 3, 3), 6, 10, Decimal("152.00")),
]
COUNTRIES = [
    ("AT", 4, 7, Decimal("170.50")),
    ("DE", 2, 2, Decimal("56.00")),
    ("GB", 2, 5, Decimal("160.50")),
    ("IT", 2, 2, Decimal("94.00")),
]
REJECTED = {
    "1006": [("plausible_quantity", "0")],
    "1012": [("plausible_quantity", "-3")],
    "1013": [("schema.unit_price", "free")],
}


def test_it_runs_at_once(folder: Path, spark: SparkSession) -> None:
    project = lh.load(root=folder)
    for select in ("layer:bronze", ""):  # of silver the second plan says what is read, not on what it depends
        planned = Planned.now(project, select)
        result = lh.run(project, select=select, spark=spark)
        assert result.ok, {name: step.error for name, step in result.steps.items()}
        assert planned.differences(result.id) == []

    def rows(table: str) -> list[tuple[object, ...]]:
        frame = spark.read.format("delta").load(project.environment.table_path(TableName.parse(table)))
        return sorted(tuple(row) for row in frame.select(*(c for c in frame.columns if c[0] != "_")).collect())

    assert rows("gold.daily_sales") == DAYS
    assert rows("gold.country_sales") == COUNTRIES
    orders = {row[0]: row for row in rows("silver.orders")}
    assert orders.keys() == set(range(1001, 1022)) - {1006, 1012, 1013}
    assert orders[1005][6] == "shipped", "the later report wins"
    assert (orders[1003][2], orders[1007][6]) == ("c03", "shipped"), "trimmed, in lower case"
    rejected = lh.quarantine(project, "silver.orders", spark=spark)
    found = {row["order_id"]: [(f["name"], f["value"]) for f in row["_failures"]] for row in rejected}
    assert found == REJECTED
    assert {row[0]: row[2] for row in rows("silver.customers")}.items() >= {"c04": None, "c08": None}.items()

    before = tables(folder)
    assert before.keys() == {*(str(n).replace(".", "/") for n in project.tables), "silver/orders_quarantine"}
    planned = Planned.now(lh.load(root=folder))
    again = lh.run(lh.load(root=folder), spark=spark)
    assert planned.differences(again.id) == []
    assert {str(name): step.status for name, step in again.steps.items()} == dict.fromkeys(
        map(str, project.tables), "idle"
    )
    assert tables(folder) == before
