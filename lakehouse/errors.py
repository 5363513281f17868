"""Everything that can go wrong, as one tree.

LakehouseError
├─ SpecError          the files or arguments are wrong: a list of problems        exit 2
├─ StepError          a step cannot go on; the message says what to do            exit 1
│  ├─ DataError       the data break a rule whose action is `fail`
│  ├─ OffsetError     the table's place in its inputs cannot be told safely
│  ├─ TimeoutExpired  an attempt ran longer than its `timeout`
│  └─ TransientError  lost executors, I/O, throttling, write conflicts: retried
├─ MachineError       no Java, no lake, a session that cannot be used             exit 3
├─ LockTaken          another run holds the lock of a table                       exit 4
└─ Redacted           what somebody else raised and what quoted a secret          exit 1
"""

from __future__ import annotations

import difflib
import heapq
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lakehouse import redaction


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

    def unquoted(self) -> Problem:
        """The problem without secrets, and with the references to environment variables instead of their values."""
        message, fix = redaction.unquoted(self.message), redaction.unquoted(self.fix)
        if message != self.message and fix.startswith("did you mean"):
            fix = ""  # what is near to a value tells the value
        return self if (message, fix) == (self.message, self.fix) else replace(self, message=message, fix=fix)


class LakehouseError(Exception):
    """Base of all errors that the library raises on purpose; their texts show no secret."""

    exit_code = 1

    def __init__(self, message: str, *, code: str = "", fix: str = "") -> None:
        self.message = redaction.redacted(message)
        self.code = code
        self.fix = redaction.redacted(fix)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class SpecError(LakehouseError):
    """The files or arguments are wrong; `problems` has every mistake found, sorted by place."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(sorted({problem.unquoted() for problem in problems}))
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


_LONGEST_NAME = 200
_COMPARED = 24
"""Words of which a name is compared with so many at most: comparing costs a tenth of a millisecond."""


def nearest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str:
    """The word that was probably meant, or an empty text when none is as near as `cutoff` (1: the same)."""
    if len(word) > _LONGEST_NAME:
        return ""
    by_fold = {w.casefold(): w for w in words}
    folded = word.casefold()
    candidates: Iterable[str] = by_fold
    if len(by_fold) > _COMPARED:
        pairs = _pairs(folded)
        shared = ((len(pairs & _pairs(other)) / (len(pairs) + len(other)), other) for other in by_fold)
        candidates = [other for _, other in heapq.nlargest(_COMPARED, shared)]
    near = difflib.get_close_matches(folded, candidates, n=1, cutoff=cutoff)
    return by_fold[near[0]] if near else ""


def _pairs(word: str) -> set[str]:
    return {word[i : i + 2] for i in range(len(word))}


class Redacted(LakehouseError):
    """What another library raised, as text: it, or what it came from, quoted a secret, for which `***` stands now."""


def without_secrets(error: Exception) -> Exception:
    """The error; where it, or one that it came from, quotes a secret, the same without it.

    To be raised where no other error is being handled, or Python keeps that one with all it says.
    """
    if not redaction.quotes_secret(error):
        return error
    told = Redacted("".join(traceback.format_exception(error)).rstrip())
    if not isinstance(error, LakehouseError):
        return told
    error.__cause__, error.__context__ = told, None  # its own text shows none
    return error


def suggestion(word: str, words: Iterable[str]) -> str:
    """`did you mean …?` with the nearest of the words, or an empty text when none is near."""
    near = nearest(word, words)
    return f"did you mean {near!r}?" if near else ""
