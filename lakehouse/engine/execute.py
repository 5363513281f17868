"""Run a plan: locks, steps side by side, audit rows, log file, and what is left to do when somebody interrupts."""

from __future__ import annotations

import getpass
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakehouse._version import __version__
from lakehouse.control import upkeep
from lakehouse.control.audit import Audit
from lakehouse.control.locks import locked
from lakehouse.control.store import Control
from lakehouse.control.tables import STEPS
from lakehouse.engine.loop import Deadline, Limits, run_steps
from lakehouse.engine.points import point
from lakehouse.engine.results import Event, Listener, RunResult, Status, StepResult
from lakehouse.engine.run import Run
from lakehouse.engine.step import Perform, perform
from lakehouse.errors import LakehouseError, TransientError
from lakehouse.planning.steps import Plan, Step
from lakehouse.redaction import redacted
from lakehouse.spec.environment import Environment
from lakehouse.state.asked import NOTHING_ASKED, Asked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RETRY_DELAY = timedelta(seconds=10)
RETAIN = timedelta(days=365)
"""How long runs, steps, results and log files are kept when the environment does not say."""

_log = logging.getLogger("lakehouse.run")


def execute(
    plan: Plan,
    spark: SparkSession | None = None,
    *,
    asked: Asked = NOTHING_ASKED,
    listener: Listener | None = None,
    log_level: str = "info",
    perform: Perform = perform,
    command: str = "run",
) -> RunResult:
    """Run the chosen steps of the plan under the locks of their tables; `perform` is what `command` does with each.

    Raises LockTaken and MachineError before any step starts; failures of steps are in the result. An interrupt stops
    what is running, writes the audit rows and is raised again.
    """
    environment = plan.project.environment
    environment.forget_secrets()
    control = Control(environment.control_path, environment.storage)
    audit = Audit(control)
    began = time.monotonic()
    run = Run(plan, control, lambda _: None, asked=asked, given=spark)
    result = RunResult(run.id, environment.name, run.started_at, lake=environment.lake_path)
    stop = threading.Event()

    def tell(event: Event) -> None:
        _log.info("%s %s %s", event.kind, event.step or "", event.text)
        if event.kind == "step finished" and event.result:
            _write_step(audit, run, event.result)
        if listener is not None:
            listener(event)

    def end() -> None:
        stop.set()
        run.cancel_all()

    run.tell = tell
    before = {step.spec.renamed_from for step in plan.chosen() if step.spec.renamed_from is not None}
    with locked(control.root, plan.selected | before, run=run.id), _log_file(run, log_level):
        run.pin()
        _write_run(audit, run, command, Status.RUNNING)
        try:
            with Deadline(_run_timeout(plan)) as deadline:
                deadline.on_expiry = end
                run_steps(
                    plan.chosen(),
                    lambda step, limit, into: perform(run, step, limit, into),
                    limits=lambda step: _limits(plan, step),
                    tell=tell,
                    max_parallel=_max_parallel(plan),
                    stop=stop,
                    cancel=run.cancel_all,
                    done=result.steps,
                )
                if deadline.expired:
                    result.interrupted = f"the run took longer than its timeout of {deadline.timeout}"
        except (KeyboardInterrupt, SystemExit) as interrupt:
            result.interrupted = "terminated" if isinstance(interrupt, SystemExit) else "interrupted"
            raise
        finally:
            result.steps = {s.name: result.steps[s.name] for s in plan.chosen() if s.name in result.steps}
            result.seconds = time.monotonic() - began
            result.used_spark = run.used_spark
            _write_run(audit, run, command, result.status, result)
            audit.flush()
            upkeep.upkeep(control, retain=environment.history.retain or RETAIN)
    return result


def _limits(plan: Plan, step: Step) -> Limits:
    own, shared = step.spec, plan.project.pipeline_of(step.name).run
    return Limits(
        timeout=own.timeout or shared.step_timeout,
        max_retries=own.max_retries if own.max_retries is not None else shared.max_retries,
        retry_delay=next((d for d in (own.retry_delay, shared.retry_delay) if d is not None), RETRY_DELAY),
    )


