"""Locks of tables: taken in one order, gone with the process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.control.locks import holder, locked
from lakehouse.errors import LockTaken, MachineError
from lakehouse.names import TableName

A, B, C = TableName("bronze", "a"), TableName("silver", "b"), TableName("gold", "c")
CHILD = """
import sys, time
from lakehouse.control.locks import locked
from lakehouse.names import TableName
with locked(sys.argv[1], [TableName("silver", "b")], run="run-7"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_who_finds_one_taken_is_told_the_holder_and_holds_none(tmp_path: Path) -> None:
    root = str(tmp_path)
    with locked(root, [B], run="run-1"):
        with pytest.raises(
            LockTaken, match=r"silver.b is being written by run run-1 on \S+ \(process \d+\) since 20"
        ) as error:
            locked(root, [C, B, A], run="run-2").__enter__()
        assert error.value.exit_code == 4
        with locked(root, [A, C], run="run-3"):
            assert holder(root, A).startswith("run run-3 on")
    assert holder(root, B) == ""
    with locked(root, [B, A, B], run="run-4"):
        pass


def test_a_lock_is_gone_with_its_process_however_it_ends(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(LockTaken, match="run-7"), locked(str(tmp_path), [B], run="run-8"):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    with locked(str(tmp_path), [B], run="run-8"):
        assert holder(str(tmp_path), B).startswith("run run-8")


def test_a_lock_is_released_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(str(tmp_path), [A], run="r"):
        raise RuntimeError
    assert holder(str(tmp_path), A) == ""


def test_an_object_store_has_no_locks_yet() -> None:
    with pytest.raises(MachineError, match="not available yet"), locked("s3://bucket/lake/_lakehouse", [A], run="r"):
        pass
