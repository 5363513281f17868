"""A folder of events: read whole, emptied of what has been dealt with, and never of what has something new to say."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem

from lakehouse.errors import StepError
from lakehouse.sources import event_folder
from lakehouse.sources.event_folder import read_folder, remove
from tests.s3 import Server


def event(path: str) -> str:
    return json.dumps({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": path}})


def read(folder: Path | str, storage: dict[str, str] | None = None) -> dict[str, tuple[list[str], str]]:
    """Name -> what it names, and why it cannot be read."""
    found = read_folder(str(folder), storage or {})
    return {f.path.removeprefix(f"{folder}/"): ([p for e in f.events for p in e.paths], f.unreadable) for f in found}


def test_files_of_events_are_read_in_subfolders_too_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "2024/01").mkdir(parents=True)
    (tmp_path / "_tmp").mkdir()
    (tmp_path / "b.json").write_text("\ufeff" + event("/b1") + event("/b2"), encoding="utf-8")
    (tmp_path / "2024/01/a.gz").write_bytes(gzip.compress(event("/a").encode()))
    for hidden in ("_tmp/x.json", ".x.json", "_x"):
        (tmp_path / hidden).write_text("no event")
    assert read(tmp_path) == {"2024/01/a.gz": (["/a"], ""), "b.json": (["/b1", "/b2"], "")}
    assert read(tmp_path / "2024/01") == {"a.gz": (["/a"], "")}


def test_what_cannot_be_read_is_told_with_what_stands_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cut").write_text(event("/a") + event("/b")[:20])
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "no.gz").write_text("no gzip")
    (tmp_path / "large").write_text(" " * 2**20 + event("/l"))
    monkeypatch.setattr(event_folder, "MOST_BYTES", 2**20)
    found = read(tmp_path)
    assert found["cut"][0] == ["/a"]
    assert found["cut"][1].startswith("it is not JSON")
    assert found["latin"] == ([], "it is not UTF-8")
    assert "no.gz" in found
    assert found["no.gz"][1]
    assert found["large"] == ([], "it has more than 1 MiB")


def test_files_are_removed_unless_they_were_written_to(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(event(f"/{name}"))
    found = read_folder(str(tmp_path), {})
    with (tmp_path / "b").open("a") as file:
        file.write(event("/more"))
    (tmp_path / "c").unlink()
    assert remove(found, {}) == {}
    assert read(tmp_path) == {"b": (["/b", "/more"], "")}
    assert remove([], {}) == {}


def test_what_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(event(f"/{name}"))
    found = read_folder(str(tmp_path), {})

    class Guarded:
        get_file_info = LocalFileSystem().get_file_info

        def delete_file(self, path: str) -> None:
            if path.endswith("a"):
                raise PermissionError("denied")
            Path(path).unlink()

    monkeypatch.setattr(event_folder, "filesystem", lambda path, storage: (Guarded(), str))
    assert remove(found, {}) == {str(tmp_path / "a"): "denied"}
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"folder of events .* does not exist") as raised:
        read(tmp_path / "none")
    assert raised.value.code == "source.path"
    assert "queue_url" in raised.value.fix
    (tmp_path / "file").write_text(event("/a"))
    with pytest.raises(StepError):
        read(tmp_path / "file")


def test_on_s3_a_missing_folder_is_an_empty_one_and_a_missing_bucket_is_refused(s3: Server) -> None:
    bucket = s3.bucket()
    queue = f"s3://{bucket}/events"
    assert read(queue, s3.storage) == {}
    s3.put(bucket, **{"events/2024/a b.json": event("/a"), "events/c.json": "x", "other.json": event("/b")})
    assert read(queue, s3.storage) == {"2024/a b.json": (["/a"], ""), "c.json": ([], "it is not JSON: Expecting value: line 1 column 1 (char 0)")}  # fmt: skip
    found = read_folder(queue, s3.storage)
    assert remove(found[:1], s3.storage) == {}
    assert s3.names(bucket) == ["events/c.json", "other.json"]
    with pytest.raises(StepError, match="no bucket"):
        read("s3://no-such-bucket-here/events", s3.storage)
    wrong: dict[str, Any] = s3.storage | {"aws_endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(StepError) as raised:
        read(queue, wrong)
    assert raised.value.code == "store.unreachable"
