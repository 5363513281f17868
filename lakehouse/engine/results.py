"""What a run answers: one result per step, and the run as a whole; the events that tell it while it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lakehouse.lake.signature import Signature
from lakehouse.names import TableName
from lakehouse.redaction import redacted


class Status(StrEnum):
    """Where a step or a run is; the word in the audit tables and on the screen."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXCLUDED = "excluded"
    IDLE = "idle"

    @property
    def is_success(self) -> bool:
        """Whether steps that wait for this one may start (S100)."""
        return self in (Status.COMPLETED, Status.IDLE, Status.EXCLUDED)


@dataclass(frozen=True)
class MaintenanceResult:
    """One maintenance operation of a table: whether it ran, and the figures that decided."""

    operation: str
    due: bool
    reason: str
    version: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpectationResult:
    """One rule of one commit: rows judged, rows that broke it, and what that meant."""

    name: str
    action: str
    judged: int
    violations: int
    passed: bool
    column: str | None = None
    mostly: float | None = None
    observed: Any = None
    """The figure that a rule about many rows saw, of the newest commit or the newest that it did not hold for."""
    about: str = "rows"
    """`rows`, or `many` for a rule that is true or false as a whole."""

    def plus(self, other: ExpectationResult) -> ExpectationResult:
        """Both together: batches of one step."""
        judged, violations = self.judged + other.judged, self.violations + other.violations
        seen = self.observed if other.passed and not self.passed else other.observed
        passed = self.passed and other.passed
        return replace(self, judged=judged, violations=violations, passed=passed, observed=seen)


@dataclass
class StepResult:
    """What one step did. Counts are rows; `None` where nothing was counted."""

    name: TableName
    status: Status = Status.QUEUED
    reason: str = ""
    table_id: str | None = None
    version: int | None = None
    sequence: int | None = None
    attempt: str = ""
    commits: int = 0
    files_read: int | None = None
    rows_read: int | None = None
    rows_written: int | None = None
    rows_updated: int | None = None
    rows_rejected: int = 0
    rows_dropped: int = 0
    rows_filtered: int | None = None
    rows_superseded: int | None = None
    rows_late: int | None = None
    rows_equal: int | None = None
    rows_deleted: int | None = None
    rows_left_out: int | None = None
    rows_rescued: int = 0
    not_stored: tuple[str, ...] = ()
    """Columns of the input that `schema` does not name (S33)."""
    offsets: Mapping[str, Any] = field(default_factory=dict)
    expectations: list[ExpectationResult] = field(default_factory=list)
    maintenance: list[MaintenanceResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: Exception | None = None
    retries: int = 0
    started_at: datetime | None = None
    replayed: dict[str, str] = field(default_factory=dict)
    """Of a replay: `_stage` of the rows that were taken -> what became of them."""
    samples: list[dict[str, str | None]] = field(default_factory=list)
    """Findings of the first rows that broke a rule because of which nothing was written."""
    seconds: float = 0.0

    def committed(self, version: int, signature: Signature) -> None:
        """The table stands at this version now, by this commit."""
        self.version, self.sequence, self.attempt = version, signature.sequence, signature.attempt
        self.offsets = signature.offsets

    def note_expectations(self, found: Sequence[ExpectationResult]) -> None:
        """Add the counts of one commit to those of the ones before it in this step."""
        known = {e.name: e for e in self.expectations}
        for item in found:
            old = known.get(item.name)
            known[item.name] = item if old is None else item.plus(old)
        self.expectations = list(known.values())

    def hide_secrets(self) -> None:
        """Put `***` for secrets into what is told: texts of Spark and of files are among it."""
        self.reason, self.warnings = redacted(self.reason), [redacted(text) for text in self.warnings]

    def add(self, **counts: int | None) -> None:
        """Add to the counts; the commits of a step (batches) are counted together."""
        for name, value in counts.items():
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)


@dataclass
class RunResult:
    """What a run did; `result["silver.flights"].rows_written`."""

    id: str
    environment: str
    started_at: datetime
    steps: dict[TableName, StepResult] = field(default_factory=dict)
    seconds: float = 0.0
    lake: str = ""
    used_spark: bool = False
    interrupted: str = ""

    def __getitem__(self, name: str) -> StepResult:
        return self.steps[TableName.parse(name)]

    @property
    def status(self) -> Status:
        """Failed when any step failed, idle when nothing was to be done, else completed."""
        states = {s.status for s in self.steps.values()}
        if Status.FAILED in states or self.interrupted:
            return Status.FAILED
        return Status.COMPLETED if Status.COMPLETED in states else Status.IDLE

    @property
    def ok(self) -> bool:
        """Whether every step that was to run did what it should."""
        return self.status is not Status.FAILED


@dataclass(frozen=True)
class Event:
    """Something happened in a run: `run note`, `step started`, `step note`, `step retrying`, `step finished`."""

    kind: str
    step: TableName | None = None
    text: str = ""
    result: StepResult | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


Listener = Callable[[Event], None]
