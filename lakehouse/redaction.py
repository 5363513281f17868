"""Secret values of this process, and `***` in their place in whatever is printed, logged, raised or stored.

So it is for what errors quote of the rows, where a column of them is marked `pii` (S60).

A value is hidden from the moment it is read, which is before anything can quote it. The forms in which programs write
a text down are hidden with it: escaped for JSON or a URL, and each line of a key that has several.
"""

from __future__ import annotations

import json
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_LONG = 8
"""Characters from which a value is hidden inside words too; a shorter one may be a part of many words."""
_TELLING = 3
"""Characters of the shortest value of an environment variable that is named in a problem instead of quoted."""
_QUOTES_OF_ROWS = (
    r"(?<=The value ')[^\n]*?(?='(?: of the type | \())",
    r"(?<=The value )[^'\s][^\n]*?(?= (?:of the type|cannot be represented) )",
    r"(?<=\] )(?:The )?[^\n]*?(?= (?:rounded|cannot be represented) )",
    r"(?<=The input \"STRING\" )[^\n]*?(?= does not match)",
    r"(?<=Text ')[^\n]*?(?=' could not be parsed)",
    r"(?<=Invalid date ')[^\n]*?(?=')",
    r"Invalid value for \w+ \(valid values [^)\n]*\): \S+",
    r"(?<=Unparseable date: \")[^\n]*?(?=\")",
    r"(?<=The url is invalid: )\S+",
    r"(?<=detected in record parsing: )[^\n]*",
    r"(?<=violated by row with values:)(?:\s+- [^\n]*)+",
    r"(?<= of the key )[^\n]*",
)
"""Where errors of Spark, Delta and ours quote values of rows; the same in Python and Java, and without braces."""


class _Known:
    def __init__(self) -> None:
        self.secrets: frozenset[str] = frozenset()
        self.rows = False
        self.pattern: re.Pattern[str] | None = None
        self.environment: dict[str, str] = {}

    def compile(self) -> None:
        parts = [_any_of(self.secrets)] if self.secrets else []
        parts += _QUOTES_OF_ROWS if self.rows else ()
        self.pattern = re.compile("|".join(parts)) if parts else None


_known = _Known()
_lock = threading.Lock()


def hide(value: str) -> None:
    """From now on `***` stands for this value; an empty one hides nothing."""
    forms = {form for form in _forms(value) if form.strip()}
    with _lock:
        if not forms <= _known.secrets:
            _known.secrets |= forms
            _known.compile()


def hide_rows() -> None:
    """From now on `***` stands for what errors quote of rows."""
    with _lock:
        if not _known.rows:
            _known.rows = True
            _known.compile()


def _forms(value: str) -> Iterable[str]:
    lines = value.splitlines()
    whole = [value, value.strip()] if len(lines) < 2 else [line.strip() for line in lines if len(line.strip()) >= _LONG]
    for text in {*whole, value}:
        yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
        yield from (quoted(text, safe, errors="replace") for quoted in (quote, quote_plus) for safe in ("", "/"))


def _any_of(values: Iterable[str], escaped: Callable[[str], str] = re.escape) -> str:
    # the longest first: of a value and its beginning the whole one goes
    ordered = sorted(values, key=lambda value: (-len(value), value))
    return "|".join(escaped(value) if len(value) >= _LONG else _alone(value, escaped) for value in ordered)


def _alone(value: str, escaped: Callable[[str], str]) -> str:
    before = r"(?<!\w)" if re.match(r"\w", value) else ""
    return before + escaped(value) + (r"(?!\w)" if re.search(r"\w\Z", value) else "")


def java_pattern() -> str:
    """A regular expression of Java that finds every hidden value and shows none; empty when there is none."""
    parts = [_any_of(_known.secrets, _units)] if _known.secrets else []
    return "|".join([*parts, *(_QUOTES_OF_ROWS if _known.rows else ())])


def _units(value: str) -> str:
    """Each sign by its number: nothing to read, and no brace, which ends an argument in a pattern of log4j."""
    pairs = value.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[i]:02x}{pairs[i + 1]:02x}" for i in range(0, len(pairs), 2))


def redacted(text: str) -> str:
    """The text with `***` for each hidden value."""
    return _known.pattern.sub(HIDDEN, text) if _known.pattern is not None else text


def redacted_in(value: Any) -> Any:
    """The same for texts inside maps and lists."""
    if _known.pattern is None:
        return value
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted_in(key): redacted_in(item) for key, item in value.items()}
    return [redacted_in(item) for item in value] if isinstance(value, list | tuple) else value


def is_hidden(text: str) -> bool:
    """Whether a hidden value stands in the text."""
    return _known.pattern is not None and _known.pattern.search(text) is not None


def quotes_secret(error: BaseException) -> bool:
    """Whether the error, or one that it came from, quotes a hidden value."""
    return _known.pattern is not None and is_hidden("".join(traceback.format_exception(error)))


def reading_begins() -> None:
    """The files of a project are about to be read: values of environment variables that others used are forgotten."""
    _known.environment.clear()


def came_from(value: str, reference: str) -> None:
    """A value of the environment was put in for a reference as `${env:HOME}`, which problems show instead of it."""
    if len(value) >= _TELLING:
        _known.environment[value] = reference


def unquoted(text: str) -> str:
    """A text about a mistake: the reference for each value that came from the environment, `***` for secrets."""
    text = redacted(text)
    environment = dict(_known.environment)
    return re.sub(_any_of(environment), lambda match: environment[match.group()], text) if environment else text


def forget() -> None:
    """Hide nothing any more; for tests."""
    with _lock:
        _known.secrets, _known.rows, _known.pattern = frozenset(), False, None
        _known.environment.clear()
