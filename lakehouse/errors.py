"""Everything that can go wrong, as one tree.

LakehouseError
├─ SpecError          the files or arguments are wrong: a list of problems        exit 2
├─ StepError          a step cannot go on; the message says what to do            exit 1
│  ├─ DataError       the data break a rule whose action is `fail`
│  ├─ OffsetError     the table's place in its inputs cannot be told safely
│  ├─ TimeoutExpired  an attempt ran longer than its `timeout`
│  └─ TransientError  lost executors, I/O, throttling, write conflicts: retried
├─ MachineError       no Java, no lake, a session that cannot be used             exit 3
└─ LockTaken          another run holds the lock of a table                       exit 4
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file: line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file or an argument: where, which kind, what is wrong and what to do."""

    position: Position
    code: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        tail = f"; {self.fix}" if self.fix else ""
        return f"{self.position}: {self.code}: {self.message}{tail}"


class LakehouseError(Exception):
    """Base of all errors that the library raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, code: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class SpecError(LakehouseError):
    """The files or arguments are wrong; `problems` has every mistake found, sorted by place."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(p) for p in self.problems), code="spec")


class StepError(LakehouseError):
    """A step cannot go on. Not retried, but for two of its kinds: the same input gives the same answer."""


class DataError(StepError):
    """The data break a rule whose action is `fail`, or `mostly` is missed; nothing was written."""


class OffsetError(StepError):
    """The place of a table in its inputs cannot be told safely, so the step refuses to guess."""


class TimeoutExpired(StepError):
    """An attempt ran longer than the step's `timeout`; it counts as one of the `max_retries`."""


class TransientError(StepError):
    """A failure that may pass by itself: the step is tried again up to `max_retries` times."""


class MachineError(LakehouseError):
    """The machine, the lake or the session cannot be used."""

    exit_code = 3


class LockTaken(LakehouseError):
    """Another run holds the lock of a table that this one may write."""

    exit_code = 4


def suggestion(word: str, words: Iterable[str]) -> str:
    """`did you mean …?` with the nearest of the words, or an empty text when none is near."""
    near = difflib.get_close_matches(word.casefold(), {w.casefold(): w for w in words}, n=1, cutoff=0.6)
    by_fold = {w.casefold(): w for w in words}
    return f"did you mean {by_fold[near[0]]!r}?" if near else ""
