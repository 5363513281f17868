"""Files that leave a source: only as they were loaded, and never over another one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow.fs import FileSelector, _MockFileSystem

from lakehouse.sources import cleaning
from lakehouse.sources.base import SourceFile
from lakehouse.sources.cleaning import Cleaned, clean, is_apart, target
from lakehouse.sources.filesystem import filesystem, time_of


@pytest.fixture
def loaded(tmp_path: Path) -> SourceFile:
    path = tmp_path / "in" / "d=1" / "a b.csv"
    path.parent.mkdir(parents=True)
    path.write_text("a\n1\n")
    return as_listed(path)


def as_listed(path: Path) -> SourceFile:
    store, inner = filesystem(str(path), {})
    info = store.get_file_info(inner(str(path)))
    return SourceFile(str(path), info.size, time_of(info, str(path)))


def moved(tmp_path: Path) -> Path:
    return tmp_path / "out" / "d=1" / "a b.csv"


def test_a_file_is_deleted(loaded: SourceFile) -> None:
    assert clean(loaded, None, {}) == Cleaned("deleted")
    assert not Path(loaded.path).exists()
    assert clean(loaded, None, {}) == Cleaned("gone")


def test_a_file_is_moved_with_its_time_into_folders_that_are_made(loaded: SourceFile, tmp_path: Path) -> None:
    to = moved(tmp_path)
    assert clean(loaded, str(to), {}) == Cleaned("moved", str(to))
    assert (to.read_text(), Path(loaded.path).exists()) == ("a\n1\n", False)
    assert as_listed(to).modified == loaded.modified
    assert clean(loaded, str(to), {}) == Cleaned("moved", str(to)), "by a run that was killed before it said so"


def test_what_is_gone_for_another_reason_was_not_moved(loaded: SourceFile, tmp_path: Path) -> None:
    Path(loaded.path).unlink()
    assert clean(loaded, str(moved(tmp_path)), {}) == Cleaned("gone")


@pytest.mark.parametrize("text", ["a\n2\n", "a\n1\n2\n"])
def test_a_file_that_was_overwritten_is_kept(loaded: SourceFile, tmp_path: Path, text: str) -> None:
    path = Path(loaded.path)
    path.write_text(text)
    when = loaded.modified.timestamp() + 1
    os.utime(path, (when, when))
    for to in (None, str(moved(tmp_path))):
        assert clean(loaded, to, {}) == Cleaned("kept", why="it has changed since it was loaded")
    assert path.read_text() == text
    assert not moved(tmp_path).exists()


def test_a_file_of_the_same_time_and_another_size_is_kept(loaded: SourceFile) -> None:
    path = Path(loaded.path)
    path.write_text("a\n1\n2\n")
    os.utime(path, (loaded.modified.timestamp(),) * 2)
    assert clean(loaded, None, {}).how == "kept"


def test_no_other_file_is_overwritten(loaded: SourceFile, tmp_path: Path) -> None:
    to = moved(tmp_path)
    to.parent.mkdir(parents=True)
    to.write_text("a\n9\n")
    assert clean(loaded, str(to), {}) == Cleaned("kept", why=f"{to} is there already, with another content")
    assert (to.read_text(), Path(loaded.path).read_text()) == ("a\n9\n", "a\n1\n")


def test_a_copy_without_its_delete_is_brought_to_its_end(loaded: SourceFile, tmp_path: Path) -> None:
    """As a kill leaves it on an object store, where a move is both."""
    to = moved(tmp_path)
    to.parent.mkdir(parents=True)
    to.write_bytes(Path(loaded.path).read_bytes())
    assert clean(loaded, str(to), {}) == Cleaned("moved", str(to))
    assert not Path(loaded.path).exists()


def test_a_store_gets_paths_without_their_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    store = _MockFileSystem(datetime(2024, 1, 1, tzinfo=UTC))
    for folder in ("landing/in", "landing/out"):
        store.create_dir(folder)
    with store.open_output_stream("landing/in/a.csv") as stream:
        stream.write(b"a")
    monkeypatch.setattr(cleaning, "filesystem", lambda *_: (store, None))
    file = SourceFile("s3://landing/in/a.csv", 1, time_of(store.get_file_info("landing/in/a.csv"), "s3://landing"))
    assert clean(file, "s3://landing/out/a.csv", {}) == Cleaned("moved", "s3://landing/out/a.csv")
    assert [i.path for i in store.get_file_info(FileSelector("landing", recursive=True)) if i.is_file] == [
        "landing/out/a.csv"
    ]


@pytest.mark.parametrize(
    ("path", "root", "destination", "wanted"),
    [
        ("/in/a.csv", "/in", "/out", "/out/a.csv"),
        ("/in/d=1/a.csv", "/in/", "/out/", "/out/d=1/a.csv"),
        ("/in/a.csv", "/in/a.csv", "/out", "/out/a.csv"),
        ("/a.csv", "/", "/out", "/out/a.csv"),
        ("s3://b/in/x/a.csv", "s3://b/in", "s3://b/out", "s3://b/out/x/a.csv"),
        ("abfss://c@acc/in/a.csv", "abfss://c@acc/in", "abfss://c@acc/out", "abfss://c@acc/out/a.csv"),
    ],
)
def test_a_file_keeps_its_path_below_the_source(path: str, root: str, destination: str, wanted: str) -> None:
    assert target(path, root, destination) == wanted


@pytest.mark.parametrize(
    ("source", "destination", "apart"),
    [
        ("/in", "/out", True),
        ("/in", "/in-done", True),
        ("/in", "/in", False),
        ("/in", "/in/done", False),
        ("/data/in", "/data", False),
        ("s3://b/in", "s3a://b/in/done", False),
        ("s3://b/in", "s3://c/in/done", True),
        ("/", "/out", False),
    ],
)
def test_folders_that_lie_in_one_another(source: str, destination: str, apart: bool) -> None:
    assert is_apart(source, destination) is apart
