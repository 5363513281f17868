"""AWS Secrets Manager."""

from __future__ import annotations

from typing import Literal

from lakehouse.secrets.base import Later


class Options(Later):
    """Keys of `secrets: {provider: aws_secrets_manager}`."""

    provider: Literal["aws_secrets_manager"] = "aws_secrets_manager"
    """AWS Secrets Manager."""
