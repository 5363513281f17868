"""A disk that is full: the step fails and says so, nothing is half done, and with space again every row is there once."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import LakehouseError
from tests.engine.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def rows_of(path: Path, *, like: str) -> int:
    """How many rows of random text the file gets: more than fits."""
    lines = [f"{n},{os.urandom(400).hex()}" for n in range(4000)]
    path.write_text("\n".join(["id,t", *lines, like]) + "\n")
    return len(lines)


@contextmanager
def files_of_at_most(size: int, spark: SparkSession) -> Iterator[None]:
    """Java can write no longer files, which to it is as if the disk were full."""
    pid = spark._jvm.java.lang.ProcessHandle.current().pid()
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_data_that_cannot_be_written_fail_the_step_and_are_there_once_when_they_can(lake: Lake) -> None:
    lake.bronze(hints="id: int")
    lake.file("1.csv", "1,x", header="id,t")
    lake.run()
    rows = rows_of(lake.landing / "a" / "2.csv", like="too,many,fields")
    with files_of_at_most(1 << 20, lake.spark):
        failed = lake.run(ok=False)["bronze.a"]
    assert "File too large" in str(failed.error)
    assert failed.status is Status.FAILED
    assert lake.rows("bronze.a") == [(1, "x")]
    assert lake.files() == {"1.csv": "loaded", "2.csv": "planned"}
    assert lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark) == []
    lake.run()
    check(lake, rows + 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_lake_on_a_full_disk(lake: Lake, small_disk: Path) -> None:
    """The control plane has no space either, so the run itself may have no way to say more than its error."""
    (lake.root / "lake").symlink_to(small_disk, target_is_directory=True)
    lake.bronze(hints="id: int")
    lake.file("1.csv", "1,x", header="id,t")
    lake.run()
    rows = rows_of(lake.landing / "a" / "2.csv", like="too,many,fields")
    for left in (200_000, 0):
        with ballast(small_disk, left):
            assert "No space left" in error_of(lake)
        assert lake.rows("bronze.a") == [(1, "x")]
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    lake.run()
    check(lake, rows + 1)


@contextmanager
def ballast(disk: Path, left: int) -> Iterator[None]:
    """A file that leaves so many bytes."""
    path, found = disk / "ballast", os.statvfs(disk)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, found.f_bavail * found.f_frsize - left))
    try:
        yield
    finally:
        path.unlink()


def error_of(lake: Lake) -> str:
    """What a run says that fails: of its step, or of the control plane when that has no space either."""
    try:
        return str(lake.run(ok=False)["bronze.a"].error)
    except LakehouseError as error:
        return str(error)


def check(lake: Lake, rows: int) -> None:
    found = lake.rows("bronze.a", "id", "t")
    assert len(found) == len(set(found)) == rows
    assert lake.files() == {"1.csv": "loaded", "2.csv": "loaded"}
    (kept,) = lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark)
    assert kept["_raw"] == "too,many,fields"
    assert not lake.run().used_spark
