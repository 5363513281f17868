"""The guards of the commit protocol, each of which can be switched off alone, to see that a kill test notices."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from lakehouse.engine import attempt, companions, execute
from lakehouse.lake import commit, lineage
from lakehouse.lake.signature import Signature
from lakehouse.planning import decide
from lakehouse.state import known as known_files
from lakehouse.state import ledger as ledgers
from lakehouse.state import place


def _patch(target: object, name: str, new: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(target, name, new)


@contextmanager
def _no_txn() -> Iterator[None]:
    @contextmanager
    def unsigned(spark: Any, signature: Signature) -> Iterator[None]:
        with commit._settings(spark, {commit.USER_METADATA: signature.to_json()}):
            yield

    with patch.object(commit, "signed", unsigned):
        yield


@contextmanager
def _no_offsets() -> Iterator[None]:
    whole = attempt.Attempt.signature.fget
    assert whole is not None
    with patch.object(attempt.Attempt, "signature", property(lambda self: replace(whole(self), offsets={}))):
        yield


@contextmanager
def _failed_rows_of_anybody() -> Iterator[None]:
    """A `failed` row counts whoever committed the batch."""
    of = known_files.Known.of.__func__  # type: ignore[attr-defined]

    class Anybody(dict[int, str]):
        def get(self, key: int, default: Any = None) -> Any:
            return _Anything() if key in self else default

    def everybody(cls: Any, rows: Any, loaded: Mapping[int, str], void: Any, sequence: int) -> Any:
        return of(cls, rows, Anybody(loaded), void, sequence)

    with patch.object(known_files.Known, "of", classmethod(everybody)):
        yield


class _Anything:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@contextmanager
def _plans_outlive_a_restore() -> Iterator[None]:
    whole = ledgers._Marks.__init__

    def marks(self: Any, rows: Any) -> None:
        whole(self, rows)
        self.planned = {batch: replace(plan, base=sys.maxsize) for batch, plan in self.planned.items()}

    with patch.object(ledgers._Marks, "__init__", marks):
        yield


@contextmanager
def _no_base_check() -> Iterator[None]:
    def nothing(log: Any, base: int, version: int) -> lineage.Between:
        return lineage.Between(restored=False, replaced=False, expired=False)

    with patch.object(place, "between", nothing), patch.object(ledgers, "between", nothing):
        yield


@contextmanager
def _settle_without(**empty: Any) -> Iterator[None]:
    whole = decide.unsettled

    def less(*args: Any) -> decide.Settle:
        return replace(whole(*args), **empty)

    with patch.object(decide, "unsettled", less):
        yield


@contextmanager
def _every_companion_row() -> Iterator[None]:
    def everything(frame: Any, committed: Any) -> Any:
        return frame

    with patch.object(companions, "existing", everything), patch.object(companions, "remove", lambda *args: None):
        yield


@contextmanager
def _never_confirmed_late() -> Iterator[None]:
    with _settle_without(confirm=()), patch.object(decide, "_notes", lambda *args: ()):
        yield


@contextmanager
def _no_conflict() -> Iterator[None]:
    append = Control.append

    def whatever_others_did(self: Control, *args: Any, transaction: Any = None, **options: Any) -> None:
        append(self, *args, **options)

    with patch.object(Control, "append", whatever_others_did):
        yield


def _reads_back_anything(log: Any, signature: Signature) -> int:
    found: int = log.version
    return found


GUARDS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "of two planners one decides anew": _no_conflict,
    "the batch is planned in the ledger before the data": _patch(Ledger, "plan", lambda *args, **options: None),
    "failed rows are written before the data": _patch(Ledger, "failed", lambda *args, **options: None),
    "a failed row counts only if its attempt committed": _failed_rows_of_anybody,
    "the data commit carries a txn": _no_txn,
    "the data commit carries the offsets": _no_offsets,
    "companions are written before the data": _patch(attempt, "reject", lambda *args, **options: None),
    "companion rows exist only if their attempt committed": _every_companion_row,
    "a commit is looked for after it was written": _patch(attempt, "read_back", _reads_back_anything),
    "a RESTORE between decision and commit is looked for": _no_base_check,
    "what was planned before a RESTORE is void": _plans_outlive_a_restore,
    "a commit of a dead attempt is confirmed": _never_confirmed_late,
    "the result of a dead attempt's batch is noted": lambda: _settle_without(results=()),
}


def off(name: str) -> AbstractContextManager[Any]:
    """The protocol without this guard."""
    return GUARDS[name]()


def without_locks() -> AbstractContextManager[Any]:
    """Runs that do not wait for each other, as two machines on an object store would be."""
    return patch.object(execute, "locked", lambda *args, **options: nullcontext())
