"""HashiCorp Vault."""

from __future__ import annotations

from typing import Literal

from lakehouse.secrets.base import Later


class Options(Later):
    """Keys of `secrets: {provider: hashicorp_vault}`."""

    provider: Literal["hashicorp_vault"] = "hashicorp_vault"
    """HashiCorp Vault."""
