"""One run: its id, its locks, its Spark when one is needed, its pins, and what it writes to the control plane."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.control.store import Control
from lakehouse.engine import hiding, stores
from lakehouse.engine import session as sessions
from lakehouse.engine.results import Event, Listener
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.inputs import read_only
from lakehouse.planning.late import date_of, with_values
from lakehouse.planning.steps import Plan, Step
from lakehouse.sources.base import FileSource
from lakehouse.state.asked import NOTHING_ASKED, Asked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Run:
    """What the steps of one run share. Made by `lakehouse.run`; every field but the pins stays as it is."""

    plan: Plan
    control: Control
    tell: Listener
    asked: Asked = NOTHING_ASKED
    given: SparkSession | None = None
    id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    pins: dict[TableName, Log | None] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    _sessions: dict[TableName, SparkSession] = field(default_factory=dict)
    _spark: SparkSession | None = None
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        hiding.hide_marked(self.plan.project)

    @property
    def log_file(self) -> Path | None:
        """Where this run's own lines and Spark's go; None for a lake that is not a folder."""
        folder = self.plan.project.environment.control_path
        return None if "://" in folder else Path(folder) / "logs" / f"{self.id}.log"

    @property
    def used_spark(self) -> bool:
        """Whether any step needed Spark."""
        return self._spark is not None

    def spark(self) -> SparkSession:
        """The caller's session, or our own, started at the first call."""
        with self._starting:
            if self._spark is None:
                environment = self.plan.project.environment
                if self.given is not None:
                    self._spark = sessions.adopt(self.given)
                else:
                    began = time.monotonic()
                    conf = environment.spark_conf
                    self._spark = sessions.build(environment.spark.master, conf, log_file=self.log_file)
                    self.note(f"Spark started in {time.monotonic() - began:.1f} s")
            hiding.hide_in_log(self._spark._jvm)
            return self._spark

    def with_values(self, step: Step) -> Step:
        """The step with the run's id and date and its secrets in place of the references to them.

        Raises MachineError when there is no such secret.
        """
        environment = self.plan.project.environment
        known = {"run.id": self.id, "run.date": date_of(self.started_at, environment)}
        return with_values(step, lambda name: known[name] if name in known else environment.secret(name))

    def session(self, step: Step) -> SparkSession:
        """The step's own session; the jobs of the calling thread are in a group by which they can be cancelled."""
        spark = self.spark()
        # a group belongs to the thread, and a step may be tried again in another one
        spark.sparkContext.setJobGroup(self.group(step), f"lakehouse {step.name}", interruptOnCancel=True)
        if step.name not in self._sessions:
            self._sessions[step.name] = self._session(step, spark)
        return self._sessions[step.name]

    def _session(self, step: Step, spark: SparkSession) -> SparkSession:
        environment, spec = self.plan.project.environment, step.spec
        source: object = spec.source
        path = source.path if isinstance(source, FileSource) else ""
        store = stores.for_hadoop(environment.storage, path)
        hidden = hiding.redaction_of({**(spec.source.options if spec.source else {}), **store}, spark)
        made = sessions.step_session(spark, {"spark.sql.session.timeZone": environment.time_zone, **store, **hidden})
        stores.open_store(made, path, store)
        return made

    def group(self, step: Step) -> str:
        """The job group of a step."""
        return f"{self.id}/{step.name}"

    def cancel(self, step: Step) -> None:
        """Stop what Spark is doing for the step; it fails there."""
        if self._spark is not None:
            self._spark.sparkContext.cancelJobGroup(self.group(step))

    def cancel_all(self) -> None:
        """Stop what Spark is doing for any step of this run; between two commits a step looks whether it is to stop."""
        self.stopping.set()
        for step in self.plan.steps:
            self.cancel(step)

    def note(self, text: str, step: TableName | None = None) -> None:
        """Tell something that is not a result."""
        self.tell(Event("step note" if step else "run note", step, text))

    def pin(self) -> None:
        """Fix the versions of tables that the run reads and does not write (S77); called once, at its begin.

        Raises SpecError when one of them does not exist.
        """
        self.pins.update(read_only(self.plan))

    def open(self, name: TableName) -> Log | None:
        """The table's log as it is now; None when there is no table."""
        environment = self.plan.project.environment
        return Log.open(environment.table_path(name), environment.storage)

    def inputs(self, step: Step) -> Mapping[TableName, Log | None]:
        """The logs of what the step reads: at their pins, or as this run left them."""
        return {r.table: self.pins[r.table] if r.table in self.pins else self.open(r.table) for r in step.reads}


def new_attempt() -> str:
    """An id that no other attempt ever had."""
    return uuid.uuid4().hex
