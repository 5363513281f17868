"""A Python script, run in a process of its own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lakehouse.model import Root


class Options(Root):
    """`python_file: scripts/publish.py`."""

    available: ClassVar[bool] = False

    root: str = Field(min_length=1)
    """Path of the script, from the project's folder."""
