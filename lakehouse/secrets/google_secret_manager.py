"""Google Secret Manager."""

from __future__ import annotations

from typing import Literal

from lakehouse.secrets.base import Later


class Options(Later):
    """Keys of `secrets: {provider: google_secret_manager}`."""

    provider: Literal["google_secret_manager"] = "google_secret_manager"
    """Google Secret Manager."""
