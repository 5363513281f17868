"""The demo's three instalments through a real lake, held against the independent calculation of `demo.truth`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lakehouse as lh
from demo import feed, truth
from tests.as_planned import Planned

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
GOLD = ("gold.carrier_day", "gold.routes", "gold.fleet_age", "gold.weather_delay")

THIRD_RUN = """
import sys
import lakehouse as lh
result = lh.run(lh.load(root=sys.argv[1]))
assert result.ok, result
assert "pyspark" not in sys.modules, "a run with nothing to do imported pyspark"
print(*sorted({str(step.status) for step in result.steps.values()}))
"""


@dataclass(frozen=True)
class Story:
    """A lake after the third instalment, and what was seen on the way."""

    root: Path
    results: Mapping[int, Any]
    unplanned: Mapping[int, list[str]]
    """Instalment -> in what its run did not do what `plan` said right before it."""
    rows: Mapping[int, Mapping[str, int]]
    """Instalment -> table -> number of rows."""
    before_third: Mapping[str, int]
    third: subprocess.CompletedProcess[str]

    def table(self, name: str) -> str:
        return str(self.root / "lake" / name.replace(".", "/"))


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("demo")
    for name in ("pipelines/flights.yaml", "configs/base.yaml", "configs/local.yaml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    results, unplanned, rows = {}, {}, {}
    for instalment in (1, 2):
        feed.deliver(instalment, root / "landing")
        planned = Planned.now(lh.load(root=root))
        results[instalment] = lh.run(lh.load(root=root), spark=spark)
        unplanned[instalment] = planned.differences(results[instalment].id)
        rows[instalment] = {name: counted(spark, root, name) for name in truth.after(instalment).rows}
    feed.deliver(3, root / "landing")
    before = data_files(root / "lake")
    said = Planned.now(lh.load(root=root)).steps
    unplanned[3] = [name for name, step in said.items() if step["batches"] or step["inputs"] or step["alters"]]
    third = subprocess.run(
        [sys.executable, "-c", THIRD_RUN, str(root)], env=without_java(), capture_output=True, text=True, check=False
    )
    yield Story(root, results, unplanned, rows, before, third)
    shutil.rmtree(root)


def counted(spark: SparkSession, root: Path, name: str) -> int:
    """Rows of the table; a table that nothing was written to need not exist."""
    path = root / "lake" / name.replace(".", "/")
    return spark.read.format("delta").load(str(path)).count() if (path / "_delta_log").exists() else 0


def data_files(lake: Path) -> dict[str, int]:
    """Every file of every data table, its log among them, with its modification time."""
    layers = (lake / layer for layer in ("bronze", "silver", "gold"))
    return {str(path): path.stat().st_mtime_ns for layer in layers for path in layer.rglob("*") if path.is_file()}


def without_java() -> dict[str, str]:
    """An environment in which nobody finds Java."""
    kept = {key: value for key, value in os.environ.items() if key not in ("JAVA_HOME", "SPARK_HOME")}
    return {**kept, "PATH": "", "JAVA_HOME": "/nonexistent"}


def plain(frame: pd.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    """Rows as tuples of Python's own values, missing ones as None, in an order of their own."""
    import pandas as pd

    def value(cell: Any) -> Any:
        if pd.isna(cell):
            return None
        if isinstance(cell, pd.Timestamp):
            return cell.to_pydatetime().replace(tzinfo=None)
        return cell.item() if hasattr(cell, "item") else cell

    return sorted((tuple(map(value, row)) for row in frame[columns].itertuples(index=False)), key=repr)


def stored(spark: SparkSession, story: Story, name: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows of a table, times in UTC without zone, and the names of its columns, `_` ones left out."""
    frame = spark.read.format("delta").load(story.table(name))
    columns = [column for column in frame.columns if not column.startswith("_")]
    in_utc = [
        f"CAST({name} AS timestamp_ntz) AS {name}" if kind == "timestamp" else name for name, kind in frame.dtypes
    ]
    rows = frame.selectExpr(*in_utc).select(*columns).collect()
    return sorted((tuple(row) for row in rows), key=repr), columns


@pytest.mark.parametrize("instalment", [1, 2, 3])
def test_a_run_does_what_the_plan_said_right_before_it(story: Story, instalment: int) -> None:
    assert story.unplanned[instalment] == []


@pytest.mark.parametrize("instalment", [1, 2])
def test_every_step_succeeds(story: Story, instalment: int) -> None:
    failed = {str(name): step.error for name, step in story.results[instalment].steps.items() if step.error}
    assert not failed
    assert story.results[instalment].ok


@pytest.mark.parametrize("instalment", [1, 2])
def test_every_table_has_the_rows_it_must_have(story: Story, instalment: int) -> None:
    assert story.rows[instalment] == dict(truth.after(instalment).rows)


@pytest.mark.parametrize("table", ["silver.planes", *GOLD])
def test_rows_are_exactly_those_of_the_independent_calculation(story: Story, spark: SparkSession, table: str) -> None:
    expected = truth.after(2).tables[table]
    rows, columns = stored(spark, story, table)
    assert sorted(columns) == sorted(expected.columns)
    assert rows == plain(expected, columns)


def test_rows_set_aside_say_every_rule_that_they_broke(story: Story, spark: SparkSession) -> None:
    for table, expected in truth.after(2).failures.items():
        names = (
            spark.read.format("delta").load(story.table(table)).selectExpr("explode(_failures.name) AS name").collect()
        )
        found: dict[str, int] = {}
        for row in names:
            found[row.name] = found.get(row.name, 0) + 1
        assert found == dict(expected), table


def test_damaged_lines_are_kept_as_they_came(story: Story, spark: SparkSession) -> None:
    kept = spark.read.format("delta").load(story.table("bronze.flights_quarantine")).collect()
    assert {Path(row["_source_file"]).name for row in kept} == {f"{feed.BROKEN_DAY}.csv"}
    lines = (story.root / f"landing/flights/{feed.BROKEN_DAY}.csv").read_text().splitlines()
    width = lines[0].count(",")
    assert sorted(row["_raw"] for row in kept) == sorted(line for line in lines if line.count(",") != width)


@pytest.mark.parametrize("instalment", [1, 2])
def test_warnings_count_what_is_stored_all_the_same(story: Story, instalment: int) -> None:
    result = story.results[instalment]
    for rule, expected in truth.after(instalment).warnings.items():
        table, name = rule.rsplit(".", 1)
        assert {e.name: e.violations for e in result[table].expectations}[name] == expected, rule


def test_only_steps_with_something_new_run(story: Story) -> None:
    idle = {str(name) for name, step in story.results[2].steps.items() if str(step.status) == "idle"}
    assert idle == {"bronze.airlines", "bronze.airports", "silver.airlines", "silver.airports"}


def test_nothing_new_makes_no_commit_and_no_file_and_needs_no_java(story: Story) -> None:
    assert story.third.returncode == 0, story.third.stderr
    assert story.third.stdout.split() == ["idle"]
    assert data_files(story.root / "lake") == dict(story.before_third)
