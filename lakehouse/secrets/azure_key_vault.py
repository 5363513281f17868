"""Azure Key Vault."""

from __future__ import annotations

from typing import Literal

from lakehouse.secrets.base import Later


class Options(Later):
    """Keys of `secrets: {provider: azure_key_vault}`."""

    provider: Literal["azure_key_vault"] = "azure_key_vault"
    """Azure Key Vault."""
