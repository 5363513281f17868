"""The project that `make bench` plans is one that the library could have left; merges by hand give the library's tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import many_tables, merges
from lakehouse import api

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_many_tables_are_up_to_date_but_for_the_new_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_tables, "DOMAINS", 2)
    many_tables.write_project(tmp_path)
    many_tables.write_state(tmp_path)
    found = api.plan(api.load(root=tmp_path))
    actions = {str(item.step.name): (item.action, bool(item.condition)) for item in found.steps}
    assert len(actions) == 20
    for name, action in actions.items():
        bronze, new = name.startswith("bronze"), name.endswith("_00")
        assert action == ("run" if bronze and new else "idle", not bronze and new), name


def test_merges_by_hand_and_by_the_library_hold_the_same_rows(spark: SparkSession, tmp_path: Path) -> None:
    assert merges.measure(spark, tmp_path, rows=400, batch=200, merges=2, tables=["latest", "history"]) == 0
