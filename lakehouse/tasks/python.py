"""A Python function."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lakehouse.model import Root


class Options(Root):
    """`python: package.module:function`."""

    available: ClassVar[bool] = False

    root: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    """The function; it gets the session and the parameters."""
