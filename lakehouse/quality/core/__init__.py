"""The core expectations of Great Expectations 1.24 by their own names and arguments, one class each.

`EXPECTATIONS` has them all. Those about one row are compiled to Spark; the others are modelled, so that a file that
names them is understood, and refused as not available yet.
"""

from __future__ import annotations

import importlib
import pkgutil

from lakehouse.quality.core.base import EXPECTATIONS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["EXPECTATIONS"]
