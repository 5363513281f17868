"""The control table `commits`: which attempt planned which sequence, and which commits were read back and confirmed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from deltalake import DeltaTable

from lakehouse.control.store import Control, PlanConflict
from lakehouse.errors import MachineError
from lakehouse.lake.signature import Offset, Signature

_TRIES = 20


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
    put back (None: the log does not say), so that a lineage can be followed where history has expired. `replays` are
    those of `planned` that take rows out of the quarantine, `replayed` those of them that are done; `refreshes` those
    that make the table anew. `project` is the
    id of the project whose rows these are.
    """

    planned: tuple[tuple[int, str], ...] = ()
    confirmed: tuple[Confirmation, ...] = ()
    cleaned: frozenset[tuple[int, str]] = frozenset()
    restores: Mapping[int, int | None] = field(default_factory=dict)
    replays: frozenset[tuple[int, str]] = frozenset()
    replayed: frozenset[tuple[int, str]] = frozenset()
    refreshes: frozenset[tuple[int, str]] = frozenset()
    project: str = ""


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
    """Write, after it was done, that what these (sequence, attempt) left in the companions was removed."""
    control.append("commits", [_of_pair(table_id, table, "cleaned", run, pair) for pair in dead])


def replayed(control: Control, table_id: str, done: Sequence[tuple[int, str]], *, table: str, run: str) -> None:
    """Write, after it was done, that the rows which these replays took say when that was."""
    control.append("commits", [_of_pair(table_id, table, "replayed", run, pair) for pair in done])


def read(control: Control, table_id: str) -> CommitRows:
    """The rows of one table."""
    columns = ("kind", "sequence", "attempt", "work", "version", "target", "offsets")
    opened = control.open("commits")
    rows = control.read("commits", of=[table_id], columns=columns, through=opened).to_pylist() if opened else []

    def pairs(kind: str, *work: str) -> tuple[tuple[int, str], ...]:
        found = [r for r in rows if r["kind"] == kind and (not work or r["work"] in work)]
        return tuple((r["sequence"], r["attempt"]) for r in found)

    return CommitRows(
        planned=pairs("planned"),
        confirmed=tuple(
            Confirmation(r["sequence"], r["attempt"], r["version"], json.loads(r["offsets"] or "{}"))
            for r in rows
            if r["kind"] == "confirmed"
        ),
        cleaned=frozenset(pairs("cleaned")),
        restores={r["version"]: r["target"] for r in rows if r["kind"] == "restored"},
        replays=frozenset(pairs("planned", "replay")),
        replayed=frozenset(pairs("replayed")),
        refreshes=frozenset(pairs("planned", "refresh")),
        project=_known_project(control, opened) if opened else "",
    )


def project(control: Control) -> str:
    """The id of the project, made once by whoever comes first: two at the same moment get the same.

    It is a row and not Delta's own id of this table, which `deltalake` replaces when two processes make the table.
    """
    for _ in range(_TRIES):
        opened = control.create("commits")
        if found := _known_project(control, opened):
            return found
        row = _row("", "", "project", "") | {"attempt": uuid.uuid4().hex}
        with suppress(PlanConflict):
            control.append("commits", [row], through=opened, transaction=("project", 1))
    where = control.path("commits")
    raise MachineError(f"the id of the project cannot be written to {where}", code="control.unwritable")


def _known_project(control: Control, opened: DeltaTable) -> str:
    if not control.project:
        rows = control.read("commits", where="kind = 'project'", columns=("attempt",), through=opened)
        control.project = rows["attempt"][0].as_py() if rows.num_rows else ""
    return control.project


def _row(table_id: str, table: str, kind: str, run: str) -> dict[str, object]:
    return {"table_id": table_id, "table": table, "kind": kind, "run_id": run}


def _of_pair(table_id: str, table: str, kind: str, run: str, pair: tuple[int, str]) -> dict[str, object]:
    return _row(table_id, table, kind, run) | {"sequence": pair[0], "attempt": pair[1]}


def _pair(signature: Signature) -> dict[str, object]:
    return {"sequence": signature.sequence, "attempt": signature.attempt, "work": signature.kind}
