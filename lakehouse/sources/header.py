"""The first record of a delimited file, read on the driver as Spark's reader would read it."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.sources.filesystem import filesystem

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
_LONGEST = 1 << 26
_BLANK = "".join(map(chr, range(33)))  # what Java's trim takes away
_SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written; the words are those of Spark's reader."""

    sep: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    line_sep: str = ""
    encoding: str = ""
    """As the user wrote it; empty means UTF-8, or UTF-16 where the file begins with its mark."""
    multi_line: bool = False
    trim_left: bool = False
    trim_right: bool = False


@dataclass(frozen=True)
class Head:
    """A file's first record (None when it has none) and its encoding where it is not the dialect's."""

    record: Sequence[str] | None
    encoding: str = ""


def read_head(path: str, dialect: Dialect, storage: Mapping[str, str]) -> Head:
    """The first record of a file.

    Raises OSError when it cannot be opened or decompressed, StepError for an unknown encoding.
    """
    raw = b""
    encoding = ""
    for raw in growing(path, storage):
        encoding = dialect.encoding or ("UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "")
        record = first_record(_decode(raw, encoding or "UTF-8"), dialect)
        if record is not None:
            return Head(record, "" if dialect.encoding else encoding)
    if len(raw) >= _LONGEST:
        raise OSError(f"no record ends within the first {_LONGEST >> 20} MiB")
    record = first_record(_decode(raw, encoding or "UTF-8"), dialect, at_end=True)
    return Head(record, "" if dialect.encoding else encoding)


def first_record(text: str, dialect: Dialect, at_end: bool = False) -> list[str] | None:
    """The fields of the first record that is neither blank nor a comment; None when it does not end in this text.

    With `at_end` the text is all there is, so that the last line needs no line end.
    """
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
            return _fields(line, dialect, [])[0]
        record, closed = _fields(text[at:], dialect, ends)
        return record if closed or at_end else None
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


def _fields(text: str, dialect: Dialect, ends: Sequence[str]) -> tuple[list[str], bool]:
    """The fields up to the first line end outside of quotes, and whether there was one."""
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
            return fields, at >= 0


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
