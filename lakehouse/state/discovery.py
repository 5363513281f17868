"""How the files of a Bronze table are found: by listing the source, or by events with a listing now and then.

An event is a hint. What it names is looked up, and it is taken out of its queue only once the step has nothing left to
do, so a run that dies finds it again and the ledger keeps each file to once. What no event told of is found by the next
listing, of which the ledger has a `listed` row. It does what `tests/models/events_model.py` does; whoever changes one
changes the model first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.model import duration_text
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.event_folder import EventFile, read_folder
from lakehouse.sources.filesystem import absolute
from lakehouse.spec.environment import Environment
from lakehouse.spec.table import Table
from lakehouse.state.known import FAILED
from lakehouse.state.named import Names
from lakehouse.state.observe import State, listed

EVERY = timedelta(days=1)
"""`backfill_interval` where nothing is written."""
NAMED = 5
"""Event files that a warning names; the others are counted."""
_LISTED_BY = ("path", "path_glob_filter", "recursive_file_lookup", "modified_after", "modified_before")
"""Keys of a source on which it depends which files a listing gives."""


@dataclass(frozen=True)
class Settled:
    """What an idle step is done with."""

    events: Sequence[EventFile]
    """Files of events, to be removed."""
    listed_at: datetime | None
    """When the listing began of which every file is loaded or known; None when there was none."""


class Discovery:
    """What one step sees of its source. Events are read when it is made, before anything else is looked at.

    Raises StepError, also from `into`, when the source or the queue is not there or its store does not answer.
    """

    def __init__(self, environment: Environment, table: Table) -> None:
        source: object = table.source
        loader = table.auto_loader
        told = loader.use_notifications if loader is not None and isinstance(source, FileSource) else None
        self._environment, self._table = environment, table
        self.by_events = told is not None
        """Whether events tell of new files."""
        self.warnings: tuple[str, ...] = ()
        self.listed_at: datetime | None = None
        """When this step began its last listing; None as long as events were enough."""
        self._files: Sequence[SourceFile] | None = None
        self._how = ""
        if told is None or loader is None or not isinstance(source, FileSource):
            self._files = listed(environment, table)
            return
        self._overwrites = loader.allow_overwrites
        self._every = EVERY if loader.backfill_interval is None else loader.backfill_interval
        queue = absolute(told.queue_url, str(environment.root))
        self.source_hash = _hash(source, queue, environment)
        """Which files a listing gives, and which queue tells of them: another hash asks for a listing of its own."""
        self._names = Names(source, environment.root, environment.storage)
        self._event_files = read_folder(queue, environment.storage)
        self._named = self._names.of(event for file in self._event_files for event in file.events)
        self.warnings = tuple(_warnings(self._event_files, self._named.outside))

    def into(self, state: State) -> State:
        """The state with the files: those that events name, or all from when on a state asks for a listing."""
        if self.by_events:
            why = self._asks(state)
            if why:
                self.listed_at = datetime.now(UTC)
                self._files, self._how = listed(self._environment, self._table), f", all listed: {why}"
            elif self._files is None:
                self._files, self._how = self._names.files(self._named), " named by events"
        return replace(state, files=self._files or (), how=self._how, warnings=self.warnings)

    def settled(self, state: State) -> Settled:
        """What is done with, once the step is idle.

        A file that was still written when it was read has failed and is another one by now: the event, or the listing,
        that gave it counts once more, in the next run.
        """
        assert state.standing is not None, "a Bronze step is observed with its ledger"
        newest, given = state.standing.known.newest, {file.path for file in state.files}
        failed = set(newest.filter(pc.equal(newest["status"], FAILED))["path"].to_pylist())
        now = self._names.now(failed & (given | self._named.bases.keys()))
        unsettled = {f.path for f in state.standing.new_files(now, allow_overwrites=self._overwrites)}
        files = [file for file in self._event_files if not file.unreadable and not unsettled & {*self._paths(file)}]
        return Settled(files, None if unsettled & given else self.listed_at)

    def _paths(self, file: EventFile) -> Iterator[str]:
        return (path for event in file.events for path in self._names.paths(event))

    def _asks(self, state: State) -> str:
        """Why all files are to be listed now; empty when they are not."""
        assert state.standing is not None, "a Bronze step is observed with its ledger"
        if self.listed_at is not None:
            return ""
        if state.standing.undone:
            return "batches were undone"
        if state.asked.again.failed or state.asked.again.loaded:
            return "known files are taken again"
        if self._named.folder:
            return "a folder was renamed"
        return overdue(state.standing.rows, self.source_hash, self._every, datetime.now(UTC))


def overdue(rows: pa.Table, source_hash: str, every: timedelta, now: datetime) -> str:
    """Why events are not enough, by the ledger's rows; empty when a listing of this source is young enough."""
    found = rows.filter(pc.equal(rows["kind"], "listed")).sort_by([("at", "descending")])
    if not found.num_rows:
        return "for the first time"
    newest = found.select(["at", "fixed"]).slice(0, 1).to_pylist()[0]
    if newest["fixed"] is None:
        return "the ledger was made anew"
    if newest["fixed"] != source_hash:  # events about the one may have been taken for strangers by the other
        return "the source was changed"
    last = newest["at"]
    voided: datetime | None = pc.max(rows.filter(pc.equal(rows["kind"], "void"))["at"]).as_py()
    if voided is not None and voided > last:
        return "batches were undone"
    if timedelta(0) <= now - last < every:
        return ""
    return f"the last listing is {duration_text(every)} old" if every else "with every run"


def _hash(source: FileSource, queue: str, environment: Environment) -> str:
    keys = source.model_dump(mode="json", include=set(_LISTED_BY)) | {"queue": queue}
    keys["path"] = absolute(source.path, str(environment.root))
    return hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:16]


def _warnings(files: Sequence[EventFile], outside: int) -> list[str]:
    bad = [file for file in files if file.unreadable]
    found = [f"{file.path} stays in the queue: {file.unreadable}" for file in bad[:NAMED]]
    if bad[NAMED:]:
        found.append(f"{len(bad) - NAMED:,} more files stay in the queue: they cannot be read either")
    if outside:
        found.append(f"{outside:,} event(s) name what does not lie in the source")
    return found
