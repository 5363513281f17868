"""What providers share that are modelled and not built yet."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from lakehouse.model import Model


class Later(Model):
    """Base of a vault that cannot be asked yet."""

    available: ClassVar[bool] = False

    options: dict[str, Any] = Field(default_factory=dict)
    """The provider's own options."""
