"""Cleansing rules: one function each, named as the word in the file; adding one is a function and its test."""

from __future__ import annotations

import importlib
import pkgutil

from lakehouse.cleanse.base import RULES, Rule, apply, behind_last_regrouping, changes_rows, stage

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["RULES", "Rule", "apply", "behind_last_regrouping", "changes_rows", "stage"]
