"""The keys that tables and tasks share: when and how often a step runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from lakehouse.model import LATER, Duration, Model, Names, SomeTime


class Run(Model):
    """`run:` of a pipeline: how its steps are run."""

    max_parallel: int | None = Field(None, ge=1)
    """Steps that run side by side at most; by default as many as help on this machine."""
    timeout: SomeTime | None = None
    """How long the whole run may take."""
    step_timeout: SomeTime | None = None
    """How long one attempt of a step may take, unless the step has a `timeout` of its own."""
    max_retries: int = Field(0, ge=0)
    """How often a step is tried again after a transient failure, unless it says so itself."""
    retry_delay: Duration | None = None
    """Pause before the first retry; doubled each time, with jitter."""


class WaitFor(Model):
    """One thing that a step waits for: `{table, newer_than}`, `{file}` or `{sql}`."""

    table: str | None = None
    """A table that must have new data."""
    newer_than: Duration | None = None
    """How old the table's newest data may be."""
    file: str | None = None
    """A file or glob that must exist."""
    sql: str | None = None
    """A query that must give true."""

    @model_validator(mode="after")
    def _one(self) -> WaitFor:
        if sum(value is not None for value in (self.table, self.file, self.sql)) != 1:
            raise ValueError("write exactly one of `table`, `file` and `sql`")
        if self.newer_than is not None and self.table is None:
            raise ValueError("`newer_than` needs `table`")
        return self


def _list(value: object) -> object:
    return [value] if isinstance(value, dict | WaitFor) else value


RunIf = Literal["all_success", "all_done", "at_least_one_success", "at_least_one_failed", "none_failed", "changed"]


class StepKeys(Model):
    """Keys of every step, in the words of Databricks Jobs."""

    depends_on: Names | None = None
    """Tables and tasks that must be done first, beyond those that are read."""
    enabled: bool = True
    """`false` leaves the step out of every run; readers use its stored rows."""
    priority: int | None = None
    """Among steps that are ready, a smaller number starts first."""
    max_retries: int | None = Field(None, ge=0)
    """How often the step is tried again after a transient failure."""
    retry_delay: Duration | None = None
    """Pause before the first retry; doubled each time, with jitter."""
    timeout: SomeTime | None = None
    """How long one attempt may take."""
    wait_for: Annotated[tuple[WaitFor, ...], BeforeValidator(_list)] | None = Field(None, json_schema_extra=LATER)
    """What must be there before the step starts."""
    run_if: RunIf | None = Field(None, json_schema_extra=LATER)
    """What must have become of the steps it waits for; `all_success` by default."""
    condition: str | None = Field(None, json_schema_extra=LATER)
    """Expression that must be true, else the step is excluded."""
