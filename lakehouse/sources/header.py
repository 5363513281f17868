"""The first record of a delimited file, read on the driver as Spark's reader would read it."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.sources.filesystem import filesystem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.sources.base import SourceFile

_CHUNK = 1 << 16
_LONGEST = 1 << 26
_BLANK = "".join(map(chr, range(33)))  # what Java's trim takes away
_SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_MARKS = ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written; the words are those of Spark's reader."""

    sep: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    line_sep: str = ""
    encoding: str = ""
    """As the user wrote it; empty means UTF-8, or UTF-16 or UTF-32 where the file begins with its mark."""
    multi_line: bool = False
    trim_left: bool = False
    trim_right: bool = False


@dataclass(frozen=True)
class Head:
    """A file's first record (None when it has none) and its encoding where it is not the dialect's."""

    record: Sequence[str] | None
    encoding: str = ""
    line_end: str = ""
    """What the record ends in; empty at the end of the file."""


def is_wide(encoding: str) -> bool:
    """Whether signs of the encoding have two or four bytes, so that a file cannot be cut into lines as bytes."""
    return encoding.upper().replace("_", "-").startswith(("UTF-16", "UTF-32"))


def read_head(path: str, dialect: Dialect, storage: Mapping[str, str]) -> Head:
    """The first record of a file.

    Raises OSError when it cannot be opened or decompressed or is in another encoding, StepError for an unknown one.
    """
    raw = b""
    encoding = ""
    for raw in growing(path, storage):
        encoding = dialect.encoding or marked_encoding(raw)
        found = _first(_decode(raw, encoding or "UTF-8"), _seen_as(dialect, encoding))
        if found is not None:
            return Head(found[0], "" if dialect.encoding else encoding, found[1])
    if len(raw) >= _LONGEST:
        raise OSError(f"no record ends within the first {_LONGEST >> 20} MiB")
    found = _first(_decode(raw, encoding or "UTF-8"), _seen_as(dialect, encoding), at_end=True)
    return Head(found and found[0], "" if dialect.encoding else encoding)


def marked_encoding(raw: bytes) -> str:
    """The encoding that the first bytes of a file say, empty for UTF-8.

    Raises OSError when they look like UTF-16 without its mark: to take it for one would be a guess.
    """
    found = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
    start = raw[:64]
    if not found and len(start) >= 4 and any(start) and not (any(start[::2]) and any(start[1::2])):
        name = "UTF-16BE" if any(start[1::2]) else "UTF-16LE"
        raise OSError(f"every other byte is zero, as in {name} without its mark; write `options: {{encoding: {name}}}`")
    return found


def not_utf8(files: Sequence[SourceFile], storage: Mapping[str, str]) -> dict[str, str]:
    """Path -> why, of files that begin as no UTF-8 does; what cannot be opened is left to the reader to tell."""

    def look(file: SourceFile) -> str:
        try:
            raw = next(growing(file.path, storage), b"")
        except OSError:
            return ""
        try:
            name = marked_encoding(raw)
        except OSError as error:
            return str(error)
        return f"it begins with the mark of {name}; write `options: {{encoding: {name}}}`" if name else ""

    with ThreadPoolExecutor(8) as threads:
        found = zip(files, threads.map(look, files), strict=True)
        return {file.path: f"cannot be read: {why}" for file, why in found if why}


def _seen_as(dialect: Dialect, encoding: str) -> Dialect:
    return replace(dialect, multi_line=True) if is_wide(encoding) else dialect


def first_record(text: str, dialect: Dialect, at_end: bool = False) -> list[str] | None:
    """The fields of the first record that is neither blank nor a comment; None when it does not end in this text.

    With `at_end` the text is all there is, so that the last line needs no line end.
    """
    found = _first(text, dialect, at_end)
    return found[0] if found else None


