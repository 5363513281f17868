"""The control table `commits`: which attempt planned which sequence, and which commits were read back and confirmed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lakehouse.control.store import Control
from lakehouse.lake.signature import Offset, Signature


@dataclass(frozen=True)
class Confirmation:
    """Somebody looked at `version` of the table and found its content to stand on this sequence, attempt and offsets.

    The first one of an attempt is at the version of its own commit; later ones are notes of idle runs.
    """

    sequence: int
    attempt: str
    version: int
    offsets: Mapping[str, Offset] = field(default_factory=dict)


@dataclass(frozen=True)
class CommitRows:
    """All rows of one table.

    `cleaned` are attempts whose companion rows were removed; `restores` says which version each RESTORE that a run met
    put back (None: the log does not say), so that a lineage can be followed where history has expired.
    """

    planned: tuple[tuple[int, str], ...] = ()
    confirmed: tuple[Confirmation, ...] = ()
    cleaned: frozenset[tuple[int, str]] = frozenset()
    restores: Mapping[int, int | None] = field(default_factory=dict)


def plan(control: Control, signature: Signature, *, table: str) -> None:
    """Write, before companions and data, that this attempt is about to commit this sequence."""
    control.append("commits", [_row(signature.table_id, table, "planned", signature.run) | _pair(signature)])


def confirm(
    control: Control,
    table_id: str,
    confirmations: Sequence[Confirmation],
    *,
    restores: Mapping[int, int | None] | None = None,
    table: str,
    run: str,
) -> None:
    """Write that these commits were read back, or that an idle run looked at a version.

    RESTOREs that were met go into the same commit: a confirmed version must never be known without those before it.
    """
    rows = [
        _row(table_id, table, "restored", run) | {"version": version, "target": target}
        for version, target in (restores or {}).items()
    ]
    rows += [
        _row(table_id, table, "confirmed", run)
        | {"sequence": c.sequence, "attempt": c.attempt, "version": c.version, "offsets": dict(c.offsets)}
        for c in confirmations
    ]
    control.append("commits", rows)


def clean(control: Control, table_id: str, dead: Sequence[tuple[int, str]], *, table: str, run: str) -> None:
    """Write, after it was done, that the companion rows of these (sequence, attempt) were removed."""
    rows = [_row(table_id, table, "cleaned", run) | {"sequence": s, "attempt": a} for s, a in dead]
    control.append("commits", rows)


def read(control: Control, table_id: str) -> CommitRows:
    """The rows of one table."""
    columns = ("kind", "sequence", "attempt", "version", "target", "offsets")
    rows = control.read("commits", of=[table_id], columns=columns).to_pylist()
    return CommitRows(
        planned=tuple((r["sequence"], r["attempt"]) for r in rows if r["kind"] == "planned"),
        confirmed=tuple(
            Confirmation(r["sequence"], r["attempt"], r["version"], json.loads(r["offsets"] or "{}"))
            for r in rows
            if r["kind"] == "confirmed"
        ),
        cleaned=frozenset((r["sequence"], r["attempt"]) for r in rows if r["kind"] == "cleaned"),
        restores={r["version"]: r["target"] for r in rows if r["kind"] == "restored"},
    )


def _row(table_id: str, table: str, kind: str, run: str) -> dict[str, object]:
    return {"table_id": table_id, "table": table, "kind": kind, "run_id": run}


def _pair(signature: Signature) -> dict[str, object]:
    return {"sequence": signature.sequence, "attempt": signature.attempt, "work": signature.kind}
