"""Every try of a run is the same run: what differs is the attempt."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import lakehouse
from lakehouse.control.store import Control
from lakehouse.engine import frames
from lakehouse.engine.attempt import Attempt
from lakehouse.engine.results import StepResult
from lakehouse.engine.run import Run
from lakehouse.lake.log import Log
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.work import Work
from lakehouse.state.place import Place

TEXT = "pipeline: p\nbronze:\n  a: {source: {format: csv, path: landing}}\n"


def test_s97_all_attempts_have_the_run_and_the_time_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "p.yaml").write_text(TEXT)
    plan = compile_(lakehouse.load(tmp_path / "pipelines"))
    run, step = Run(plan, Control(str(tmp_path / "control")), lambda _: None), plan["bronze.a"]
    log = cast("Log", type("Opened", (), {"table_id": "t"})())
    work = Work(Place(), 1, 0, "new files")
    tries = [Attempt(run, step, log, work, cast("Any", None), StepResult(step.name)) for _ in range(2)]
    one, other = (attempt.signature for attempt in tries)
    assert one.attempt != other.attempt
    assert (one.run, one.sequence) == (other.run, other.sequence) == (run.id, 1)
    assert {frames.checks_of(attempt.run, step).now for attempt in tries} == {run.started_at}
