"""Secret scopes of a Databricks workspace."""

from __future__ import annotations

from typing import Literal

from lakehouse.secrets.base import Later


class Options(Later):
    """Keys of `secrets: {provider: databricks}`."""

    provider: Literal["databricks"] = "databricks"
    """Secret scopes of a Databricks workspace."""
