"""Which files make a project: one folder of pipelines, and configs beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import Position, Problem

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Layout:
    """The files of a project, by the names that problems show."""

    root: Path
    """The project's folder, absolute."""
    shown_root: Path
    """The same as given, so that names stay short."""
    files: tuple[Path, ...]
    """All pipelines of the folder, as given on the command line."""
    chosen: frozenset[str]
    """Those that were asked for."""


def find(
    paths: Iterable[str | os.PathLike[str]], root: str | os.PathLike[str] | None, problems: list[Problem]
) -> Layout:
    """The project that the paths belong to; what is wrong with the paths is added to the problems."""
    given = [Path(_relative(path)) for path in paths] or [_relative(Path(root or "", "pipelines"))]
    folders: dict[Path, Path] = {}
    chosen: set[str] = set()
    for path in given:
        if path.is_dir():
            folder = path / "pipelines" if not _pipelines(path) and (path / "pipelines").is_dir() else path
            names = [str(file) for file in _pipelines(folder)]
            if not names:
                fix = "write a first one, as `pipelines/first.yaml`"
                problems.append(Problem(_at(path), "no-pipelines", "no *.yaml file is in this folder", fix))
            chosen.update(names)
        elif path.is_file():
            folder = path.parent
            chosen.add(str(path))
        else:
            problems.append(Problem(_at(path), "no-such-file", "there is no such file or folder"))
            continue
        folders.setdefault(folder.resolve(), folder)
    if len(folders) > 1:
        first, second, *_ = folders.values()
        message = f"one project is one folder of pipelines, and {str(first)!r} is another"
        problems.append(Problem(_at(second), "several-projects", message, "run them one after the other"))
    folder = next(iter(folders.values()), Path("pipelines"))
    files = dict.fromkeys(_pipelines(folder) if folder.is_dir() else ())
    files.update(dict.fromkeys(Path(name) for name in sorted(chosen) if Path(name).parent == folder))
    shown = Path(_relative(root)) if root is not None else _root(folder)
    return Layout(shown.absolute(), shown, tuple(files), frozenset(chosen))


def _pipelines(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".") and p.is_file())
    return sorted(found)


def _root(folder: Path) -> Path:
    parent = folder / ".." if folder.name in ("", "..") else folder.parent
    for candidate in (folder, parent):
        if (candidate / "configs").is_dir():
            return candidate
    return parent if folder.absolute().name == "pipelines" else folder


def _relative(path: str | os.PathLike[str]) -> Path:
    """The path as given, an absolute one below the working folder as seen from there."""
    given = Path(path)
    if given.is_absolute():
        try:
            return given.relative_to(Path.cwd())
        except ValueError:
            return given
    return given


def _at(path: Path) -> Position:
    return Position(str(path), 1, 1)
