"""States of the protocol's models as the library sees them: a table's history, rows of `commits` and of the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pyarrow as pa

from lakehouse.control.ledger import COLUMNS
from lakehouse.control.tables import FILES
from lakehouse.lake.history import Commit
from lakehouse.lake.signature import Signature
from lakehouse.sources.base import SourceFile
from lakehouse.state.place import Commits, Confirmation

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class History:
    """A made-up log: what `lineage` needs of a `Log`."""

    commits: tuple[Commit, ...]
    version: int
    sequence: int | None
    table_id: str | None = "t"


def history(entries: list[Commit | None], sequence: int | None, table_id: str = "t") -> History:
    """From the oldest entry to the newest; None has expired."""
    visible = [c for c in reversed(entries) if c is not None]
    return History(tuple(visible), len(entries) - 1, sequence, table_id)


def commit(version: int, operation: str = "WRITE", mine: Signature | None = None, /, **parameters: Any) -> Commit:
    return Commit(version, EPOCH, operation, parameters or {"mode": "Append"}, {}, mine)


def ours(version: int, sequence: int, attempt: object, base: int, offset: object = 0, kind: str = "data") -> Commit:
    signature = Signature("t", "run", str(attempt), kind, sequence, base, "definition", {"in": {"version": offset}})
    return commit(version, "WRITE", signature)


def entry(version: int, kind: str, sequence: int, attempt: object, base: int | None, offset: object) -> Commit:
    """An entry of a model's history; of a RESTORE `base` is the version that it puts back."""
    if kind == "ours":
        return ours(version, sequence, attempt, base, offset)
    return commit(version, "RESTORE", version=base) if kind == "restore" else commit(version, "OPTIMIZE")


def protocol(state: Any) -> tuple[History, Commits]:
    """A state of `protocol_model`."""
    entries = [k and entry(i, k[0], k[1], k[2], k[4], k[3]) for i, k in enumerate(state.t.hist)]
    rows = Commits(
        planned=tuple((seq, str(att)) for seq, att in state.plan),
        confirmed=tuple(
            Confirmation(seq, str(att), version, {"in": {"version": off}}) for seq, att, off, version, _ in state.conf
        ),
        restores=dict(state.res),
    )
    return history(entries, state.t.txn or None), rows


def ledger(state: Any) -> tuple[pa.Table, History, Commits]:
    """A state of `ledger_model`."""
    entries = [
        k and entry(i, k[0], k[1], k[2], k[4] if k[0] == "restore" else k[3], 0) for i, k in enumerate(state.t.hist)
    ]
    rows: list[dict[str, Any]] = []
    confirmed: list[Confirmation] = []
    restores: dict[int, int | None] = {}
    for row in state.led:
        if row[-1] != state.t.id:
            continue
        match row[0]:
            case "planned":
                common = {"kind": "planned", "batch": row[1], "attempt": str(row[2]), "work": "data", "version": row[4]}
                rows += [common | _known(f, mt) for f, mt in row[3]]
            case "failed":
                rows.append({"kind": "failed", "batch": row[1], "attempt": str(row[2])} | _known(row[3], row[4]))
            case "result":
                rows.append({"kind": "result", "batch": row[1], "attempt": str(row[2]), "version": row[3]})
            case "void":
                rows.append({"kind": "void", "batch": row[1]})
            case "seen":
                confirmed.append(Confirmation(0, "", row[1]))
            case "restored":
                restores[row[1]] = row[2]
    schema = pa.schema([(c, FILES.columns[c]) for c in COLUMNS])
    return (
        pa.Table.from_pylist(rows, schema=schema),
        history(entries, state.t.txn or None),
        Commits(confirmed=tuple(confirmed), restores=restores),
    )


def file(number: int, repaired: int) -> SourceFile:
    """A file of the ledger's model: `repaired` moves its modification time."""
    return SourceFile(f"/landing/{number}.csv", 10, EPOCH + timedelta(seconds=number, hours=repaired))


def _known(number: int, repaired: int) -> dict[str, Any]:
    found = file(number, repaired)
    return {"path": found.path, "size": found.size, "modified": found.modified}


def reachable(model: ModuleType, scenario: str, limit: int) -> Iterator[Any]:
    """States of a scenario, nearest first, until nothing can move or the limit is reached.

    What is decided hangs on neither the runners nor what may still happen, so states that differ only there come once.
    """
    found = model.SC[scenario]
    start = model.start(found)
    seen, told, todo = {start}, set(), deque([start])
    while todo:
        state = todo.popleft()
        world = state._replace(run=(), crashes=0, env=frozenset(), att=0)
        if world not in told:
            told.add(world)
            yield state
        for _, following in model.moves(model.V(), state, found):
            if following not in seen and len(seen) < limit:
                seen.add(following)
                todo.append(following)