def _first(text: str, dialect: Dialect, at_end: bool = False) -> tuple[list[str], str] | None:
    """The first record and the line end behind it."""
    ends = [dialect.line_sep] if dialect.line_sep else ["\r\n", "\n", "\r"]
    at = 0
    while at < len(text):
        stop, after = _line_end(text, at, ends)
        if stop < 0 and not at_end:
            return None
        line = text[at:] if stop < 0 else text[at:stop]
        if (not line.strip(_BLANK)) or (dialect.comment and line.startswith(dialect.comment)):
            if stop < 0:
                return None
            at = after
            continue
        if not dialect.multi_line:
            return _fields(line, dialect, [])[0], text[stop:after] if stop >= 0 else ""
        record, closed = _fields(text[at:], dialect, ends)
        if closed < 0:
            return (record, "") if at_end else None
        stop, after = _line_end(text, at + closed, ends)
        return record, text[stop:after]
    return None


def safe_names(record: Sequence[str], null_value: str | None) -> list[str]:
    """Column names for a header as Spark makes them: `_c<i>` for an empty one, its place behind a repeated one."""
    counts = Counter(name.lower() for name in record)
    return [
        f"_c{i}" if not name or name == null_value else f"{name}{i}" if counts[name.lower()] > 1 else name
        for i, name in enumerate(record)
    ]


def growing(path: str, storage: Mapping[str, str]) -> Iterator[bytes]:
    """The file's beginning, each time twice as long, until it is whole."""
    files, inner = filesystem(path, storage)
    compression = next((codec for suffix, codec in _SUFFIXES.items() if path.lower().endswith(suffix)), None)
    size = _CHUNK
    with files.open_input_stream(inner(path), compression=compression) as stream:
        raw = b""
        while len(raw) < _LONGEST:
            more = stream.read(size)
            if not more:
                return
            raw += more
            size = len(raw)
            yield raw


def _decode(raw: bytes, encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise StepError(f"the encoding {encoding!r} is unknown", code="source.options") from None
    if name == "utf-16" and raw[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        name = "utf-16-be"  # as in Java; Python would take the machine's order
    return codecs.getincrementaldecoder(name)("replace").decode(raw).removeprefix("\ufeff")


def _line_end(text: str, at: int, ends: Sequence[str]) -> tuple[int, int]:
    found = [(place, -len(end)) for end in ends if (place := text.find(end, at)) >= 0]
    if not found:
        return -1, -1
    place, length = min(found)
    return place, place - length


def _fields(text: str, dialect: Dialect, ends: Sequence[str]) -> tuple[list[str], int]:
    """The fields up to the first line end outside of quotes, and its place, -1 when there is none."""
    fields: list[str] = []
    at = 0
    while True:
        if dialect.trim_left:
            at += len(text) - at - len(text[at:].lstrip(" \t"))
        if dialect.quote and text.startswith(dialect.quote, at):
            value, at = _quoted(text, at + 1, dialect)
        else:
            value = ""
        rest, at, more = _until_separator(text, at, dialect, ends)
        value += rest
        fields.append(value.rstrip(" \t") if dialect.trim_right else value)
        if not more:
            return fields, at


def _quoted(text: str, at: int, dialect: Dialect) -> tuple[str, int]:
    """The text of a quoted field from behind its opening quote, and the place behind the closing one."""
    out: list[str] = []
    while at < len(text):
        sign = text[at]
        if sign == dialect.escape and text[at + 1 : at + 2] == dialect.quote:
            out.append(dialect.quote)
            at += 2
        elif sign == dialect.quote:
            return "".join(out), at + 1
        else:
            out.append(sign)
            at += 1
    return "".join(out), at


def _until_separator(text: str, at: int, dialect: Dialect, ends: Sequence[str]) -> tuple[str, int, bool]:
    """What stands before the next separator, the place behind it, whether a field follows; place -1: no line end."""
    sep = text.find(dialect.sep, at)
    stop, _ = _line_end(text, at, ends) if ends else (-1, -1)
    if sep >= 0 and (stop < 0 or sep < stop):
        return text[at:sep], sep + len(dialect.sep), True
    if stop >= 0:
        return text[at:stop], stop, False
    return text[at:], -1, False
