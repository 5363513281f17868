"""The whole language as typed classes."""

from __future__ import annotations

from lakehouse.model import TableRef
from lakehouse.spec.fixtures import Batch, Test
from lakehouse.spec.leaves import SOURCES, WAYS, CleanseRule, Source
from lakehouse.spec.pipeline import Defaults, External, Pipeline
from lakehouse.spec.steps import Run, StepKeys, WaitFor
from lakehouse.spec.table import ForeignKey, Input, Suite, Table
from lakehouse.spec.task import KINDS, Task

__all__ = [
    "KINDS",
    "SOURCES",
    "WAYS",
    "Batch",
    "CleanseRule",
    "Defaults",
    "External",
    "ForeignKey",
    "Input",
    "Pipeline",
    "Run",
    "Source",
    "StepKeys",
    "Suite",
    "Table",
    "TableRef",
    "Task",
    "Test",
    "WaitFor",
]
