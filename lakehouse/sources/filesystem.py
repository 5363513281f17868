"""Local folders and object stores by `pyarrow.fs`, their files addressed as users and the ledger write them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lakehouse.errors import MachineError

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_SAME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss"}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_S3 = frozenset({"s3", "s3a", "s3n"})
_S3_NAMES: Mapping[str, Sequence[str]] = {
    "access_key": ("aws_access_key_id", "access_key_id"),
    "secret_key": ("aws_secret_access_key", "secret_access_key"),
    "session_token": ("aws_session_token", "aws_token", "session_token", "token"),
    "region": ("aws_region", "region", "aws_default_region", "default_region"),
    "endpoint": ("aws_endpoint_url", "aws_endpoint", "endpoint_url", "endpoint"),
}
"""What S3 is opened with -> the names by which `deltalake` knows it in `storage`."""


def scheme_of(path: str) -> str:
    """`s3` of `s3://bucket/key`; empty for a local path."""
    match = _URL.match(path)
    return match[1].lower() if match else ""


def absolute(path: str, base: str) -> str:
    """The path as the ledger keeps it: a URL as written, a local one absolute and without `..`; `~` is the home."""
    if scheme_of(path) == "file":
        path = unquote(path[len("file://") :])
    if scheme_of(path):
        return path
    if path.startswith("~"):
        path = posixpath.expanduser(path)
    return posixpath.normpath(posixpath.join(posixpath.abspath(base), path))


def filesystem(path: str, storage: Mapping[str, str]) -> tuple[FileSystem, Callable[[str], str]]:
    """The file system of a path, and the function that turns paths like it into those of the file system.

    `storage` has the object store's own names (`aws_access_key_id`, `azure_storage_account_name`, …).
    Raises MachineError for a scheme that is unknown.
    """
    scheme = scheme_of(path)
    return _opened(scheme, _account(path) if scheme in ("abfs", "abfss") else "", tuple(sorted(storage.items()))), inner


def inner(path: str) -> str:
    """A path or URL as `pyarrow.fs` takes it: bucket or container first, no scheme."""
    scheme = scheme_of(path)
    if not scheme:
        return path
    rest = path.split("://", 1)[1]
    if scheme in ("abfs", "abfss"):
        place, _, key = rest.partition("/")
        rest = f"{place.partition('@')[0]}/{key}"
    return rest


def outer(inner_path: str, like: str) -> str:
    """The path or URL, written like another one of the same place, of a path of `pyarrow.fs`."""
    scheme = scheme_of(like)
    if not scheme:
        return inner_path
    place = like.split("://", 1)[1].partition("/")[0]
    return f"{like.split('://', 1)[0]}://{place}/{inner_path.partition('/')[2]}"


def is_hidden(name: str) -> bool:
    """Whether a file of this name is never taken (S7)."""
    return name.startswith(("_", ".")) or name.endswith("._COPYING_")


def is_below(path: str, folder: str) -> bool:
    """Whether the path is the folder or lies in it; both absolute."""
    top = inner(folder).rstrip("/")
    return store_of(path) == store_of(folder) and f"{inner(path).rstrip('/')}/".startswith(f"{top}/")


def store_of(path: str) -> str:
    """What tells one store from another: the bucket or container and its kind; empty for a local path."""
    scheme = scheme_of(path)
    if not scheme:
        return ""
    place = path.split("://", 1)[1].partition("/")[0]
    return f"{_SAME.get(scheme, scheme)}://{place}"


def time_of(info: FileInfo, path: str) -> datetime:
    """When the file at the path was modified, cut to what the store keeps of it (`unit_of`)."""
    return cut_time(info, unit_of(path))


def unit_of(path: str) -> int:
    """The milliseconds to which times of files at the path are cut: one, which is what Spark sees.

    On S3 1,000: some stores list a file with milliseconds, which are lost when the same file is asked for.
    """
    return 1_000 if scheme_of(path) in _S3 else 1


def cut_time(info: FileInfo, unit: int) -> datetime:
    """When the file was modified, cut to so many milliseconds."""
    return datetime.fromtimestamp((info.mtime_ns or 0) // (1_000_000 * unit) * unit / 1_000, UTC)


def s3_settings(storage: Mapping[str, str]) -> dict[str, str]:
    """What `storage` says of S3, of `access_key`, `secret_key`, `session_token`, `region` and `endpoint`.

    Raises MachineError for one half of a pair of keys.
    """
    options = {name.lower(): value for name, value in storage.items()}
    found = {
        setting: next(options[name] for name in names if options.get(name))
        for setting, names in _S3_NAMES.items()
        if any(options.get(name) for name in names)
    }
    if ("access_key" in found) != ("secret_key" in found):
        there, missing = ("access_key", "secret_key") if "access_key" in found else ("secret_key", "access_key")
        raise MachineError(
            f"`storage` has `{_S3_NAMES[there][0]}` and no `{_S3_NAMES[missing][0]}`",
            code="store.access",
            fix="write both, or neither: then they come from where the machine keeps them",
        )
    return found


def for_spark(path: str) -> str:
    """The path as Hadoop's file systems know it (`s3://` is `s3a://` there)."""
    return "s3a://" + path[5:] if scheme_of(path) == "s3" else path


def from_spark(uri: str) -> str:
    """The plain path of what Spark calls a file: `file:/a%20b` is `/a b`."""
    decoded = unquote(uri, errors="surrogateescape")
    return "/" + decoded[5:].lstrip("/") if decoded.startswith("file:") else decoded


def _account(path: str) -> str:
    return path.split("://", 1)[1].partition("/")[0].partition("@")[2].partition(".")[0]


@lru_cache(maxsize=32)
def _opened(scheme: str, account: str, storage: Sequence[tuple[str, str]]) -> FileSystem:
    from pyarrow import fs

    if scheme == "":
        return fs.LocalFileSystem()
    if scheme in _S3:
        found = s3_settings(dict(storage))
        if endpoint := found.pop("endpoint", ""):
            found["scheme"], _, found["endpoint_override"] = endpoint.rstrip("/").rpartition("://")
            found["scheme"] = found["scheme"] or "https"
        return fs.S3FileSystem(**found)
    if scheme in ("gs", "gcs"):
        return fs.GcsFileSystem()
    if scheme in ("abfs", "abfss"):
        key = {name.lower(): value for name, value in storage}.get("azure_storage_account_key")
        return fs.AzureFileSystem(account_name=account, **({"account_key": key} if key else {}))
    raise MachineError(
        f"{scheme}:// is not a file system that can be listed", fix="use a local path, s3://, gs:// or abfss://"
    )
