"""What every commit of ours carries in its `userMetadata`: who made it, its sequence, and the offsets it stands on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lakehouse.errors import MachineError

FORMAT = 1
"""Format of the signature; a commit signed in a newer one is refused, never misread."""

WITH_TXN = frozenset({"data", "refresh", "replay", "erase", "rewrite", "restore"})
WITHOUT_TXN = frozenset({"create", "alter", "optimize", "vacuum"})

Offset = Mapping[str, Any]
"""Where an input was read up to: `{"id": …, "version": n}`, of a Bronze input also `batch`; of files `{"batch": n}`."""


def app_id(table_id: str) -> str:
    """The `txnAppId` under which the table's log records its sequence."""
    return f"lakehouse/{table_id}"


@dataclass(frozen=True)
class Signature:
    """One commit's signature; `base` is the table's own version that the step was decided on."""

    table_id: str
    run: str
    attempt: str
    kind: str
    sequence: int
    base: int
    definition: str
    offsets: Mapping[str, Offset] = field(default_factory=dict)

    @property
    def app_id(self) -> str:
        """The `txnAppId` of the commit."""
        return app_id(self.table_id)

    @property
    def has_txn(self) -> bool:
        """Whether a commit of this kind carries a txn, that is, takes the sequence."""
        return self.kind in WITH_TXN

    def to_json(self) -> str:
        """The text for `userMetadata`."""
        return json.dumps(
            {
                "lakehouse": FORMAT,
                "table_id": self.table_id,
                "run": self.run,
                "attempt": self.attempt,
                "kind": self.kind,
                "sequence": self.sequence,
                "base": self.base,
                "definition": self.definition,
                "offsets": self.offsets,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | None) -> Signature | None:
        """The signature in a commit's `userMetadata`; None when it is not one of ours.

        Raises MachineError when it was written by a newer version of the library.
        """
        if not text or '"lakehouse"' not in text:
            return None
        try:
            found = json.loads(text)
        except ValueError:
            return None
        if not isinstance(found, dict) or not isinstance(found.get("lakehouse"), int):
            return None
        if found["lakehouse"] > FORMAT:
            raise MachineError(
                f"a commit is signed in format {found['lakehouse']}, this version of the library knows {FORMAT}",
                code="signature.newer",
                fix="use a newer version of the library",
            )
        try:
            return cls(
                table_id=found["table_id"],
                run=found["run"],
                attempt=found["attempt"],
                kind=found["kind"],
                sequence=int(found["sequence"]),
                base=int(found["base"]),
                definition=found["definition"],
                offsets=found["offsets"],
            )
        except (KeyError, TypeError, ValueError):
            return None
