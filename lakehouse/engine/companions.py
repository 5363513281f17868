"""Rows beside the data, as rejected ones and tombstones: appended before it, under the sequence to come (design 3).

A companion row exists if and only if its (`_batch`, `_attempt`) is a commit with a txn in its table's lineage.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lakehouse.errors import TransientError
from lakehouse.lake import commit, table
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.lake.target import location
from lakehouse.names import literal
from lakehouse.quality.rows import types_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TRIES = 5
COMMENTS = {
    "_quarantine": "Rows that were rejected, each with every rule that it broke.",
    "_tombstones": "What the table forgot and late rows need to know: deletes, truncates, rows that said nothing new.",
}


def append(
    session: SparkSession, path: str, frame: DataFrame, signature: Signature, storage: Mapping[str, str]
) -> None:
    """Append the rows in a commit with a txn of the companion's own, so that a lost answer cannot double them.

    `signature` is that of the data commit to come; the companion is created where it does not exist. Raises
    TransientError when other writers take the number again and again.
    """
    log = Log.open(path, storage)
    if log is None:
        table_id = uuid.uuid4().hex
        columns = {name: table.Column(text) for name, text in types_of(frame).items()}
        comment = next((text for suffix, text in COMMENTS.items() if path.endswith(suffix)), "")
        made = table.Definition(columns, comment=comment)
        table.create(session, path, table_id, made, _own(signature, table_id, 0, -1, "create"))
        log = Log.open(path, storage)
    else:
        kinds = types_of(frame)
        widen = any(log.columns.get(name, text) != text for name, text in kinds.items())  # as its input was
        if table.enable(session, log, kinds.values(), own(signature, log, "alter"), widen=widen):
            log = Log.open(path, storage)
    for _ in range(TRIES):
        assert log is not None, "the companion was made above"
        mine = replace(own(signature, log, "data"), sequence=(log.sequence or 0) + 1)
        with commit.signed(session, mine):
            frame.write.format("delta").mode("append").option("mergeSchema", "true").save(path)
        log = Log.open(path, storage)
        if log is not None and any(c.signature == mine for c in log.commits):
            return
        # Delta dropped the statement: another writer took the number meanwhile, so the next one is tried
    raise TransientError(
        f"rows for {path} could not be appended: other writers took the number {TRIES} times", code="companion.busy"
    )


def remove(
    session: SparkSession, path: str, attempts: Sequence[str], signature: Signature, storage: Mapping[str, str]
) -> None:
    """Delete the rows of attempts that will never commit: another took their number, or a RESTORE undid it."""
    log = Log.open(path, storage)
    if log is None or not attempts:
        return
    names = ", ".join(literal(a) for a in attempts)
    with commit.annotated(session, own(signature, log, "alter")):
        session.sql(f"DELETE FROM {location(path)} WHERE _attempt IN ({names})")


def existing(frame: DataFrame, committed: Iterable[tuple[int, str]]) -> DataFrame:
    """Only the rows that exist: those of attempts that are commits in the table's lineage."""
    attempts = sorted({attempt for _, attempt in committed})
    # as text: a column for each of thousands of commits would take seconds to make
    return frame.where(f"_attempt IN ({', '.join(map(literal, attempts))})" if attempts else "false")


def own(signature: Signature, log: Log, kind: str) -> Signature:
    """What a commit to a companion without a txn of its own carries, on behalf of that of its table."""
    return _own(signature, log.table_id or "", log.sequence or 0, log.version, kind)


def _own(signature: Signature, table_id: str, sequence: int, base: int, kind: str) -> Signature:
    return Signature(table_id, signature.run, signature.attempt, kind, sequence, base, signature.definition, {})
