"""Rows of the semantics that reading the files alone can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.planning.compile import compile
from lakehouse.spec.load import load, survey

BRONZE = "bronze:\n  flights:\n    source: {format: csv, path: landing}\n"


def written(folder: Path, **files: str) -> Path:
    """A project of these pipeline files."""
    (folder / "pipelines").mkdir(parents=True)
    for name, text in files.items():
        (folder / "pipelines" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "pipelines"


def codes(folder: Path) -> list[tuple[str, int]]:
    return [(p.code, p.position.line) for p in survey(folder).problems]


def test_s25_two_ways_to_load_one_table_are_an_error(tmp_path: Path) -> None:
    both = BRONZE + "    auto_loader: {}\n    copy_into: {pattern: '*.csv'}\n"
    assert codes(written(tmp_path, p="pipeline: p\n" + both)) == [("conflicting-keys", 6)]


@pytest.mark.parametrize(
    "way", ["sql: SELECT 1 AS n", "from: bronze.flights\n    aggregate: {by: a, measures: {n: count(*)}}"]
)
@pytest.mark.parametrize("action", ["warn", "drop", "quarantine", "fail"])
def test_s57_computed_rows_are_kept_or_fail(tmp_path: Path, way: str, action: str) -> None:
    gold = f"gold:\n  g:\n    {way}\n    expectations:\n      some: {{expect: n > 0, on_violation: {action}}}\n"
    found = [code for code, _ in codes(written(tmp_path, p=f"pipeline: p\n{BRONZE}{gold}"))]
    assert found == ([] if action in ("warn", "fail") else ["wrong-value"])


def test_s95_moving_a_table_to_another_file_changes_nothing(tmp_path: Path) -> None:
    silver = "silver:\n  flights:\n    from: bronze.flights\n    append: true\n"
    one = load(written(tmp_path / "one", p=f"pipeline: p\n{BRONZE}{silver}"), root=tmp_path)
    two = load(written(tmp_path / "two", q=f"pipeline: q\n{BRONZE}", r=f"pipeline: r\n{silver}"), root=tmp_path)
    for name in ("bronze.flights", "silver.flights"):
        before, after = compile(one)[name], compile(two)[name]
        assert before.definition == after.definition
        assert one.environment.table_path(before.name) == two.environment.table_path(after.name)


def test_s96_two_writers_of_one_table_are_an_error(tmp_path: Path) -> None:
    folder = written(tmp_path, p=f"pipeline: p\n{BRONZE}", q=f"pipeline: q\n{BRONZE}")
    assert codes(folder) == [("duplicate-table", 3)]
