"""Files: a folder as Docker and Kubernetes mount secrets, or one YAML or JSON file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

from pydantic import Field

from lakehouse.model import Model

LARGEST = 1_000_000
"""Bytes of a file; more is no secret."""


class Keys(Model):
    """Options of `secrets: {provider: file}`."""

    path: str = Field("/run/secrets", min_length=1)
    """A folder in which `scope/key` is the file, or a YAML or JSON file `{scope: {key: value}}`; a relative one starts
    at the project's folder."""


class Options(Model):
    """Keys of `secrets: {provider: file}`."""

    provider: Literal["file"] = "file"
    """Files, as Docker and Kubernetes mount them: `${secret:alerts/url}` is `/run/secrets/alerts/url`, without the line
    end behind its text. Or one YAML or JSON file, which nobody but its owner may be able to read."""
    options: Keys = Field(default_factory=Keys)
    """The provider's own options."""


def place(options: Options, root: Path, scope: str, key: str) -> str:
    """The file's path."""
    path = _path(options, root)
    return f"{scope}: {key} in the file {path}" if path.is_file() else f"the file {path / scope / key}"


def read(options: Options, root: Path, scope: str, key: str) -> str | None:
    """The file's text without the line end that editors put behind it, or the value in the one file."""
    path = _path(options, root)
    if path.is_file():
        return _entry(path, scope, key)
    path = path / scope / key
    return _text(path).removesuffix("\n").removesuffix("\r") if path.is_file() else None


def _path(options: Options, root: Path) -> Path:
    return root / Path(options.options.path).expanduser()


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text") from error


def _entry(path: Path, scope: str, key: str) -> str | None:
    import yaml

    # a folder is mounted readable by all inside a container; a file with many secrets lies on somebody's disk
    if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        raise ValueError(f"others than its owner may use it (mode {mode:03o}); `chmod 600 {path}`")
    try:
        # every scalar as its text: no value turns into a number, and a tag makes nothing
        found = yaml.load(_text(path), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506
    except yaml.YAMLError as error:
        # its own words would show lines of the file
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise ValueError(f"line {line} is not YAML or JSON") from None
    for name in (scope, *key.split("/")):
        found = found.get(name) if isinstance(found, dict) else None
    if found is not None and not isinstance(found, str):
        raise ValueError(f"what stands under {scope}: {key} is not a text")
    return found
