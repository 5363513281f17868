"""A folder into which file events are delivered: read whole, and emptied of those that have been dealt with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from lakehouse.errors import StepError
from lakehouse.sources.events import Event, read_events
from lakehouse.sources.filesystem import filesystem, inner, is_hidden, outer, scheme_of, time_of
from lakehouse.sources.stores import cannot_list, no_bucket, raise_if_away

MOST_BYTES = 64 << 20
"""Of one file; a larger one is not read."""
_THREADS = 16


@dataclass(frozen=True)
class EventFile:
    """A file with events, as it was when it was read."""

    path: str
    size: int
    modified: datetime
    events: tuple[Event, ...] = ()
    unreadable: str = ""
    """Why it, or the rest of it, cannot be read."""


def read_folder(folder: str, storage: Mapping[str, str]) -> list[EventFile]:
    """All event files of an absolute path or URL, in subfolders too, sorted by path; hidden ones are left (S7).

    Raises StepError when there is no such folder: on an object store, no such bucket.
    """
    from pyarrow.fs import FileSelector, FileType

    store, _ = filesystem(folder, storage)
    top = inner(folder).rstrip("/")
    try:
        infos = store.get_file_info(FileSelector(top, recursive=True, allow_not_found=True))
        if not infos and store.get_file_info(top).type == FileType.NotFound:
            _require(folder, storage)
    except OSError as error:
        raise cannot_list(folder, error) from error

    def read(path: str, size: int, modified: datetime) -> EventFile | None:
        if size > MOST_BYTES:
            return EventFile(path, size, modified, unreadable=f"it has more than {MOST_BYTES >> 20} MiB")
        try:
            with store.open_input_stream(inner(path)) as stream:
                text = stream.read().decode("utf-8-sig")
        except FileNotFoundError:
            return None  # somebody else has dealt with it
        except UnicodeDecodeError:
            return EventFile(path, size, modified, unreadable="it is not UTF-8")
        except OSError as error:
            raise_if_away(path, error)
            return EventFile(path, size, modified, unreadable=str(error))
        events, unreadable = read_events(text)
        return EventFile(path, size, modified, tuple(events), unreadable)

    # hidden is what lies in a hidden folder, too
    names = {i.path: i.path[len(top) :].strip("/").split("/") for i in infos if i.type == FileType.File}
    wanted = [i for i in infos if i.path in names and not any(map(is_hidden, names[i.path]))]
    places = [outer(info.path, folder) if scheme_of(folder) else info.path for info in wanted]
    with ThreadPoolExecutor(_THREADS) as threads:
        found = threads.map(read, places, [i.size for i in wanted], [time_of(i, folder) for i in wanted])
        return sorted((file for file in found if file is not None), key=lambda file: file.path)


def remove(files: Sequence[EventFile], storage: Mapping[str, str]) -> dict[str, str]:
    """Delete event files that are as they were read; path -> why, of those that the store does not let go."""
    if not files:
        return {}
    store, _ = filesystem(files[0].path, storage)

    def one(file: EventFile) -> str:
        try:
            info = store.get_file_info(inner(file.path))
            # one that was written to since has something new to say
            if info.is_file and (info.size, time_of(info, file.path)) == (file.size, file.modified):
                store.delete_file(inner(file.path))
        except FileNotFoundError:
            return ""
        except OSError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(_THREADS) as threads:
        outcomes = zip(files, threads.map(one, files), strict=True)
        return {file.path: why for file, why in outcomes if why}


def _require(folder: str, storage: Mapping[str, str]) -> None:
    """Raise StepError for a local folder, or a bucket, that is not there; below a bucket there are only names."""
    from pyarrow.fs import FileType

    store, _ = filesystem(folder, storage)
    bucket = inner(folder).partition("/")[0]
    if not scheme_of(folder):
        raise StepError(
            f"the folder of events {folder} does not exist",
            code="source.path",
            fix="make the folder, or correct `use_notifications: {queue_url: …}`",
        )
    if store.get_file_info(bucket).type == FileType.NotFound:
        raise no_bucket(bucket, folder)
