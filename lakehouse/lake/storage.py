"""A path or URL as a pyarrow filesystem and the path in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyarrow import fs


def is_local(path: str) -> bool:
    """Whether the path lies on this machine's own disks."""
    return "://" not in path or path.startswith("file:")


def local_path(path: str) -> str:
    """The path of a local file without its `file:` scheme."""
    return unquote(urlsplit(path).path) if path.startswith("file:") else path


def filesystem(path: str, storage: Mapping[str, str]) -> tuple[fs.FileSystem, str]:
    """The filesystem that holds the path, and the path as that filesystem writes it."""
    if is_local(path):
        return fs.LocalFileSystem(), str(Path(local_path(path)).absolute())
    found, inside = fs.FileSystem.from_uri(path)
    if isinstance(found, fs.S3FileSystem) and storage:
        options = {name: storage[key] for key, name in _S3.items() if key in storage}
        found = fs.S3FileSystem(**options)
    return found, inside


_S3 = {
    "aws_access_key_id": "access_key",
    "aws_secret_access_key": "secret_key",
    "aws_session_token": "session_token",
    "aws_region": "region",
    "aws_endpoint_url": "endpoint_override",
}
