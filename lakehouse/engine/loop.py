"""Run steps by dependency, independent ones side by side, each with its retries and its timeout."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from lakehouse.engine.results import Event, Listener, Status, StepResult
from lakehouse.errors import LakehouseError, TimeoutExpired, TransientError
from lakehouse.names import TableName
from lakehouse.planning.steps import Step

Perform = Callable[[Step, "Deadline", StepResult], None]


class Deadline:
    """When an attempt has to be over; `on_expiry` is called once from a timer thread, to cancel what Spark is doing."""

    def __init__(self, timeout: timedelta | None) -> None:
        self.timeout = timeout
        self.expired = False
        self.on_expiry: Callable[[], None] = lambda: None
        self._timer = threading.Timer(timeout.total_seconds(), self._expire) if timeout else None

    def __enter__(self) -> Self:
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        self.on_expiry()


@dataclass(frozen=True)
class Limits:
    """A step's timeout and retries, from its own keys or the pipeline's `run`."""

    timeout: timedelta | None
    max_retries: int
    retry_delay: timedelta


def run_steps(
    steps: Iterable[Step],
    perform: Perform,
    *,
    limits: Callable[[Step], Limits],
    tell: Listener,
    max_parallel: int,
    stop: threading.Event,
    cancel: Callable[[], None],
    done: dict[TableName, StepResult],
) -> None:
    """Run all steps into `done`; a step starts when what it waits for is done, the smaller `priority` number first.

    A failed step lets independent ones go on; those that wait for it are skipped. `stop` set: nothing new is started.
    An interrupt calls `cancel`, waits for what is running, and is raised again with `done` complete.
    """
    todo = list(steps)
    among = {s.name for s in todo}
    running: dict[Future[StepResult], Step] = {}
    interrupt: BaseException | None = None
    with ThreadPoolExecutor(max_workers=max_parallel, thread_name_prefix="step") as pool:
        while todo or running:
            try:
                for step in _startable(todo, among, done):
                    blocker = next((n for n in sorted(step.after & among) if not done[n].status.is_success), None)
                    if blocker is None and not stop.is_set():
                        if len(running) >= max_parallel:
                            break
                        running[pool.submit(_one, step, perform, limits(step), tell, stop)] = step
                        todo.remove(step)
                        continue
                    reason = f"waits for {blocker}, which {done[blocker].status}" if blocker else "the run was stopped"
                    done[step.name] = StepResult(step.name, Status.SKIPPED, reason)
                    todo.remove(step)
                    tell(Event("step finished", step.name, reason, done[step.name]))
                finished = wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done if running else ()
                for future in finished:
                    step = running.pop(future)  # first: what it raises must not be met again and again
                    done[step.name] = future.result()
            except (KeyboardInterrupt, SystemExit) as raised:
                interrupt = raised
                stop.set()
                cancel()
    if interrupt is not None:
        raise interrupt


def _startable(todo: list[Step], among: set[TableName], done: Mapping[TableName, StepResult]) -> list[Step]:
    ready = [s for s in todo if all(n in done for n in s.after & among)]
    return sorted(ready, key=lambda s: s.spec.priority if s.spec.priority is not None else 100)


def _one(step: Step, perform: Perform, limits: Limits, tell: Listener, stop: threading.Event) -> StepResult:
    result = StepResult(step.name, Status.RUNNING, started_at=datetime.now(UTC))
    began = time.monotonic()
    tell(Event("step started", step.name, step.describe(), result))
    for attempt in range(limits.max_retries + 1):
        result.retries = attempt
        try:
            with Deadline(limits.timeout) as deadline:
                _attempt(step, perform, deadline, result)
            break
        except Exception as error:  # every failure of a step ends in its result; the others go on
            result.status, result.error, result.reason = Status.FAILED, error, _first_line(error)
            _let_go(error)
            may_pass = isinstance(error, TransientError | TimeoutExpired)
            if not may_pass or attempt == limits.max_retries or stop.is_set():
                break
            pause = limits.retry_delay.total_seconds() * 2**attempt * random.uniform(0.8, 1.2)  # noqa: S311  (jitter is no secret)
            tell(Event("step retrying", step.name, f"{_first_line(error)}; again in {pause:.0f} s", result))
            if stop.wait(pause):
                break
            result.status, result.error, result.reason = Status.RUNNING, None, ""
    result.seconds = time.monotonic() - began
    result.hide_secrets()
    tell(Event("step finished", step.name, result.reason, result))
    return result


def _attempt(step: Step, perform: Perform, deadline: Deadline, result: StepResult) -> None:
    try:
        perform(step, deadline, result)
    except Exception as error:
        if deadline.expired and not isinstance(error, TimeoutExpired):
            message = f"{step.name} ran longer than its timeout of {deadline.timeout}"
            raise TimeoutExpired(message, code="timeout", fix="raise `timeout`, or let it read less at once") from error
        raise


def _let_go(error: BaseException) -> None:
    """Free what was at hand where it was raised: results are kept, and plans and sessions of Spark with them."""
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            todo += [one.__cause__, one.__context__]


def _first_line(error: BaseException) -> str:
    message = error.message if isinstance(error, LakehouseError) else f"{type(error).__name__}: {error}"
    return message.splitlines()[0] if message else type(error).__name__
