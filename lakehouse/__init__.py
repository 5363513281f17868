"""Medallion lakehouse pipelines on Spark and Delta, from one YAML file or the same thing in Python.

    import lakehouse as lh

    project = lh.load("pipelines/")
    print(lh.plan(project))
    result = lh.run(project)

Importing this module imports neither pyspark nor the typed classes; both come when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lakehouse._version import __version__

if TYPE_CHECKING:
    from lakehouse.api import data_docs as data_docs
    from lakehouse.api import expectations as expectations
    from lakehouse.api import files as files
    from lakehouse.api import history as history
    from lakehouse.api import lineage as lineage
    from lakehouse.api import load as load
    from lakehouse.api import maintain as maintain
    from lakehouse.api import maintenance_due as maintenance_due
    from lakehouse.api import plan as plan
    from lakehouse.api import project as project
    from lakehouse.api import quarantine as quarantine
    from lakehouse.api import rebuild_ledger as rebuild_ledger
    from lakehouse.api import replay as replay
    from lakehouse.api import run as run
    from lakehouse.api import session as session
    from lakehouse.api import show as show
    from lakehouse.api import validate_data as validate_data
    from lakehouse.api import validations as validations
    from lakehouse.engine.check import DataCheck as DataCheck
    from lakehouse.engine.check import DataProblem as DataProblem
    from lakehouse.engine.results import Event as Event
    from lakehouse.engine.results import RunResult as RunResult
    from lakehouse.engine.results import StepResult as StepResult
    from lakehouse.errors import LakehouseError as LakehouseError
    from lakehouse.errors import Problem as Problem
    from lakehouse.errors import SpecError as SpecError
    from lakehouse.names import TableName as TableName
    from lakehouse.spec.environment import Environment as Environment
    from lakehouse.spec.load import Project as Project
    from lakehouse.spec.models import Pipeline as Pipeline
    from lakehouse.spec.models import Table as Table

_HOMES = {
    "lakehouse.api": (
        "load", "plan", "project", "run", "session", "show", "quarantine", "files", "rebuild_ledger", "history",
        "lineage", "replay", "validate_data", "expectations", "validations", "data_docs",
        "maintain", "maintenance_due",
    ),
    "lakehouse.engine.check": ("DataCheck", "DataProblem"),
    "lakehouse.engine.results": ("Event", "RunResult", "StepResult"),
    "lakehouse.errors": ("LakehouseError", "Problem", "SpecError"),
    "lakehouse.names": ("TableName",),
    "lakehouse.spec.environment": ("Environment",),
    "lakehouse.spec.load": ("Project",),
    "lakehouse.spec.models": ("Pipeline", "Table"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DataCheck", "DataProblem", "Environment", "Event", "LakehouseError", "Pipeline", "Problem", "Project", "RunResult",
    "SpecError", "StepResult", "Table", "TableName", "__version__", "data_docs", "expectations",
    "files", "history", "lineage", "load", "plan",
    "project", "quarantine", "rebuild_ledger", "replay", "run", "session", "show", "validate_data", "validations",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lakehouse' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
