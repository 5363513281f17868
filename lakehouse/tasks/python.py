"""A Python function."""

from __future__ import annotations

from typing import ClassVar

from lakehouse.model import Function, Root


class Options(Root):
    """`python: package.module:function`."""

    available: ClassVar[bool] = False

    root: Function
    """The function; it gets the session and the parameters."""
