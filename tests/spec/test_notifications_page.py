"""docs/notifications.md: its example is read, and its figures are the library's."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import lakehouse
from lakehouse.model import duration_text
from lakehouse.names import TableName
from lakehouse.planning.compile import compile
from lakehouse.sources.event_folder import MOST_BYTES
from lakehouse.spec.load import load
from lakehouse.state.discovery import EVERY

PAGE = (Path(lakehouse.__file__).parents[1] / "docs/notifications.md").read_text(encoding="utf-8")


def test_the_example_is_read(tmp_path: Path) -> None:
    ((name, text),) = re.findall(r"^```yaml\n# (pipelines/\w+\.yaml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(text)
    project = load(tmp_path / "pipelines")
    assert compile(project)["bronze.readings"].is_bronze
    loader = project.tables[TableName("bronze", "readings")].auto_loader
    assert loader is not None
    assert loader.backfill_interval == timedelta(hours=12)


def test_the_figures() -> None:
    assert f"`backfill_interval`; `{duration_text(EVERY)}` when left out" in PAGE
    assert f"at most {MOST_BYTES >> 20} MiB" in PAGE
