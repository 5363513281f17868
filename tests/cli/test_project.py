"""`lakehouse init` and `lakehouse schema` as one types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from lakehouse.cli import app
from lakehouse.errors import MachineError, SpecError
from lakehouse.spec.json_schema import json_schema


def said(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="lakehouse")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_tells_what_it_made_and_what_to_type_next(here: Path) -> None:
    done = said("init", "a lake")
    assert done.exit_code == 0
    made, next_ = done.stdout.split("\nnext:\n")
    first, *names = made.splitlines()
    assert first == f"made in {here / 'a lake'}:"
    assert {name.strip() for name in names} == {
        str(path.relative_to(here / "a lake")) for path in (here / "a lake").rglob("*") if path.is_file()
    }
    assert next_.splitlines()[:4] == ["  cd 'a lake'", "  lakehouse validate", "  lakehouse plan", "  lakehouse run"]


def test_what_is_typed_next_works_without_leaving_the_folder(here: Path) -> None:
    done = said("init")
    commands = [line.split() for line in done.stdout.partition("\nnext:\n")[2].splitlines()]
    assert [command[:2] for command in commands] == [
        ["lakehouse", word] for word in ("validate", "plan", "run", "show", "quarantine")
    ]
    for command in commands[:2]:
        assert said(*command[1:]).exit_code == 0
    assert "bronze.orders" in said("plan").stdout
    assert not (here / "lake").exists()


def test_init_in_json(here: Path) -> None:
    found = json.loads(said("init", "x", "--json").stdout)
    assert found["folder"] == "x"
    assert all((here / "x" / name).is_file() for name in found["files"])


def test_with_a_file_in_the_way_nothing_is_made(here: Path) -> None:
    (here / "x" / "configs").mkdir(parents=True)
    (here / "x" / "configs" / "local.yaml").write_text("lake: ./mine\n")
    (here / "x" / "README.md").write_text("mine")
    done = said("init", "x")
    assert isinstance(done.exception, SpecError)
    (problem,) = done.exception.problems
    assert (str(problem.position), problem.code) == ("x:1:1", "file-exists")
    assert problem.message == "there is already README.md, configs/local.yaml"
    assert {str(path.relative_to(here)) for path in here.rglob("*")} == {
        "x", "x/configs", "x/configs/local.yaml", "x/README.md",
    }  # fmt: skip
    assert (here / "x" / "README.md").read_text() == "mine"


def test_schema_is_printed_or_written(here: Path) -> None:
    assert json.loads(said("schema").stdout) == json_schema("pipeline")
    assert json.loads(said("schema", "config").stdout) == json_schema("config")
    assert said("schema", "config", "-o", ".lakehouse/config.schema.json").stdout == ""
    assert json.loads((here / ".lakehouse" / "config.schema.json").read_text()) == json_schema("config")
    assert said("schema", "table").exit_code == 2
    (here / "file").write_text("")
    done = said("schema", "-o", "file/x.json")
    assert isinstance(done.exception, MachineError)
    assert done.exception.message.endswith("cannot be written: File exists")
