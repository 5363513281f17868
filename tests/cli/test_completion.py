"""What Tab offers, asked of the program as a shell asks it, without a shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.cli import app
from lakehouse.cli.completion import columns, tables

PIPELINE = """pipeline: p
variables: {names: [x, y]}
bronze:
  a: {source: {format: csv, path: landing}, tags: [daily, slow]}
  ${name}: {for_each: {name: "${names}"}, source: {format: csv, path: landing}}
silver:
  s: {from: bronze.a, schema: {id: int, day: date}, tags: daily}
gold:
  g: {from: silver.s, aggregate: {by: day, measures: {n: count(*)}}}
"""
NAMES = ["bronze.a", "bronze.x", "bronze.y", "silver.s", "gold.g"]

Ask = Callable[[str], list[str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "p.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(folder: Path) -> Ask:
    """What is offered behind a line as it is typed: a blank at its end begins a new word."""

    def offered(line: str) -> list[str]:
        words = line.split()
        number = len(words) if line.endswith(" ") else len(words) - 1
        environment = {
            "_LAKEHOUSE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(number),
        }
        done = CliRunner().invoke(app, [], env=environment, prog_name="lakehouse")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.stdout.split()

    return offered


def test_commands(ask: Ask) -> None:
    assert {"init", "validate", "plan", "run"} <= set(ask("lakehouse "))
    assert ask("lakehouse val") == ["validate"]


def test_tables(ask: Ask) -> None:
    for command in ("show", "quarantine", "history"):
        assert ask(f"lakehouse {command} ") == NAMES, command
    assert ask("lakehouse show silver") == ["silver.s"]
    assert ask("lakehouse show --rows 3 go") == ["gold.g"]


def test_files_are_asked_of_bronze(ask: Ask) -> None:
    assert ask("lakehouse files ") == NAMES[:3]
    assert ask("lakehouse files bronze.a --status f") == ["failed"]


def test_columns_come_with_the_dot_behind_their_table(ask: Ask) -> None:
    assert ask("lakehouse lineage s") == ["silver.s"]
    assert ask("lakehouse lineage silver.s.") == ["silver.s.id", "silver.s.day"]
    assert ask("lakehouse lineage gold.g.n") == ["gold.g.n"]
    assert ask("lakehouse lineage bronze.a.") == []


def test_selectors(ask: Ask) -> None:
    methods = ["layer:bronze", "layer:silver", "layer:gold", "tag:daily", "tag:slow", "path:p.yaml"]
    assert ask("lakehouse plan --select ") == [*NAMES, *methods, "state:changed", "state:failed"]
    assert ask("lakehouse run -s silver.s --exclude tag:s") == ["tag:slow"]
    assert ask("lakehouse plan -s +gold") == ["+gold.g"]
    assert ask("lakehouse plan -s 2+gold") == ["2+gold.g"]
    assert ask("lakehouse plan -s bronze.a,layer:s") == ["bronze.a,layer:silver"]


def test_environments(ask: Ask, folder: Path) -> None:
    assert ask("lakehouse run --env ") == ["local"]
    (folder / "configs").mkdir()
    for name in ("base.yaml", "prod.yaml", "dev.yml", "notes.md"):
        (folder / "configs" / name).write_text("")
    assert ask("lakehouse run --env ") == ["dev", "local", "prod"]
    assert ask("lakehouse show silver.s -e p") == ["prod"]


def test_the_project_is_the_one_that_is_named(ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "configs").mkdir()
    (folder / "configs" / "prod.yaml").write_text("variables: {names: [z]}\n")
    assert ask("lakehouse show --env prod bronze") == ["bronze.a", "bronze.z"]
    monkeypatch.chdir(folder.parent)
    assert ask("lakehouse plan --select silver") == []
    assert ask(f"lakehouse plan {folder}/pipelines --select silver") == ["silver.s"]


@pytest.mark.parametrize(
    "text",
    [
        PIPELINE.replace("by: day", "yb: day"),
        PIPELINE + "nonsense: [\n",
        "\x00",
        "",
        "pipeline: ${\nbronze: 3\n",
    ],
)
def test_mistakes_in_the_files_are_no_errors_here(ask: Ask, folder: Path, text: str) -> None:
    (folder / "pipelines" / "p.yaml").write_text(text)
    found = ask("lakehouse show ")
    assert found == (NAMES[:4] if "yb" in text else [])
    ask("lakehouse plan --select ")
    ask("lakehouse lineage silver.s.")
    assert ask("lakehouse plan --env ") == ["local"]


def test_nothing_is_ever_raised(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def fails(*arguments: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("lakehouse.spec.load.survey", fails)
    assert tables(None, "") == columns(None, "") == []  # type: ignore[arg-type]


def test_commands_and_environments_are_offered_without_reading_the_project(folder: Path) -> None:
    code = """
import os, sys
from lakehouse.cli import main
os.environ |= {"_LAKEHOUSE_COMPLETE": "complete_bash", "COMP_WORDS": sys.argv[1], "COMP_CWORD": sys.argv[2]}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
found = [name for name in ("lakehouse.spec.load", "sqlglot", "pyarrow", "deltalake", "pyspark", "rich") if name in sys.modules]
assert not found, found
"""
    for line, number, offered in (("lakehouse va", "1", "validate"), ("lakehouse plan --env lo", "3", "local")):
        done = subprocess.run([sys.executable, "-c", code, line, number], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, [offered], "")
