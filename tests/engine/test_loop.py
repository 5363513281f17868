"""Steps by dependency, side by side, with retries, timeouts and interrupts; no step here touches Spark."""

from __future__ import annotations

import _thread
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from lakehouse.engine.loop import Deadline, Limits, run_steps
from lakehouse.engine.results import Event, Status, StepResult
from lakehouse.errors import DataError, StepError, TimeoutExpired, TransientError
from lakehouse.names import TableName
from lakehouse.planning.steps import Step
from lakehouse.spec.models import Table

Body = Callable[[StepResult], None]


def step(name: str, *after: str, priority: int | None = None) -> Step:
    spec = Table.model_validate({"from": "bronze.x", "priority": priority})
    return Step(TableName("silver", name), spec, "append", (), frozenset(TableName("silver", a) for a in after), "")


class Loop:
    """A loop over steps whose bodies are Python functions; by default a step just completes."""

    def __init__(self, bodies: Mapping[str, Body] | None = None, **limits: Any) -> None:
        self.bodies = dict(bodies or {})
        self.limits = Limits(**{"timeout": None, "max_retries": 0, "retry_delay": timedelta(0), **limits})
        self.started: list[str] = []
        self.events: list[Event] = []
        self.cancelled = 0
        self.stop = threading.Event()
        self.done: dict[TableName, StepResult] = {}
        self.on_expiry: Callable[[], None] = lambda: None

    def perform(self, step: Step, deadline: Deadline, result: StepResult) -> None:
        deadline.on_expiry = self.on_expiry
        self.started.append(step.name.table)
        if step.name.table in self.bodies:
            self.bodies[step.name.table](result)
        result.status = Status.COMPLETED

    def cancel(self) -> None:
        self.cancelled += 1

    def run(self, *steps: Step, max_parallel: int = 1) -> dict[str, StepResult]:
        run_steps(
            steps,
            self.perform,
            limits=lambda _: self.limits,
            tell=self.events.append,
            max_parallel=max_parallel,
            stop=self.stop,
            cancel=self.cancel,
            done=self.done,
        )
        return self.results

    @property
    def results(self) -> dict[str, StepResult]:
        return {name.table: result for name, result in self.done.items()}

    def told(self, kind: str) -> list[str]:
        return [f"{e.step.table}: {e.text}" for e in self.events if e.kind == kind and e.step]


def raising(*errors: Exception | None) -> Body:
    """Raises these one after the other, None for a success; after them it succeeds."""
    left = list(errors)

    def body(_: StepResult) -> None:
        error = left.pop(0) if left else None
        if error is not None:
            raise error

    return body


# --- order ---------------------------------------------------------------------------------------------------------


def test_a_step_starts_after_all_that_it_waits_for() -> None:
    loop = Loop()
    done = loop.run(step("d", "b", "c"), step("c", "a"), step("b", "a"), step("a"), max_parallel=2)
    assert loop.started[0] == "a"
    assert loop.started[3] == "d"
    assert {r.status for r in done.values()} == {Status.COMPLETED}


def test_a_step_does_not_wait_for_tables_that_are_not_in_this_run() -> None:
    assert Loop().run(step("b", "not_selected"))["b"].status is Status.COMPLETED


def test_smaller_priority_numbers_start_first_and_none_counts_as_a_hundred() -> None:
    loop = Loop()
    loop.run(step("late", priority=101), step("plain"), step("zero", priority=0), step("one", priority=1))
    assert loop.started == ["zero", "one", "plain", "late"]


def test_priority_does_not_win_over_dependency() -> None:
    loop = Loop()
    loop.run(step("a", "b", priority=0), step("b", priority=9))
    assert loop.started == ["b", "a"]


def test_independent_steps_run_side_by_side_but_not_more_than_max_parallel() -> None:
    meet, most, now, guard = threading.Barrier(2, timeout=10), 0, 0, threading.Lock()

    def body(_: StepResult) -> None:
        nonlocal most, now
        with guard:
            now += 1
            most = max(most, now)
        meet.wait()  # two must be here at once, or this breaks after ten seconds
        with guard:
            now -= 1

    done = Loop(dict.fromkeys("abcd", body)).run(*(step(n) for n in "abcd"), max_parallel=2)
    assert {r.status for r in done.values()} == {Status.COMPLETED}
    assert most == 2


