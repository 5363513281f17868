"""Audit rows: batched, and never lost without a word."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakehouse.control.audit import Audit
from lakehouse.control.store import Control
from lakehouse.errors import MachineError


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(str(tmp_path / "lake"))


def test_rows_of_many_threads_are_written_in_few_commits(control: Control) -> None:
    audit = Audit(control)

    def work(n: int) -> None:
        for i in range(50):
            audit.add("steps", run_id=str(n), rows_read=i)
        audit.flush()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = control.read("steps").to_pylist()
    assert sorted((r["run_id"], r["rows_read"]) for r in rows) == [(str(n), i) for n in range(4) for i in range(50)]
    assert DeltaTable(control.path("steps")).version() <= 5


def test_a_flush_waits_for_what_was_added_and_costs_nothing_without(control: Control) -> None:
    audit = Audit(control)
    audit.flush()
    assert not Path(control.root).exists()
    audit.add("runs", run_id="a", details={"x": 1})
    audit.flush()
    assert control.read("runs", columns=["details"]).to_pylist() == [{"details": '{"x":1}'}]


@pytest.mark.parametrize("row", [{"nope": 1}, {"run_id": 5}, {"attempt": "x"}])
def test_a_row_that_does_not_fit_is_refused_where_it_is_added(control: Control, row: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Audit(control).add("runs", **row)


def test_an_error_surfaces_at_flush_and_the_rows_are_kept_for_the_next(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, other = Audit(control), Audit(Control(control.root + "2"))
    append = Control.append

    def broken(self: Control, *args: Any, **more: Any) -> None:
        if self.root == control.root:
            raise MachineError("the disk is full")
        append(self, *args, **more)

    monkeypatch.setattr(Control, "append", broken)
    audit.add("runs", run_id="a")
    other.add("runs", run_id="b")
    with pytest.raises(MachineError, match="full"):
        audit.flush()
    other.flush()
    monkeypatch.undo()
    audit.flush()
    assert control.read("runs", columns=["run_id"]).to_pylist() == [{"run_id": "a"}]


def test_rows_that_nobody_flushed_are_written_at_the_end_of_the_process(control: Control) -> None:
    code = (
        "import sys; from lakehouse.control.audit import Audit; from lakehouse.control.store import Control\n"
        "Audit(Control(sys.argv[1])).add('runs', run_id='last')"
    )
    subprocess.run([sys.executable, "-c", code, control.root], check=True, timeout=60)
    assert control.read("runs", columns=["run_id"]).to_pylist() == [{"run_id": "last"}]
