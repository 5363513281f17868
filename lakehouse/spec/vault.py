"""Secrets of an environment: read when they are needed, once, and hidden from then on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lakehouse import redaction
from lakehouse.errors import MachineError
from lakehouse.spec.leaves import PROVIDERS


class Vault:
    """The secrets that were read by now. All vaults are equal: what was read is no part of an environment's value."""

    def __init__(self) -> None:
        self._read: dict[str, str] = {}

    def secret(self, provider: Any, root: Path, reference: str) -> str:
        """The value of `secret:scope/key` or `env:NAME`; raises MachineError with the place where it should be."""
        if reference not in self._read:
            is_variable = reference.startswith("env:")
            value = _variable(reference) if is_variable else _secret(provider, root, reference)
            redaction.hide(value)
            self._read[reference] = value
        return self._read[reference]

    def forget(self) -> None:
        """Read them anew when they are needed next."""
        self._read.clear()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vault)

    def __hash__(self) -> int:
        return hash(Vault)


def _variable(reference: str) -> str:
    name = reference.removeprefix("env:")
    if name not in os.environ:
        raise MachineError(
            f"the environment variable {name} is not set",
            code="secret.missing",
            fix="set it where the run starts",
        )
    return os.environ[name]


def _secret(provider: Any, root: Path, reference: str) -> str:
    name = reference.removeprefix("secret:")
    scope, _, key = name.partition("/")
    leaf = PROVIDERS[provider.provider]
    told = f"the secret {name} of the provider `{provider.provider}`"
    place = leaf.place(provider, root, scope, key)
    try:
        value: str | None = leaf.read(provider, root, scope, key)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise MachineError(
            f"{told} cannot be read from {place}: {why}",
            code="secret.unreadable",
            fix="let the process that runs the pipeline read it, and nobody else",
        ) from None
    if not value:
        raise MachineError(
            f"{told} {'is missing: there is no value in' if value is None else 'is empty in'} {place}",
            code="secret.missing",
            fix="put it there where the run starts, or name another provider under `secrets` in configs",
        )
    return value
