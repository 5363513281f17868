"""A step stops between two commits when its time is over or the run is interrupted, also while no job of Spark's runs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from lakehouse.engine import points
from lakehouse.errors import TimeoutExpired
from lakehouse.names import TableName
from tests.engine.lake import Lake


@pytest.fixture
def three_batches(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A Bronze table that has three files to load, one by one."""
    lake.bronze()
    (lake.landing / "a").mkdir(exist_ok=True)
    lake.run()
    for n in (1, 2, 3):
        lake.file(f"{n}.csv", f"{n},10,x")
    lake.bronze(options="max_files_per_trigger: 1")
    monkeypatch.setattr(points, "listener", None)
    return lake


def once(where: str, act: Callable[[], object]) -> Callable[[str, TableName], None]:
    left = [act]

    def listen(here: str, table: TableName) -> None:
        if here == where and left:
            left.pop()()

    return listen


def test_s102_a_timeout_that_no_job_notices_ends_the_step_before_its_next_commit(three_batches: Lake) -> None:
    three_batches.bronze(options="max_files_per_trigger: 1", more="timeout: 3 seconds")
    points.listener = once("before ledger", lambda: time.sleep(3.5))
    done = three_batches.run(ok=False)["bronze.a"]
    assert isinstance(done.error, TimeoutExpired)
    assert three_batches.rows("bronze.a", "id") == [(1,)]
    three_batches.bronze(options="max_files_per_trigger: 1")
    three_batches.run()
    assert three_batches.rows("bronze.a", "id") == [(1,), (2,), (3,)]


def test_an_interrupted_run_leaves_whole_commits_and_its_audit_rows(three_batches: Lake) -> None:

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(0.5)

    points.listener = once("after result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        three_batches.run()
    assert three_batches.rows("bronze.a", "id") == [(1,)]
    (run,) = [r for r in three_batches.audit("runs") if r["error"]]
    assert (run["status"], run["error"]) == ("failed", "interrupted")
    assert three_batches.audit("steps")[-1]["error"].startswith("bronze.a was stopped between two commits")
    three_batches.run()
    assert three_batches.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 2), (3, 3)]
