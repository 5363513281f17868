"""Where file events may lie: apart from the files they tell of, and in a queue of the table's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lakehouse.names import TableName
from lakehouse.sources.base import FileSource
from lakehouse.sources.cleaning import is_apart
from lakehouse.sources.filesystem import absolute, inner, store_of
from lakehouse.spec.models import Table
from lakehouse.state.listing import folder_of


def misplaced_queues(tables: Mapping[TableName, Table], base: Path) -> Iterator[tuple[TableName, str, str]]:
    """Tables whose `queue_url` cannot be, each with why, and what to do; `base` is where relative paths start."""
    taken: dict[str, TableName] = {}
    above: dict[str, TableName] = {}
    """Folders in which a queue that is taken lies."""
    for name, table in tables.items():
        source: object = table.source
        told = table.auto_loader.use_notifications if table.auto_loader else None
        if told is None or not isinstance(source, FileSource):
            continue
        queue, root = absolute(told.queue_url, str(base)).rstrip("/"), folder_of(absolute(source.path, str(base)))
        place = f"{store_of(queue)}/{inner(queue)}"
        around = [place[:end] for end, sign in enumerate(place) if sign == "/"]
        other = next((taken[folder] for folder in [place, *around] if folder in taken), above.get(place))
        if not is_apart(root, queue):
            yield name, f"{told.queue_url} and the folder of the source, {source.path}, lie in one another", _BESIDE
        elif other is not None:
            yield name, f"{told.queue_url} and the queue of {other} lie in one another", _OWN
        taken.setdefault(place, name)
        above |= dict.fromkeys(around, name)


_BESIDE = "deliver the events into a folder beside the source's"
_OWN = "deliver the events twice, into a folder for each: a table takes the events that it has dealt with away"
