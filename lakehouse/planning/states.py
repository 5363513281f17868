"""Steps by what became of them: the states that selectors ask for. Looks at the lake, without Java."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse.lake.lineage import lineage
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.planning.steps import Step
from lakehouse.spec.environment import Environment
from lakehouse.state.look import SUCCESSES, newest_statuses
from lakehouse.state.observe import opened


def in_state(environment: Environment, steps: Sequence[Step], word: str) -> frozenset[TableName]:
    """The steps in a state of `selection.STATES`, as the lake is now."""
    return {"failed": _failed, "changed": _changed}[word](environment, steps)


def _failed(environment: Environment, steps: Sequence[Step]) -> frozenset[TableName]:
    """Steps of which the newest result was no success; a step that never ran has none."""
    status = newest_statuses(environment)
    return frozenset(step.name for step in steps if status.get(str(step.name), "completed") not in SUCCESSES)


def _changed(environment: Environment, steps: Sequence[Step]) -> frozenset[TableName]:
    """Steps whose table is not there, or was last written by another definition (S88)."""
    logs = opened(environment, [step.name for step in steps])
    return frozenset(step.name for step in steps if _definition(logs[step.name]) != step.definition)


def _definition(log: Log | None) -> str | None:
    """The definition that the table's content was written by; None when there is no table or nobody can tell."""
    if log is None:
        return None
    content = lineage(log, until_own=log.sequence or 0).commits
    if content:
        return content[0].signature.definition
    # what follows a data commit carries its definition on, and CREATE has the one that the table was made by
    ours = (c.signature for c in log.commits if c.signature is not None and c.signature.table_id == log.table_id)
    return next((signature.definition for signature in ours), None)
