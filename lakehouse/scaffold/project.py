"""The files of a new project, and writing them where none of them is yet."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from lakehouse.errors import MachineError
from lakehouse.spec.json_schema import schema_text

_NAME = "@project@"
_SCHEMAS: tuple[Literal["pipeline", "config"], ...] = ("pipeline", "config")
_HIDDEN = {"gitignore": ".gitignore"}
"""Name in the template -> name in the project: tools that pack the template would obey it."""


def new_files(folder: Path) -> dict[str, str]:
    """Path below the folder -> text, of everything that a new project has; its name is the folder's."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-.") or "lake"
    found = {path: text.replace(_NAME, name) for path, text in _template(files(__package__) / "template")}
    found |= {f".lakehouse/{of}.schema.json": schema_text(of) for of in _SCHEMAS}
    return dict(sorted(found.items()))


def _template(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    for item in folder.iterdir():
        path = above + _HIDDEN.get(item.name, item.name)
        if item.is_dir():
            yield from _template(item, f"{path}/")
        else:
            yield path, item.read_text(encoding="utf-8")


def in_the_way(folder: Path, names: Iterable[str]) -> list[str]:
    """What is there already where one of these files, or a folder that holds it, would be."""
    found: dict[str, None] = {}
    for name in names:
        path = folder / name
        holders = [above for above in reversed(path.parents) if os.path.lexists(above) and not above.is_dir()]
        if holders:
            holder = holders[0]
            found[str(holder.relative_to(folder) if folder in holder.parents else holder)] = None
        elif os.path.lexists(path):
            found[name] = None
    return list(found)


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files, none over one that is there; raises MachineError when the folder cannot be written."""
    for name, text in texts.items():
        _write(folder / name, text, mode="x")


def write_schema(of: Literal["pipeline", "config"], path: Path) -> None:
    """Write the schema into a file, over the one that is there; raises MachineError when that cannot be."""
    _write(path, schema_text(of), mode="w")


def _write(path: Path, text: str, mode: Literal["x", "w"]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror or error}", code="init.unwritable") from error
