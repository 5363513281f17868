from __future__ import annotations

from lakehouse import cleanse
from lakehouse.quality.checks import Checks


def apply(frame, *rules, checks=None):
    """The frame after these rules, each written as in a file."""
    checks = Checks() if checks is None else checks
    for rule in rules:
        frame = cleanse.apply(rule, frame, checks)
    return frame
