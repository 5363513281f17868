"""A property of Delta that is set only where it is asked for."""

from __future__ import annotations

from lakehouse import maintenance
from lakehouse.maintenance import Maintenance

NAME = "delta.autoOptimize.autoCompact"


def test_the_switch() -> None:
    assert maintenance.properties(Maintenance.model_validate({"auto_compact": True}), layer="gold")[NAME] == "true"
    assert NAME not in maintenance.properties(Maintenance.model_validate({"auto_compact": False}), layer="gold")
