"""What `deltalake` does not show of a log: clustering columns, removed files, in some tables hidden rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyarrow import fs

from lakehouse.lake.history import LogFiles

_CLUSTERING = "delta.clustering"


def clustering(filesystem: fs.FileSystem, files: LogFiles, version: int) -> tuple[tuple[str, ...], ...]:
    """The clustering columns as physical paths; empty when there are none."""
    found = newest_checkpoint(filesystem, files, version)
    start = found[0] if found else -1
    for v in range(version, start, -1):
        for action in _actions(files, v, "domainMetadata"):
            if action["domain"] == _CLUSTERING:
                return _paths(action)
    for action in _checkpointed(filesystem, found[1] if found else [], "domainMetadata", ["domain", "configuration"]):
        if action["domain"] == _CLUSTERING:
            return _paths(action)
    return ()


def removed(filesystem: fs.FileSystem, files: LogFiles, version: int) -> pa.Table:
    """Files listed as removed and not added again: path, removed_at."""
    found = newest_checkpoint(filesystem, files, version)
    gone: dict[str, int] = {
        action["path"]: int(action["deletionTimestamp"] or 0)
        for action in _checkpointed(filesystem, found[1] if found else [], "remove", ["path", "deletionTimestamp"])
    }
    for v in range(found[0] + 1 if found else 0, version + 1):
        text = files.read(v) or b""
        for line in text.splitlines():
            if line.startswith(b'{"remove"'):
                action = json.loads(line)["remove"]
                gone[action["path"]] = int(action.get("deletionTimestamp") or 0)
            elif line.startswith(b'{"add"'):
                gone.pop(json.loads(line)["add"]["path"], None)
    at = [datetime.fromtimestamp(ms / 1000, UTC) for ms in gone.values()]
    return pa.table({"path": pa.array(list(gone), pa.string()), "removed_at": pa.array(at, pa.timestamp("us", "UTC"))})


def hidden(filesystem: fs.FileSystem, files: LogFiles, version: int) -> dict[str, int]:
    """Path -> rows that a deletion vector hides, of the files that have one."""
    found = newest_checkpoint(filesystem, files, version)
    hides: dict[str, int] = {}

    def note(action: dict[str, Any]) -> None:
        hides.pop(action["path"], None)
        if vector := action.get("deletionVector"):
            hides[action["path"]] = int(vector["cardinality"])

    keys = ["path", "deletionVector.cardinality"]
    for action in _checkpointed(filesystem, found[1] if found else [], "add", keys):
        note(action)
    for v in range(found[0] + 1 if found else 0, version + 1):
        # a commit that changes a vector removes the file and adds it again
        for action in _actions(files, v, "remove"):
            hides.pop(action["path"], None)
        for action in _actions(files, v, "add"):
            note(action)
    return hides


def newest_checkpoint(filesystem: fs.FileSystem, files: LogFiles, version: int) -> tuple[int, list[str]] | None:
    """The newest complete checkpoint at or below the version, and its files (sidecars included)."""
    parts: dict[int, dict[str, list[str]]] = {}
    for info in filesystem.get_file_info(fs.FileSelector(files.folder, allow_not_found=True)):
        name = info.base_name
        if ".checkpoint." not in name or name.startswith("."):
            continue
        number, _, rest = name.partition(".checkpoint.")
        if number.isdigit() and int(number) <= version and rest.endswith((".parquet", ".json")):
            # classic: one file; multi-part: 0000000001.0000000003.parquet; v2: a uuid
            bits = rest.split(".")
            group = bits[1] if len(bits) == 3 else rest
            parts.setdefault(int(number), {}).setdefault(group, []).append(info.path)
    for number in sorted(parts, reverse=True):
        for group, paths in parts[number].items():
            if not group.isdigit() or len(paths) == int(group):
                return number, sorted(paths)
    return None


def _paths(action: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    if action.get("removed"):
        return ()
    return tuple(tuple(path) for path in json.loads(action["configuration"]).get("clusteringColumns", []))


def _actions(files: LogFiles, version: int, kind: str) -> Iterator[dict[str, Any]]:
    text = files.read(version) or b""
    start = b'{"' + kind.encode() + b'"'
    for line in text.splitlines():
        if line.startswith(start):
            yield json.loads(line)[kind]


def _checkpointed(filesystem: fs.FileSystem, paths: list[str], kind: str, keys: list[str]) -> Iterator[dict[str, Any]]:
    for path in paths:
        sidecars: list[str] = []
        if path.endswith(".json"):
            with filesystem.open_input_stream(path, compression=None) as stream:
                for line in bytes(stream.read()).splitlines():
                    action = json.loads(line)
                    if kind in action:
                        yield action[kind]
                    elif "sidecar" in action:
                        sidecars.append(action["sidecar"]["path"])
        else:
            yield from _parquet(filesystem, path, kind, keys, sidecars)
        folder = path.rsplit("/", 1)[0]
        for sidecar in sidecars:
            full = sidecar if sidecar.startswith("/") else f"{folder}/_sidecars/{sidecar}"
            yield from _parquet(filesystem, full, kind, keys, [])


def _parquet(
    filesystem: fs.FileSystem, path: str, kind: str, keys: list[str], sidecars: list[str]
) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq  # most logs are read without

    with filesystem.open_input_file(path) as file:
        names = pq.ParquetFile(file).schema_arrow.names
        wanted = [f"{kind}.{key}" for key in keys] if kind in names else []
        if "sidecar" in names:
            wanted.append("sidecar.path")
        if not wanted:
            return
        table = pq.read_table(file, columns=wanted)
        if kind in table.column_names:
            yield from (row for row in table[kind].drop_null().to_pylist() if row)
        if "sidecar" in table.column_names:
            sidecars.extend(row["path"] for row in table["sidecar"].drop_null().to_pylist())