def _max_parallel(plan: Plan) -> int:
    """The smallest `max_parallel` of the pipelines that run, else as many steps as keep the cores busy."""
    wanted = [p.run.max_parallel for p in plan.project.pipelines if p.run.max_parallel]
    return min(wanted, default=min(4, max(2, os.cpu_count() or 2)))


def _run_timeout(plan: Plan) -> timedelta | None:
    return min((p.run.timeout for p in plan.project.pipelines if p.run.timeout), default=None)


# --- audit --------------------------------------------------------------------------------------------------------


def _write_run(audit: Audit, run: Run, command: str, status: Status, result: RunResult | None = None) -> None:
    environment: Environment = run.plan.project.environment
    audit.add(
        "runs",
        run_id=run.id,
        status=status.value,
        attempt=1,
        project=str(run.plan.project.root),
        environment=environment.name,
        command=command,
        selection=" ".join(str(s.name) for s in run.plan.chosen()),
        started_at=run.started_at,
        finished_at=datetime.now(UTC) if result else None,
        host=socket.gethostname(),
        process=os.getpid(),
        library=__version__,
        error=result.interrupted if result and result.interrupted else None,
        details={"user": _user(), "spark": run.used_spark},
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


def _write_step(audit: Audit, run: Run, result: StepResult) -> None:
    ended = datetime.now(UTC)
    step = run.plan[result.name]
    with point("audit", result.name):
        audit.add(
            "steps",
            run_id=run.id,
            step=str(result.name),
            table_id=result.table_id,
            status=result.status.value,
            reason=result.reason,
            attempt=result.attempt or None,
            attempts=result.retries + 1,
            sequence=result.sequence,
            version=result.version,
            definition=step.definition,
            offsets=dict(result.offsets),
            files_read=result.files_read,
            **{name: getattr(result, name) for name in STEPS.columns if name.startswith("rows_")},
            started_at=result.started_at,
            finished_at=ended,
            metrics={
                "seconds": result.seconds,
                "commits": result.commits,
                "warnings": result.warnings,
                "not_stored": list(result.not_stored),
            },
            error=str(result.error) if result.error else None,
        )
        for rule in result.expectations:
            audit.add(
                "expectations",
                run_id=run.id,
                table=str(result.name),
                table_id=result.table_id,
                attempt=result.attempt or None,
                sequence=result.sequence,
                name=rule.name,
                column=rule.column,
                action=rule.action,
                passed=rule.passed,
                judged=rule.judged,
                violations=rule.violations,
                mostly=rule.mostly,
                observed=None if rule.observed is None else json.dumps(rule.observed, ensure_ascii=False),
                sample=[s for s in result.samples if s.get("name") == rule.name] or None,
            )
        for item in result.maintenance:
            audit.add(
                "maintenance",
                run_id=run.id,
                table=str(result.name),
                table_id=result.table_id,
                operation=item.operation,
                due=item.due,
                reason=item.reason,
                status=Status.COMPLETED.value if item.due else Status.IDLE.value,
                version=item.version,
                metrics=dict(item.metrics),
            )
        if result.error is not None:
            audit.add("errors", **_error_row(run, result))
        audit.flush()


def _error_row(run: Run, result: StepResult) -> dict[str, Any]:
    error = result.error
    ours = error if isinstance(error, LakehouseError) else None
    return {
        "run_id": run.id,
        "step": str(result.name),
        "attempt": result.attempt or None,
        "error_class": type(error).__name__,
        "code": ours.code if ours else None,
        "message": ours.message if ours else str(error),
        "details": {"fix": ours.fix} if ours and ours.fix else None,
        "transient": isinstance(error, TransientError),
    }


class _WithoutSecrets(logging.Formatter):
    """Looks at the whole line, the traceback in it included."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


@contextmanager
def _log_file(run: Run, level: str) -> Iterator[None]:
    """Our own lines go to the run's log file, beside Spark's."""
    path = run.log_file
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("lakehouse")
    before = logger.level, logger.propagate
    logger.setLevel(level.upper())
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
        with suppress(OSError):  # on a full disk: what the run came to is not hidden by its log
            handler.close()
