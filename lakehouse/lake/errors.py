"""What Spark and Delta raise -> our errors: the innermost cause with an error class, and whether it may pass.

pyspark cannot name Delta's error classes (`getMessage()` answers INTERNAL_ERROR), and hides many causes behind "An
error occurred while calling o872.save", so the Java exception is walked instead of the Python one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import LakehouseError, StepError, TransientError
from lakehouse.redaction import redacted

_CLASS = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_CONCURRENT = re.compile(r"\[(DELTA_CONCURRENT_[A-Z_]+|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED)")
_TRANSIENT_TYPES = (
    "ConcurrentAppendException", "ConcurrentDeleteReadException", "ConcurrentDeleteDeleteException",
    "ConcurrentTransactionException", "ConcurrentWriteException", "MetadataChangedException",
    "ProtocolChangedException",
    "SocketTimeoutException", "SocketException", "ConnectException", "NoHttpResponseException", "UnknownHostException",
    "FetchFailedException", "ExecutorLostFailure", "SlowDownException", "TooManyRequestsException",
)  # fmt: skip
_TRANSIENT_TEXT = re.compile(
    r"ExecutorLostFailure|Executor heartbeat timed out|SlowDown|Too Many Requests|503 Service Unavailable"
)
_MACHINE = re.compile(
    r"No space left|[Dd]isk quota|File too large|Too many open files|OutOfMemory|GC overhead|AccessDenied"
    r"|AccessControlException|[Cc]ancelled|has been shut ?down|stopped SparkContext|Connection refused"
    r"|Answer from Java side is empty"
)
_NO_SPACE = re.compile(r"No space left|[Dd]isk quota|File too large")
_WRAPPERS = ("TASK_WRITE_FAILED", "FAILED_READ_FILE")
_ASKED_WRONGLY = frozenset(["AnalysisException", "ExtendedAnalysisException", "ParseException", "Py4JNetworkError"])
_NOISE = re.compile(r"\s*(SQLSTATE: \w+|== (SQL|DataFrame).*|JVM stacktrace:.*)", re.DOTALL)
_RAISED = {"DIVIDE_BY_ZERO", "CAST_INVALID_INPUT", "CAST_OVERFLOW", "ARITHMETIC_OVERFLOW", "INVALID_ARRAY_INDEX",
           "DATETIME_FIELD_OUT_OF_BOUNDS", "NUMERIC_VALUE_OUT_OF_RANGE", "CANNOT_PARSE_TIMESTAMP"}  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """One exception of a chain: its Java (or Python) class, its error class such as DIVIDE_BY_ZERO, its message.

    The message shows no secret.
    """

    type: str
    condition: str
    message: str


def causes(error: BaseException) -> list[Cause]:
    """The chain from the outermost to the innermost cause."""
    java = _java_of(error)
    chain = list(_java_chain(java)) if java is not None else []
    return chain or [Cause(type(error).__name__, _condition(str(error)), redacted(str(error)))]


def translate(error: BaseException, doing: str) -> LakehouseError:
    """Our error for whatever Spark, Delta, py4j or user code raised while `doing` something.

    TransientError where trying again may help (lost executors, I/O, throttling, write conflicts), else StepError.
    """
    if isinstance(error, LakehouseError):
        return error
    chain = causes(error)
    best = next((c for c in reversed(chain) if c.condition), chain[-1])
    said = _clean(best.message)
    from_java = _java_of(error) is not None or best.condition
    message = f"{doing}: {said if from_java and said else f'{best.type}: {said}'}"
    last = chain[-1]
    if best.condition.startswith(_WRAPPERS) and last is not best and last.message not in message:
        message += (
            f" ({last.type}: {_clean(last.message).splitlines()[0]})"  # what Spark was doing is not why it failed
        )
    if _is_transient(chain):
        return TransientError(message, code=best.condition or best.type)
    fix = ""
    if any(_NO_SPACE.search(c.message) for c in chain):
        fix = "make room on the disk and run again: what was not committed is written anew"
    if best.condition.split(".")[0] in _RAISED:
        fix = "use the function's `try_` twin (try_cast, try_divide, try_to_timestamp, …) where a NULL is what you want"
    return StepError(message, code=best.condition or best.type, fix=fix)


def blames_data(error: BaseException) -> bool:
    """Whether an error of Spark's may come from the bytes that were read, not from analysis, machine or network.

    Where it names no file, only reading each alone tells which one is to blame.
    """
    if _java_of(error) is None:
        return False
    chain = causes(error)
    machine = any(_MACHINE.search(f"{c.type}: {c.message}") for c in chain)
    asked = any(c.type in _ASKED_WRONGLY or c.condition.startswith("INVALID_PARAMETER_VALUE") for c in chain)
    return not machine and not asked and not _is_transient(chain)


def first_line(error: BaseException) -> str:
    """The innermost cause in one line: its type and what it says."""
    last = causes(error)[-1]
    return f"{last.type}: {last.message.splitlines()[0] if last.message else ''}".rstrip(": ")


def is_conflict(error: BaseException) -> bool:
    """Whether another writer got in between: `getCondition()` is empty for these, so the text and type decide."""
    chain = causes(error)
    return any(_CONCURRENT.search(c.message) or c.type.startswith("Concurrent") for c in chain)


def _is_transient(chain: list[Cause]) -> bool:
    return any(
        c.type.rsplit(".", 1)[-1] in _TRANSIENT_TYPES
        or _CONCURRENT.search(c.message)
        or _TRANSIENT_TEXT.search(c.message)
        for c in chain
    )


def _java_of(error: BaseException) -> Any:
    java = getattr(error, "java_exception", None)
    return java if java is not None else getattr(error, "_origin", None)


def _java_chain(java: Any) -> Iterator[Cause]:
    for _ in range(30):
        if java is None:
            return
        name = java.getClass().getName()
        text = java.getMessage() or ""
        yield Cause(name.rsplit(".", 1)[-1], _java_condition(java) or _condition(text), redacted(text))
        java = java.getCause()


def _java_condition(java: Any) -> str:
    from py4j.protocol import Py4JError

    try:
        return str(java.getCondition() or "")
    except (Py4JError, TypeError):  # not a SparkThrowable
        return ""


def _condition(text: str) -> str:
    match = _CLASS.search(text)
    return match.group(1) if match else ""


def _clean(text: str) -> str:
    return _NOISE.sub("", text).strip()
