"""Environment variables of the process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field

from lakehouse.model import Model


class Keys(Model):
    """Options of `secrets: {provider: environment}`."""

    prefix: str = Field("LAKEHOUSE_SECRET_", pattern=r"^[A-Za-z0-9_]*$")
    """What the names of the variables begin with; it may be empty."""


class Options(Model):
    """Keys of `secrets: {provider: environment}`."""

    provider: Literal["environment"] = "environment"
    """Environment variables: `${secret:alerts/url}` is LAKEHOUSE_SECRET_ALERTS_URL: the prefix, then scope and key in
    capitals, with `_` for every sign that is no letter or digit."""
    options: Keys = Field(default_factory=Keys)
    """The provider's own options."""


def place(options: Options, root: Path, scope: str, key: str) -> str:
    """The variable's name."""
    return f"the environment variable {_name(options, scope, key)}"


def read(options: Options, root: Path, scope: str, key: str) -> str | None:
    """The variable's value."""
    return os.environ.get(_name(options, scope, key))


def _name(options: Options, scope: str, key: str) -> str:
    return options.options.prefix + re.sub(r"[^A-Za-z0-9]", "_", f"{scope}_{key}").upper()
