"""Maintenance of a table: one module per operation.

A module that is an operation has a class `Keys` with its keys under `maintenance`, and what it does is `properties`
(settings of the table), or `decide` (from the log alone) and `run` (one statement), or both.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lakehouse.maintenance.base import Decision, Shape, View
from lakehouse.model import Model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["OPERATIONS", "Decision", "Maintenance", "Shape", "View", "decide", "properties", "retain", "run"]


def _operations() -> dict[str, ModuleType]:
    found = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {module.__name__.rpartition(".")[2]: module for module in found if hasattr(module, "Keys")}


OPERATIONS = _operations()
"""Name -> module of every operation: a file in this folder that has a class `Keys` is an entry."""

if TYPE_CHECKING:

    class Maintenance(Model):
        """What `maintenance` of a table may say: a field per key of every operation."""

        def __getattr__(self, name: str) -> Any: ...

else:
    Maintenance = type(
        "Maintenance",
        tuple(module.Keys for module in reversed(OPERATIONS.values())),
        {"__doc__": "What `maintenance` of a table may say.", "__module__": __name__},
    )


def properties(
    keys: Maintenance | None,
    *,
    layer: str,
    first: tuple[str, ...] = (),
    rewrites: bool = False,
    columns: Mapping[str, str] | None = None,
    partitioned_by: tuple[str, ...] = (),
    read_by_changes: bool = False,
) -> dict[str, str]:
    """Delta's properties of a table: its layer's defaults and what every operation asks for.

    `columns` are the stored ones with their types, in the table's order: without them statistics are left to Delta.
    The other arguments are those of `Shape`.
    """
    shape = Shape(layer, first, rewrites, columns or {}, partitioned_by, read_by_changes)
    found = {"delta.enableDeletionVectors": "true" if rewrites and layer != "bronze" else "false"}
    if read_by_changes:
        found["delta.enableChangeDataFeed"] = "true"
    for operation in OPERATIONS.values():
        if hasattr(operation, "properties"):
            found |= operation.properties(keys or Maintenance(), shape)
    return found


def retain(keys: Maintenance | None, *, read_by_changes: bool = False) -> timedelta:
    """For how long removed files, and with them time travel and the change feed, are kept."""
    found: timedelta = OPERATIONS["vacuum"].retain(keys or Maintenance(), read_by_changes=read_by_changes)
    return found


def decide(view: View, keys: Maintenance | None) -> list[Decision]:
    """What every operation decides about the table, in the order in which those that are due are to run."""
    operations = (module for module in OPERATIONS.values() if hasattr(module, "decide"))
    return [module.decide(view, keys or Maintenance()) for module in operations]


def run(spark: SparkSession, path: str, keys: Maintenance | None, decision: Decision) -> None:
    """Do what was decided, by one statement in this session; the caller has set the signature."""
    OPERATIONS[decision.operation].run(spark, path, keys or Maintenance(), decision)
