"""Events in any order, lost, doubled, late or broken, runs that die, RESTOREs: the table has what a listing would give.

The ledger, the log and the store of a Bronze table are played here as `tests/models/ledger_model.py` has them; how files
are found, what the ledger says and which events are removed is the library's own.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.control.ledger import COLUMNS
from lakehouse.control.tables import FILES
from lakehouse.errors import StepError
from lakehouse.ingest.files import unchanged
from lakehouse.names import TableName
from lakehouse.sources.base import SourceFile
from lakehouse.sources.event_folder import remove
from lakehouse.spec.load import load
from lakehouse.state import discovery, observe
from lakehouse.state.asked import Asked
from lakehouse.state.discovery import Discovery, overdue
from lakehouse.state.known import NOT_AGAIN, Again
from lakehouse.state.ledger import judge
from lakehouse.state.observe import State
from lakehouse.state.place import Commits
from tests.models.bridge import commit, history, ours

START = datetime(2024, 1, 1, tzinfo=UTC)
MOST = 2
"""Files in a batch."""


def event(path: Path | str, kind: str = "BlobCreated") -> str:
    key = "url" if kind == "BlobCreated" else "destinationUrl"
    return json.dumps({"eventType": f"Microsoft.Storage.{kind}", "data": {key: f"file://{path}"}})


class Died(Exception):
    pass


@dataclass
class World:
    root: Path
    options: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Any] = field(default_factory=list)
    snaps: list[tuple[str, ...]] = field(default_factory=list)
    sequence: int = 0
    now: datetime = START
    numbers: int = 0
    listings: int = 0
    growing: set[str] = field(default_factory=set)
    """Files that are written to once more between plan and reading."""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for folder in ("in", "events", "pipelines"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.table()

    def table(self, path: str = "in", queue: str = "events") -> None:
        keys = f"use_notifications: {{queue_url: {queue}}}{self.options}"
        text = f"pipeline: p\nbronze:\n  a:\n    source: {{format: text, path: {path}}}\n    auto_loader: {{{keys}}}\n"
        (self.root / "pipelines/p.yaml").write_text(text)
        project = load(self.root / "pipelines", root=self.root)
        self.environment, self.spec = project.environment, project.tables[TableName("bronze", "a")]

    def tick(self, hours: float = 0.0) -> datetime:
        self.now += timedelta(hours=hours, seconds=1)
        return self.now

    def put(self, name: str, size: int = 1) -> Path:
        self.numbers += 1
        path = self.root / "in" / name
        path.write_text("x" * size)
        os.utime(path, (self.numbers,) * 2)
        return path

    def tell(self, text: str) -> None:
        self.numbers += 1
        (self.root / f"events/{self.numbers}.json").write_text(text)

    @property
    def queue(self) -> int:
        return len(list((self.root / "events").iterdir()))

    @property
    def stored(self) -> Counter[str]:
        return Counter(Path(path).name for path in (self.snaps[-1] if self.snaps else ()))

    def row(self, kind: str, **values: Any) -> None:
        self.rows.append({"kind": kind, "at": self.tick(), **values})

    def look(self, again: Again) -> State:
        schema = pa.schema([(c, FILES.columns[c]) for c in COLUMNS])
        rows = pa.Table.from_pylist(self.rows, schema=schema)
        log = history(self.entries, self.sequence or None)
        return State(None, standing=judge(rows, log, Commits()), asked=Asked(again))

    def restore(self, to: int) -> None:
        self.entries.append(commit(len(self.entries), "RESTORE", version=to))
        self.snaps.append(self.snaps[to])

    def run(self, dies: int = -1, again: Again = NOT_AGAIN) -> str:
        """A run; it dies at the so-manieth point. Returns how the files were found."""
        points = iter(range(1_000))

        def point() -> None:
            self.tick()
            if next(points) == dies:
                raise Died

        with self._clock():
            try:
                return self._run(point, again)
            except Died:
                return "died"

    def _run(self, point: Any, again: Again) -> str:
        found = Discovery(self.environment, self.spec)
        while True:
            point()
            state = found.into(self.look(again))
            standing = state.standing
            assert standing is not None
            if standing.late_results:
                for late in standing.late_results:
                    self.row("result", batch=late.batch, attempt=late.attempt, version=late.version)
            elif standing.undone:
                assert not standing.unlisted(state.files), "what is there is not told to be gone"
                for batch in standing.undone:
                    self.row("void", batch=batch)
            elif standing.open is not None:
                self._load(point, standing.open.batch, standing.open.files)
            elif new := standing.new_files(state.files, again=again)[:MOST]:
                number, base = standing.next_batch, len(self.entries) - 1
                for f in new:
                    known = {"path": f.path, "size": f.size, "modified": f.modified}
                    self.row("planned", batch=number, attempt="", work="data", version=base, **known)
                point()
                self._load(point, number, new)
                again = again.once(number)
            else:
                break
        point()
        settled = found.settled(state)
        if settled.listed_at is not None:
            self.row("listed", fixed=found.source_hash)
            self.rows[-1]["at"] = settled.listed_at
        point()
        for file in settled.events:
            assert remove([file], {}) == {}
            point()
        self.warnings = found.warnings
        return state.how

    def _load(self, point: Any, batch: int, files: list[SourceFile] | tuple[SourceFile, ...]) -> None:
        for name in [Path(f.path).name for f in files if Path(f.path).name in self.growing]:
            self.growing.discard(name)
            self.put(name, size=7)
        base, attempt = len(self.entries) - 1, f"{batch}/{self.tick()}"
        still, failed = unchanged(files, {})
        for file in files:
            if file.path in failed:
                known = {"path": file.path, "size": file.size, "modified": file.modified, "error": failed[file.path]}
                self.row("failed", batch=batch, attempt=attempt, **known)
        point()
        self.entries.append(ours(len(self.entries), batch, attempt, base))
        self.snaps.append((self.snaps[-1] if self.snaps else ()) + tuple(f.path for f in still))
        self.sequence = batch
        point()
        self.row("result", batch=batch, attempt=attempt, version=len(self.entries) - 1)
        point()

    @contextmanager
    def _clock(self) -> Iterator[None]:
        world = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return world.tick()

        real = observe.list_files

        def counted(*args: Any) -> Any:
            self.listings += 1
            return real(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(discovery, "datetime", Clock)
            patch.setattr(observe, "list_files", counted)
            yield


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- any order, loss and doubling -----------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.sampled_from(["told", "twice", "lost", "late", "early", "growing", "in a list"])),
        st.tuples(st.just("run"), st.one_of(st.just(-1), st.integers(0, 25))),
        st.tuples(st.just("restore"), st.integers(0, 5)),
        st.tuples(st.just("hours"), st.sampled_from([1, 30])),
        st.tuples(st.just("noise"), st.sampled_from(["broken", "elsewhere", "gone"])),
    ),
    max_size=16,
)  # fmt: skip


@dataclass
class Story:
    """What happens to a world, and what must have come of it."""

    world: World
    files: int = 0
    broken: int = 0
    told: set[str] = field(default_factory=set)
    """Files of which an event told once they were there."""
    late: list[Path] = field(default_factory=list)

    def file(self, how: str) -> None:
        world, self.files = self.world, self.files + 1
        name = f"{self.files}.txt"
        if how == "early":
            world.tell(event(world.root / "in" / name))
        path = world.put(name)
        tellings = {
            "told": [event(path)], "growing": [event(path)], "twice": [event(path) * 2, event(path)],
            "in a list": [f"[{event(world.root / 'in/none')}, {event(path)}]"],
        }  # fmt: skip
        for text in tellings.get(how, []):
            world.tell(text)
        world.growing |= {name} if how == "growing" else set()
        self.told |= {name} if how not in ("lost", "late") else set()
        self.late += [path] if how == "late" else []

    def run(self, dies: int) -> None:
        self.world.run(dies)
        for path in self.late:
            self.world.tell(event(path))
            self.told.add(path.name)
        self.late.clear()

    def restore(self, to: int) -> None:
        if self.world.entries:
            self.world.restore(to % len(self.world.entries))

    def hours(self, hours: int) -> None:
        self.world.tick(hours)

    def noise(self, how: str) -> None:
        self.broken += how == "broken"
        texts = {"broken": "{", "elsewhere": event("/elsewhere.txt"), "gone": event(self.world.root / "in/gone.txt")}
        self.world.tell(texts[how])


@given(actions=ACTIONS, listed=st.booleans())
def test_whatever_becomes_of_events_the_table_has_what_a_listing_would_give(
    actions: list[tuple[str, Any]], listed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story = Story(world := World(Path(folder).resolve()))
        for what, how in [("run", -1)] * listed + actions:
            getattr(story, what)(how)
        for _ in range(2):  # what was still written in the first is loaded by the second
            world.run()
        assert story.told <= {*world.stored}, "an event was lost"
        assert world.queue == story.broken
        world.tick(25)
        for _ in range(3):
            world.run()
        assert world.stored == Counter(f"{n + 1}.txt" for n in range(story.files))
        listings = world.listings
        assert world.run() == " named by events"
        assert world.listings == listings


# --- when all files are listed ----------------------------------------------------------------------------------------


def test_nothing_is_listed_between_two_backfills(world: World) -> None:
    first = world.put("1.txt")
    assert world.run() == ", all listed: for the first time"
    for n in range(2, 5):
        world.tell(event(world.put(f"{n}.txt")))
        assert world.run() == " named by events"
    world.put("lost.txt")
    assert (world.run(), world.run()) == (" named by events", " named by events")
    assert world.listings == 1
    assert world.stored == Counter([first.name, "2.txt", "3.txt", "4.txt"])
    world.tick(24)
    assert world.run() == ", all listed: the last listing is 1 day old"
    assert world.stored["lost.txt"] == 1
    assert (world.run(), world.listings) == (" named by events", 2)


@pytest.mark.parametrize(
    ("interval", "hours", "why"),
    [("2 hours", 1, ""), ("2 hours", 2, "2 hours old"), ("0 seconds", 0, "with every run")],
)
def test_the_interval_is_the_tables_own(tmp_path: Path, interval: str, hours: int, why: str) -> None:
    world = World(tmp_path, f", backfill_interval: {interval}")
    world.run()
    world.tick(hours)
    how = world.run()
    assert how.endswith(why) if why else how == " named by events"


def test_a_listing_counts_only_once_the_step_was_idle(world: World) -> None:
    for n in range(5):
        world.put(f"{n}.txt")
    for dies in range(14):
        world.run(dies)
        if any(row["kind"] == "listed" for row in world.rows):
            break
        assert world.run(0) == "died"
    assert world.run().startswith((" named", ", all listed: for the first time"))
    assert world.stored == Counter(f"{n}.txt" for n in range(5))


def test_a_file_that_comes_after_the_listing_began_is_told_by_its_event(world: World) -> None:
    world.run()
    (row,) = [row for row in world.rows if row["kind"] == "listed"]
    assert row["at"] < world.now, "the time is that of the listing's start"
    world.tell(event(world.put("1.txt")))
    world.run()
    assert world.stored == Counter(["1.txt"])


def test_batches_that_a_restore_undid_are_found_by_a_listing(world: World) -> None:
    for n in range(1, 4):
        world.tell(event(world.put(f"{n}.txt")))
        world.run()
    assert world.listings == 1
    world.restore(0)
    world.run(3)  # after the batches are void, before any is planned anew
    assert any(row["kind"] == "void" for row in world.rows)
    assert world.run() == ", all listed: batches were undone"
    assert world.stored == Counter(["1.txt", "2.txt", "3.txt"])
    assert world.run() == " named by events"


def test_known_files_are_taken_again_by_a_listing(world: World) -> None:
    world.run()
    assert world.run(again=Again(failed=True)) == ", all listed: known files are taken again"


def test_a_source_that_was_changed_is_listed(world: World) -> None:
    world.put("1.txt")
    world.run()
    (world.root / "other").mkdir()
    (world.root / "other/2.txt").write_text("x")
    world.table("other")
    assert world.run() == ", all listed: the source was changed"
    world.tell(event(world.put("3.txt")))
    assert (world.run(), world.queue) == (" named by events", 0)
    world.table("in")
    assert world.run() == ", all listed: the source was changed"
    assert world.stored == Counter(["1.txt", "2.txt", "3.txt"])
    (world.root / "others").mkdir()
    world.table("in", queue="others")
    assert world.run() == ", all listed: the source was changed", "what lies in the other queue is not read any more"
    assert world.run() == " named by events"


def test_a_renamed_folder_is_listed(world: World) -> None:
    world.run()
    world.put("1.txt")
    world.tell(event(world.root / "in", "DirectoryRenamed"))
    assert world.run() == ", all listed: a folder was renamed"
    assert (world.stored, world.queue) == (Counter(["1.txt"]), 0)


def test_a_clock_that_was_wrong_asks_for_a_listing() -> None:
    schema = pa.schema([(c, FILES.columns[c]) for c in COLUMNS])
    rows = pa.Table.from_pylist([{"kind": "listed", "fixed": "h", "at": START + timedelta(hours=1)}], schema=schema)
    assert overdue(rows, "h", timedelta(days=1), START) == "the last listing is 1 day old"
    assert overdue(rows, "h", timedelta(days=1), START + timedelta(hours=2)) == ""
    assert overdue(rows, "other", timedelta(days=1), START + timedelta(hours=2)) == "the source was changed"


# --- what stays in the queue ------------------------------------------------------------------------------------------


def test_a_file_that_is_still_written_keeps_its_event(world: World) -> None:
    world.run()
    world.tell(event(world.put("1.txt")))
    world.growing.add("1.txt")
    world.run()
    assert (world.stored, world.queue) == (Counter(), 1)
    world.run()
    assert (world.stored, world.queue) == (Counter(["1.txt"]), 0)


def test_a_file_that_is_still_written_keeps_its_listing_from_counting(world: World) -> None:
    world.put("1.txt")
    world.growing.add("1.txt")
    world.run()
    assert world.run() == ", all listed: for the first time"
    assert world.stored == Counter(["1.txt"])
    assert world.run() == " named by events"


def test_a_file_that_failed_and_is_as_it_was_lets_its_event_go(world: World) -> None:
    world.run()
    path = world.put("1.txt")
    world.tell(event(path))
    world.growing.add("1.txt")
    world.run()
    (failed,) = [row for row in world.rows if row["kind"] == "failed"]
    path.write_text("x" * failed["size"])
    os.utime(path, (failed["modified"].timestamp(),) * 2)
    world.run()
    assert (world.stored, world.queue) == (Counter(), 0)


def test_what_is_loaded_but_not_removed_is_removed_by_the_next_run(world: World) -> None:
    world.run()
    world.tell(event(world.put("1.txt")))
    world.tell(event(world.put("2.txt")))
    for dies in range(20):
        if world.run(dies) != "died":
            break
    assert (world.stored, world.queue) == (Counter(["1.txt", "2.txt"]), 0)


def test_what_cannot_be_read_stays_and_what_lies_elsewhere_goes_both_with_a_warning(world: World) -> None:
    world.run()
    for _ in range(7):
        world.tell("{")
    world.tell(event("/elsewhere/1.txt") + event(world.root / "in/_SUCCESS"))
    world.tell(event(world.put("1.txt")))
    world.run()
    assert (world.stored, world.queue) == (Counter(["1.txt"]), 7)
    assert len(world.warnings) == 7
    assert world.warnings[0].startswith(f"{world.root}/events/")
    assert "stays in the queue: it is not JSON" in world.warnings[0]
    assert world.warnings[5:] == (
        "2 more files stay in the queue: they cannot be read either", "1 event(s) name what does not lie in the source",
    )  # fmt: skip


def test_a_queue_that_is_not_there_is_refused(world: World) -> None:
    (world.root / "events").rmdir()
    with pytest.raises(StepError, match="the folder of events"):
        world.run()
