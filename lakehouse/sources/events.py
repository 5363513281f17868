"""What a file event says: events of S3, also by SNS or EventBridge, and of Azure's Event Grid, as they are published.

S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and `ev-events.html`.
Event Grid: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from lakehouse.sources.filesystem import absolute, scheme_of

_SPACE = re.compile(r"\s*")
_HTTP = frozenset({"http", "https"})
_BEFORE_THE_BYTES = frozenset({"CreateFile", "SftpCreate"})
"""Calls of ADLS that make a file without its bytes: another event follows when those are there."""


@dataclass(frozen=True)
class Event:
    """A file that is new, or was written anew."""

    paths: tuple[str, ...]
    """Where it may be, absolute; several where it cannot be told whether a URL is encoded."""
    folder: bool = False
    """It is a folder, of whose files nothing else is told."""


def read_events(text: str) -> tuple[list[Event], str]:
    """The events in a text, and why some of it cannot be read; empty when all was.

    The text is one JSON object, several one behind the other, or lists of them. What is known to name no new file, as
    a removal, counts for nothing.
    """
    found: list[Event] = []
    reasons: list[str] = []
    try:
        for value in _values(text):
            for part in _parts(value):
                try:
                    found += _events(part)
                except ValueError as error:  # the others count
                    reasons.append(_why(error))
    except ValueError as error:
        reasons.append(_why(error))
    except RecursionError:
        reasons.append("it is nested too deep")
    return found, reasons[0] if reasons else ""


def _why(error: ValueError) -> str:
    return f"it is not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)


def _values(text: str) -> Iterator[object]:
    decoder, at = json.JSONDecoder(), 0
    if not text.strip():
        raise ValueError("it is empty")
    while (at := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing, too
        value, at = decoder.raw_decode(text, at)
        yield value


def _parts(value: object) -> Iterator[object]:
    """The single events of what may be a list of them."""
    match value:
        case list(items) | {"Records": list(items)}:
            for item in items:
                yield from _parts(item)
        case _:
            yield value


def _events(value: object) -> Iterator[Event]:
    match value:
        case {"Event": "s3:TestEvent"}:
            return  # sent once, when a bucket is told where to send its events
        case {"Type": "Notification", "Message": str(message)}:  # SNS wraps what it was given
            for inside in _values(message):
                for part in _parts(inside):
                    yield from _events(part)
        case {"eventName": str(name), "s3": dict(s3)}:
            if name.removeprefix("s3:").startswith("ObjectCreated:"):
                key = unquote_plus(_text(s3, "object", "key"), errors="strict")
                yield _event(f"s3://{_text(s3, 'bucket', 'name')}/{key}")
        case {"source": "aws.s3", "detail-type": str(kind), "detail": dict(detail)}:
            if kind == "Object Created":
                yield _event(f"s3://{_text(detail, 'bucket', 'name')}/{_text(detail, 'object', 'key')}")
        case {"eventType": str(kind), "data": dict(data)} | {
            "specversion": str(),
            "type": str(kind),
            "data": dict(data),
        }:
            yield from _event_grid(kind, data)
        case _:
            raise ValueError("it is no event of S3 or Event Grid")


def _event_grid(kind: str, data: Mapping[str, Any]) -> Iterator[Event]:
    kind, known, what = kind.rpartition("Microsoft.Storage.")
    if what == "BlobCreated" and known:
        if data.get("api") not in _BEFORE_THE_BYTES:
            yield _event(*_places(_text(data, "url")))
    elif what in ("BlobRenamed", "DirectoryRenamed") and known:
        yield _event(*_places(_text(data, "destinationUrl")), folder=what == "DirectoryRenamed")
    elif not known and not what.startswith("Microsoft.EventGrid."):  # a subscription that is checked
        raise ValueError(f"it is an event of another kind, {what}")


def _places(url: str) -> tuple[str, ...]:
    """`https://account.blob.core.windows.net/box/a%20b` is `abfss://box@account.dfs.core.windows.net/a b`."""
    scheme = scheme_of(url)
    if scheme not in _HTTP:
        if not scheme and not url.startswith("/"):
            raise ValueError(f"it names {url!r}, which is no URL")
        return (absolute(url, "/"),)
    host, _, path = url.split("://", 1)[1].partition("/")
    container, _, key = path.partition("/")
    top = f"abfss://{container}@{host.replace('.blob.', '.dfs.', 1)}"
    return tuple(dict.fromkeys(f"{top}/{name}" for name in (unquote(key, errors="strict"), key)))


def _event(*paths: str, folder: bool = False) -> Event:
    for path in paths:
        path.encode()  # a UnicodeEncodeError is a ValueError
        if "\0" in path:
            raise ValueError(f"it names {path!r}, which is no path")
    return Event(paths, folder)


def _text(value: object, *keys: str) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise ValueError(f"it has no `{'.'.join(keys)}`")
    return value
