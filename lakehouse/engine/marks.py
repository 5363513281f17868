"""Rows of the quarantine that replays took: marked before the data commit, so that no crash loses or doubles one.

`_replay_id` has the attempts that took the row, the newest first, with blanks between. A row counts as replayed if and
only if one of them is a commit in the lineage of its table; `_replayed_at` tells people. They do what
`tests/models/replay_model.py` does; whoever changes one changes the model first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from lakehouse.engine import companions
from lakehouse.lake import commit
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.lake.target import location
from lakehouse.names import literal
from lakehouse.write.base import view

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

ID, BY = "__quarantine_id", "__quarantined_by"
"""Hidden columns of a row on its way back: its `_quarantine_id` and `_attempt`, which are its address."""
WHY = "__failures"
"""Beside them, of a row that does not go in: the rules that it breaks now."""


def is_taken(attempts: Iterable[str]) -> Column:
    """Where a row of a quarantine was replayed by one of these attempts."""
    from pyspark.sql import functions as F

    ids = sorted(attempts)
    if not ids:
        return F.lit(False)
    marked = F.arrays_overlap(F.split("_replay_id", " "), F.array(*[F.lit(i) for i in ids]))
    return F.coalesce(marked, F.lit(False))


def mark(
    session: SparkSession,
    path: str,
    version: int,
    rows: DataFrame,
    attempt: str,
    signature: Signature,
    storage: Mapping[str, str],
) -> bool:
    """Mark the rows that go in, and give the others their new reasons, in one commit.

    `rows` has `ID`, `BY` and `WHY`, NULL for a row that goes in, as it was read at this version of the quarantine.
    False when somebody wrote the quarantine since, so that the rows may be others by now: the marks are taken back.
    """
    log = Log.open(path, storage)
    assert log is not None, "rows were read from the quarantine"
    marked = f"concat_ws(' ', {literal(attempt)}, t._replay_id)"
    with view(rows) as source, commit.annotated(session, companions.own(signature, log, "alter")):
        session.sql(
            f"MERGE INTO {location(path)} AS t USING {source} AS s "
            f"ON t._quarantine_id = s.{ID} AND t._attempt = s.{BY} "
            f"WHEN MATCHED AND s.{WHY} IS NULL THEN UPDATE SET t._replay_id = {marked} "
            f"WHEN MATCHED AND NOT (t._failures <=> s.{WHY}) THEN UPDATE SET t._failures = s.{WHY}"
        )
    after = Log.open(path, storage)
    assert after is not None, "a table that was just written is there"
    since = after.commits[: after.version - version]
    if all(c.signature is not None and c.signature.attempt == signature.attempt for c in since):
        return True
    clear(session, path, [attempt], signature, storage)
    return False


def finish(
    session: SparkSession,
    path: str,
    attempts: Iterable[str],
    at: datetime,
    signature: Signature,
    storage: Mapping[str, str],
) -> None:
    """Let the rows that these attempts took say when that was."""
    when = f"timestamp_micros({round(at.timestamp() * 1_000_000)})"
    _update(session, path, f"_replayed_at = {when}", attempts, signature, storage)


def clear(
    session: SparkSession, path: str, attempts: Iterable[str], signature: Signature, storage: Mapping[str, str]
) -> None:
    """Take the marks of attempts away that never committed and never will."""
    rest = f"array_join(array_except(split(_replay_id, ' '), {_array(attempts)}), ' ')"
    _update(session, path, f"_replay_id = nullif({rest}, '')", attempts, signature, storage)


def _update(
    session: SparkSession,
    path: str,
    what: str,
    attempts: Iterable[str],
    signature: Signature,
    storage: Mapping[str, str],
) -> None:
    log = Log.open(path, storage)
    if log is None:
        return
    with commit.annotated(session, companions.own(signature, log, "alter")):
        session.sql(
            f"UPDATE {location(path)} SET {what} WHERE arrays_overlap(split(_replay_id, ' '), {_array(attempts)})"
        )


def _array(attempts: Iterable[str]) -> str:
    return f"array({', '.join(literal(a) for a in sorted(attempts))})"
