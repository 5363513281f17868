"""Which files make a project, and how they are called in problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import Problem
from lakehouse.names import TableName
from lakehouse.spec.files import find
from lakehouse.spec.load import load, survey


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        stem = path.stem
        path.write_text(f"pipeline: {stem}\nbronze: {{{stem}: {{source: {{format: csv, path: x}}}}}}\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    put(tmp_path, "pipelines/a.yaml", "pipelines/b.yml", "pipelines/.hidden.yaml", "pipelines/notes.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(found: object) -> list[str]:
    return sorted(str(name) for name in found)  # type: ignore[attr-defined]


def test_the_default_is_pipelines(project: Path) -> None:
    found = load()
    assert names(found.tables) == names(found.selected) == ["bronze.a", "bronze.b"]
    assert found.position(TableName("bronze", "a")).file == "pipelines/a.yaml"
    assert found.root == project


def test_the_default_is_pipelines_of_the_root_that_is_named(project: Path) -> None:
    put(project, "other/pipelines/c.yaml")
    found = load(root=project / "other")
    assert names(found.tables) == ["bronze.c"]
    assert found.root == project / "other"
    assert found.position(TableName("bronze", "c")).file == "other/pipelines/c.yaml"


def test_a_file_knows_its_folder_and_selects_its_own_tables(project: Path) -> None:
    found = load("pipelines/a.yaml")
    assert names(found.tables) == ["bronze.a", "bronze.b"]
    assert names(found.selected) == ["bronze.a"]
    assert names(load(["pipelines/a.yaml", "pipelines/b.yml"]).selected) == ["bronze.a", "bronze.b"]


@pytest.mark.parametrize("given", [".", "pipelines", "./pipelines", "pipelines/"])
def test_the_project_folder_will_do(project: Path, given: str) -> None:
    found = load(given)
    assert found.root.resolve() == project
    assert names(found.selected) == ["bronze.a", "bronze.b"]
    assert found.position(TableName("bronze", "a")).file == "pipelines/a.yaml"


def test_absolute_paths_below_the_working_folder_are_shown_short(project: Path) -> None:
    assert load(project / "pipelines").position(TableName("bronze", "a")).file == "pipelines/a.yaml"


def test_from_inside_the_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "pipelines")
    found = load("a.yaml")
    assert (found.root.resolve(), found.position(TableName("bronze", "b")).file) == (project, "b.yml")


def test_root_is_where_configs_are(tmp_path: Path) -> None:
    put(tmp_path, "etl/a.yaml", "flat/a.yaml")
    (tmp_path / "configs").mkdir()
    (tmp_path / "flat" / "configs").mkdir()
    assert load(tmp_path / "etl").root == tmp_path
    assert load(tmp_path / "flat").root == tmp_path / "flat"
    assert load(tmp_path / "etl", root=tmp_path / "flat").root == tmp_path / "flat"


def test_a_folder_without_a_name_and_configs_is_its_own_root(tmp_path: Path) -> None:
    put(tmp_path, "etl/a.yaml")
    assert load(tmp_path / "etl" / "a.yaml").root == tmp_path / "etl"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["nothing.yaml"], "no-such-file"),
        (["empty"], "no-pipelines"),
        (["pipelines", "other"], "several-projects"),
    ],
)
def test_paths_that_are_wrong(project: Path, given: list[str], code: str) -> None:
    (project / "empty").mkdir()
    put(project, "other/c.yaml")
    problems: list[Problem] = []
    find(given, None, problems)
    assert [p.code for p in problems] == [code]


def test_a_file_that_cannot_be_opened(project: Path) -> None:
    (project / "pipelines" / "a.yaml").unlink()
    (project / "pipelines" / "a.yaml").symlink_to(project / "gone.yaml")
    assert survey("pipelines").problems == ()  # a dangling link is no file
    assert [p.code for p in survey("pipelines/a.yaml").problems] == ["no-such-file"]


def test_unreadable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert {p.code for p in survey().problems} == {"unreadable-file"}
