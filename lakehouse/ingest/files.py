"""Files that cannot be taken: gone, changed since they were planned, or not readable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

from lakehouse.sources.base import SourceFile
from lakehouse.sources.filesystem import filesystem, inner, time_of
from lakehouse.sources.stores import raise_if_away

_ENCODED = re.compile(r"while reading file (.+?)\.\s+(?:SQLSTATE|File does not exist|Could not read footer)", re.DOTALL)
_PLAIN = (
    re.compile(r"Path does not exist: (.+?)\.\s+SQLSTATE", re.DOTALL),
    re.compile(r"File (\S.*?) does not exist", re.DOTALL),
    re.compile(r"(\S.*?) was written by a future ORC version"),
)
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def failed_file(error_text: str, files: Iterable[SourceFile]) -> str | None:
    """The path, as the ledger has it, of the file that an error of Spark's names; None when it names none of these."""
    by_name = {_comparable(file.path): file.path for file in files}
    names = [unquote(match[1]) for match in _ENCODED.finditer(error_text)]
    names += [match[1] for pattern in _PLAIN for match in pattern.finditer(error_text)]
    return next((by_name[_comparable(name)] for name in names if _comparable(name) in by_name), None)


def _comparable(path: str) -> str:
    path = re.sub(r"^file:/*", "/", path)
    return re.sub(r"^s3[an]?://", "s3://", path)


def unchanged(files: Sequence[SourceFile], storage: Mapping[str, str]) -> tuple[list[SourceFile], dict[str, str]]:
    """The files that are still as planned, and path -> what happened to the others (S4)."""
    if not files:
        return [], {}
    from pyarrow.fs import FileType

    store, _ = filesystem(files[0].path, storage)
    size = 1000
    paths = [inner(file.path) for file in files]
    chunks = [paths[i : i + size] for i in range(0, len(paths), size)]
    with ThreadPoolExecutor(8) as threads:
        infos = [info for chunk in threads.map(store.get_file_info, chunks) for info in chunk]
    still: list[SourceFile] = []
    failed: dict[str, str] = {}
    for file, info in zip(files, infos, strict=True):
        if info.type != FileType.File:
            failed[file.path] = "the file is gone since it was planned"
        elif info.size != file.size:
            failed[file.path] = f"the file changed since it was planned: {file.size} bytes then, {info.size} now"
        elif time_of(info, file.path) != file.modified:
            failed[file.path] = "the file changed since it was planned: its modification time is another"
        else:
            still.append(file)
    return still, failed


def unreadable(files: Sequence[SourceFile], storage: Mapping[str, str]) -> dict[str, str]:
    """Path -> error of files that do not open or do not decompress to their end; reads compressed ones whole, here."""

    def probe(file: SourceFile) -> str | None:
        store, _ = filesystem(file.path, storage)
        suffix = next((s for s in _COMPRESSED if file.path.lower().endswith(s)), None)
        try:
            with store.open_input_stream(inner(file.path), compression=_COMPRESSED.get(suffix or "")) as stream:
                while stream.read(1 << 20) and suffix:
                    pass
        except OSError as error:
            raise_if_away(file.path, error)
            return f"cannot be read: {error}"
        return None

    with ThreadPoolExecutor(8) as threads:
        found = zip(files, threads.map(probe, files), strict=True)
        return {file.path: error for file, error in found if error is not None}
