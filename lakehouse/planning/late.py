"""Values that are known only when a run starts, put into the texts of a step.

A step is compiled, hashed and explained with the references; only the copy on which a decision or an attempt works has
values, and `plan`'s copy has no secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lakehouse.planning.steps import Plan, Step
from lakehouse.spec.environment import Environment
from lakehouse.spec.late import filled


def date_of(at: datetime, environment: Environment) -> str:
    """`${run.date}` of a run that starts then: the day in the environment's `time_zone`, as `current_date()` in SQL."""
    return at.astimezone(ZoneInfo(environment.time_zone)).date().isoformat()


def with_values(step: Step, value_of: Callable[[str], str]) -> Step:
    """The step with `value_of("run.date")` and the like in place of its references; its definition stays."""
    if not step.late:
        return step
    return replace(step, spec=filled(step.spec, value_of), variables=filled(step.variables, value_of))


def as_planned(plan: Plan, step: Step) -> Step:
    """The step as a run would see it that starts now, but for the run's id and secrets, which stay references."""
    today = date_of(datetime.now(UTC), plan.project.environment)
    return with_values(step, lambda reference: today if reference == "run.date" else f"${{{reference}}}")