def test_a_step_starts_as_soon_as_its_own_inputs_are_done() -> None:
    b_ran = threading.Event()
    bodies: dict[str, Body] = {"slow": lambda _: None if b_ran.wait(10) else 1 / 0, "b": lambda _: b_ran.set()}  # type: ignore[dict-item,func-returns-value]
    done = Loop(bodies).run(step("slow"), step("a"), step("b", "a"), max_parallel=2)
    assert done["slow"].status is Status.COMPLETED


# --- failures ------------------------------------------------------------------------------------------------------


def test_what_waits_for_a_failure_is_skipped_with_the_reason_and_independent_steps_go_on() -> None:
    loop = Loop({"a": raising(StepError("a: no such column\nsecond line"))})
    done = loop.run(step("a"), step("b", "a"), step("c", "b"), step("other"), step("after_other", "other"))
    assert {n: r.status.value for n, r in done.items()} == {
        "a": "failed", "b": "skipped", "c": "skipped", "other": "completed", "after_other": "completed",
    }  # fmt: skip
    assert done["a"].reason == "a: no such column"
    assert isinstance(done["a"].error, StepError)
    assert done["b"].reason == "waits for silver.a, which failed"
    assert done["c"].reason == "waits for silver.b, which skipped"
    assert sorted(e.step.table for e in loop.events if e.kind == "step finished" and e.step) == sorted(done)


def test_an_error_of_python_is_a_failure_like_others_and_keeps_its_type() -> None:
    done = Loop({"a": raising(KeyError("x"))}).run(step("a"))
    assert done["a"].status is Status.FAILED
    assert done["a"].reason == "KeyError: 'x'"


def test_a_failure_does_not_keep_what_was_at_hand() -> None:
    class Rows:
        pass

    seen: list[weakref.ref[Rows]] = []

    def body(result: StepResult) -> None:
        rows = Rows()
        seen.append(weakref.ref(rows))
        try:
            raise KeyError("a")
        except KeyError as error:
            raise DataError("b", code="x") from error

    done = Loop({"a": body}).run(step("a"))
    assert isinstance(done["a"].error, DataError)
    assert seen[0]() is None


def test_s100_an_idle_step_counts_as_success() -> None:
    loop = Loop()
    whole = loop.perform

    def idle(step: Step, deadline: Deadline, result: StepResult) -> None:
        whole(step, deadline, result)
        result.status = Status.IDLE if step.name.table == "a" else Status.COMPLETED

    loop.perform = idle  # type: ignore[method-assign]
    assert loop.run(step("a"), step("b", "a"))["b"].status is Status.COMPLETED


# --- retries -------------------------------------------------------------------------------------------------------


class Pauses(threading.Event):
    """A stop that nobody sets, which notes how long somebody wanted to sleep and does not sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return self.is_set()


def test_s102_transient_errors_are_tried_again_after_a_delay_that_doubles() -> None:
    again = [TransientError("lost an executor")] * 3
    loop = Loop({"a": raising(*again)}, max_retries=3, retry_delay=timedelta(seconds=10))
    loop.stop = pauses = Pauses()
    done = loop.run(step("a"))
    assert (done["a"].status, done["a"].retries, done["a"].error) == (Status.COMPLETED, 3, None)
    assert loop.started == ["a"] * 4
    for seconds, wanted in zip(pauses.seconds, (10, 20, 40), strict=True):
        assert 0.8 * wanted <= seconds <= 1.2 * wanted
    assert [t.split(";")[0] for t in loop.told("step retrying")] == ["a: lost an executor"] * 3


def test_a_step_that_succeeds_at_its_second_attempt_does_not_give_the_first_ones_error_as_its_reason() -> None:
    done = Loop({"a": raising(TransientError("lost an executor"))}, max_retries=1).run(step("a"))
    assert done["a"].reason == ""


def test_s102_no_more_than_max_retries() -> None:
    loop = Loop({"a": raising(*[TransientError(f"{n}") for n in range(9)])}, max_retries=2)
    done = loop.run(step("a"))
    assert (done["a"].status, done["a"].reason, len(loop.started)) == (Status.FAILED, "2", 3)


@pytest.mark.parametrize("error", [StepError("x"), DataError("x"), ValueError("x")])
def test_s102_other_errors_are_not_tried_again(error: Exception) -> None:
    loop = Loop({"a": raising(error)}, max_retries=2)
    assert loop.run(step("a"))["a"].error is error
    assert loop.started == ["a"]


def test_s102_a_timeout_uses_up_an_attempt_and_cancels_what_runs() -> None:
    """What is cancelled raises some error of Spark's, which is told as the timeout that it is."""
    cancelled = threading.Event()

    def slow(_: StepResult) -> None:
        if not cancelled.wait(10):
            raise AssertionError("nobody cancelled it")
        cancelled.clear()
        raise StepError("Job 7 cancelled")

    loop = Loop({"a": slow}, timeout=timedelta(seconds=0.05), max_retries=1)
    loop.on_expiry = cancelled.set
    done = loop.run(step("a"))
    assert loop.started == ["a", "a"]
    assert isinstance(done["a"].error, TimeoutExpired)
    assert done["a"].reason == "silver.a ran longer than its timeout of 0:00:00.050000"


