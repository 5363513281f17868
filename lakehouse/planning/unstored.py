"""Columns of a step's input that its table does not store (S33), as far as that can be told without Spark."""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse.cleanse.base import one_rule
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.steps import Step
from lakehouse.quality.rows import visible


def not_stored(step: Step, inputs: Mapping[TableName, Log | None]) -> tuple[str, ...]:
    """What `schema` does not name of the columns that the rules leave of the inputs, in their order."""
    spec = step.spec
    logs = [log for log in inputs.values() if log is not None]
    if step.is_bronze or spec.schema_ is None or spec.sql is not None or spec.aggregate is not None or not logs:
        return ()
    if spec.schema_evolution == "add_new_columns":
        return ()
    known: dict[str, str | None] | None = {name: text for log in logs for name, text in log.columns.items()}
    for written in spec.cleanse:
        rule, args = one_rule(written)
        try:
            known = rule.columns(known, args)
        except ValueError:
            return ()  # the run will tell it
    declared = {name.casefold() for name in spec.schema_}
    return tuple(name for name in visible(known or {}) if name.casefold() not in declared)
