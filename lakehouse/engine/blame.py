"""Errors of Spark -> ours, with the rule of the file whose expression raised (S31)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lakehouse.cleanse.base import describe
from lakehouse.errors import LakehouseError, StepError
from lakehouse.lake.errors import causes, translate
from lakehouse.planning.steps import Step
from lakehouse.quality.binding import sql_literal

_FRAGMENT = re.compile(r"== SQL \([^)]*\) ==\n(?P<text>[^\n]*)\n(?P<margin>[ \t]*)(?P<marks>\^+)")


def blamed(error: Exception, step: Step) -> LakehouseError:
    """The error as one of ours; where Spark shows the piece of SQL that raised, the rule it stands in is named."""
    found = translate(error, str(step.name))
    if found is error or type(found) is not StepError:
        return found
    rule = _rule(error, step)
    if rule is None:
        return found
    message = f"{found.message} (in `{rule}`)"
    return StepError(message, code=found.code, fix=found.fix)


def _rule(error: Exception, step: Step) -> str | None:
    rules = [text for written in step.spec.cleanse if (text := describe(written))]
    rules += [f"{name}: {rule.expect}" for name, rule in step.spec.expectations.items() if rule.expect]
    # Spark's first line is the whole expression, unless that is long; what it underlines is surely in it
    shown = [m for c in causes(error) for m in _FRAGMENT.finditer(c.message)]
    whole = [m["text"].strip() for m in shown]
    marked = [m["text"][len(m["margin"]) :][: len(m["marks"])].strip() for m in shown]
    for fragment in filter(None, (*whole, *marked)):
        for text in rules:
            if fragment in text or fragment in _with_values(text, step):
                return text
    return None


def _with_values(rule: str, step: Step) -> str:
    """The rule as Spark was given it: with literals for its variables."""
    for name, value in step.variables.items():
        if not isinstance(value, Mapping):
            rule = re.sub(rf"(?<![:\w]):{name}\b", sql_literal(value), rule)
    return rule