def test_each_attempt_has_its_own_timeout() -> None:
    def body(_: StepResult) -> None:
        time.sleep(0.15)

    loop = Loop({"a": lambda r: (body(r), raising(TransientError("x"))(r))[0] if r.retries == 0 else body(r)})
    loop.limits = Limits(timedelta(seconds=0.25), 1, timedelta(0))
    assert loop.run(step("a"))["a"].status is Status.COMPLETED


def test_a_failure_that_is_over_before_the_timeout_is_no_timeout() -> None:
    done = Loop({"a": raising(StepError("x"))}, timeout=timedelta(seconds=30)).run(step("a"))
    assert not isinstance(done["a"].error, TimeoutExpired)
    assert threading.active_count() < 50


# --- stopping ------------------------------------------------------------------------------------------------------


def test_once_stopped_nothing_new_is_started_and_what_runs_is_finished() -> None:
    loop = Loop({"a": lambda _: loop.stop.set()})
    done = loop.run(step("a"), step("b", "a"), step("c"))
    assert [done[n].status.value for n in "abc"] == ["completed", "skipped", "skipped"]
    assert done["c"].reason == "the run was stopped"


def test_a_stop_ends_the_pause_before_a_retry() -> None:
    loop = Loop({"a": raising(TransientError("x"))}, max_retries=5, retry_delay=timedelta(hours=1))
    threading.Timer(0.2, loop.stop.set).start()
    began = time.monotonic()
    assert loop.run(step("a"))["a"].status is Status.FAILED
    assert time.monotonic() - began < 20
    assert loop.started == ["a"]


def interrupted(loop: Loop, *steps: Step, max_parallel: int = 1) -> dict[str, str]:
    """The statuses that a run leaves which an interrupt ends."""
    with pytest.raises(KeyboardInterrupt):
        loop.run(*steps, max_parallel=max_parallel)
    return {name: result.status.value for name, result in loop.results.items()}


def until_cancelled(loop: Loop, before: Callable[[], object] = lambda: None) -> Body:
    """A step that works until somebody cancels it, and then fails as Spark does."""
    cancelled, whole = threading.Event(), loop.cancel

    def cancel() -> None:
        whole()
        cancelled.set()

    def body(_: StepResult) -> None:
        before()
        if not cancelled.wait(10):
            raise AssertionError("nobody cancelled it")
        raise TransientError("cancelled")

    loop.cancel = cancel  # type: ignore[method-assign]
    return body


def test_an_interrupt_cancels_waits_for_what_runs_and_is_raised_again_with_all_results() -> None:
    loop = Loop(max_retries=3)
    loop.bodies["a"] = until_cancelled(loop, lambda: threading.Timer(0.2, _thread.interrupt_main).start())
    assert interrupted(loop, step("a"), step("b", "a"), step("c")) == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert loop.cancelled == 1
    assert loop.started == ["a"], "an interrupted run neither tries again nor starts anything"


def test_an_interrupt_that_comes_while_the_loop_tells_something_cancels_too() -> None:
    """Telling writes audit rows, which takes as long as a commit."""
    loop = Loop({"fails": raising(StepError("x"))})
    loop.bodies["a"] = until_cancelled(loop)
    whole = loop.events

    class Telling(list[Event]):
        def append(self, event: Event) -> None:
            whole.append(event)
            if event.step and event.step.table == "skipped":
                raise KeyboardInterrupt

    loop.events = Telling()
    done = interrupted(loop, step("a"), step("fails"), step("skipped", "fails"), step("b", "a"), max_parallel=2)
    assert done == {"a": "failed", "fails": "failed", "skipped": "skipped", "b": "skipped"}
    assert loop.cancelled == 1
