"""The checks that every row of a step goes through, by the names under which quarantine and audit know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lakehouse.cleanse.base import one_rule
from lakehouse.planning.batches import counted
from lakehouse.planning.steps import Step
from lakehouse.spec.leaves import WAYS


@dataclass(frozen=True)
class Check:
    """A check and what becomes of a row that does not pass it."""

    name: str
    on_violation: str
    """`warn`, `drop`, `quarantine`, `fail`."""


def checks_of(step: Step) -> tuple[Check, ...]:
    """In the order in which a row meets them; a cast that cannot fail is left out of the run and stands here."""
    return tuple(_checks(step))


def _checks(step: Step) -> Iterator[Check]:
    spec = step.spec
    if step.is_bronze:
        return
    on_cast = "warn" if spec.on_schema_violation == "null" else spec.on_schema_violation
    for written in spec.cleanse:
        rule, arguments = one_rule(written)
        for name, action in arguments.checks(rule.word):
            found = action or on_cast
            # behind an aggregate no row can be set aside
            yield Check(name, "fail" if found != "warn" and hasattr(WAYS[step.way], "result") else found)
    for name, column in (spec.schema_ or {}).items():
        if column.is_given:
            continue
        yield Check(f"schema.{name}", on_cast if column.nullable else _or_quarantine(spec.on_schema_violation))
    if spec.merge is not None:
        yield Check("merge.keys", "quarantine")
        if spec.merge.order:
            yield Check("merge.from_snapshot" if spec.merge.from_snapshot else "merge.sequence_by", "quarantine")
        else:
            yield Check("merge.order", "fail")
    if spec.replace_where is not None:
        yield Check("replace_where", "fail")
    if spec.replace_using is not None:
        yield Check("replace_using", "quarantine")
    for name, expectation in spec.expectations.items():
        yield Check(name, expectation.on_violation or spec.expectations_on_violation)


def _or_quarantine(action: str) -> str:
    """A column that takes no NULL cannot be emptied."""
    return "quarantine" if action == "null" else action


def told(checks: Sequence[Check]) -> str:
    """In a line: those of declared columns together, the others by name, each with what becomes of the row."""
    casts = [check for check in checks if check.name.startswith("schema.")]
    words = []
    for action in dict.fromkeys(check.on_violation for check in casts):
        columns = sum(check.on_violation == action for check in casts)
        words.append(f"{counted(columns, 'column')} of the schema ({action})")
    words += [f"{check.name} ({check.on_violation})" for check in checks if check not in casts]
    return ", ".join(words)
