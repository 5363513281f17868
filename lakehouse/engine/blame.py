"""Errors of Spark -> ours, with the rule of the file whose expression raised (S31)."""

from __future__ import annotations

import re

from lakehouse.cleanse.base import describe
from lakehouse.errors import LakehouseError, StepError
from lakehouse.lake.errors import causes, translate
from lakehouse.planning.steps import Step

_FRAGMENT = re.compile(r"== SQL \([^)]*\) ==\n(?P<text>.*?)\n\s*\^", re.DOTALL)


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
    fragments = [m["text"].strip() for c in causes(error) for m in _FRAGMENT.finditer(c.message)]
    for written in step.spec.cleanse:
        text = describe(written)
        if any(fragment and fragment in text for fragment in fragments):
            return text
    for name, rule in step.spec.expectations.items():
        if rule.expect and any(fragment and fragment in rule.expect for fragment in fragments):
            return f"{name}: {rule.expect}"
    return None
