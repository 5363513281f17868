"""A function of the user's that gives a DataFrame."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from lakehouse.model import Function
from lakehouse.sources.base import Source


class Options(Source):
    """Keys of `source: {format: python}`."""

    available: ClassVar[bool] = False

    format: Literal["python"] = "python"
    """A function of the user's that gives a DataFrame."""
    function: Function
    """`package.module:function`; it gets the session and `arguments`."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Passed to the function by name."""
