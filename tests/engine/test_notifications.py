"""`use_notifications`: files by their events, each once, and the events gone when they are loaded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import StepError
from lakehouse.state import listing, observe
from tests.engine.lake import Lake
from tests.engine.test_cleaning import dying

QUEUE = 'use_notifications: {queue_url: "${landing}-events"}'


def notified(lake: Lake, options: str = "", **more: Any) -> None:
    (lake.root / "landing-events").mkdir(exist_ok=True)
    lake.bronze(options=QUEUE + (options and f", {options}"), **more)


def tell(lake: Lake, *paths: Path | str) -> None:
    queue = lake.root / "landing-events"
    text = "\n".join(
        json.dumps({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": f"file://{p}"}}) for p in paths
    )
    (queue / f"{len(list(queue.iterdir()))}-{Path(str(paths[-1])).name}.json").write_text(text)


def queue(lake: Lake) -> list[str]:
    return sorted(p.name for p in (lake.root / "landing-events").iterdir())


@pytest.fixture
def no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("the source is listed")

    monkeypatch.setattr(observe, "list_files", refuse)
    monkeypatch.setattr(listing.Look, "_children", refuse)


def test_files_are_loaded_by_their_events_and_nothing_is_listed(lake: Lake, request: pytest.FixtureRequest) -> None:
    notified(lake, "max_files_per_trigger: 2")
    lake.file("0.csv", "0,0,a")
    assert "1 new of 1 file, all listed: for the first time" in str(lakehouse.plan(lake.project()))
    first = lake.run()["bronze.a"]
    assert (first.status, lake.rows("bronze.a", "id")) == (Status.COMPLETED, [(0,)])
    ((fixed,),) = lake.ledger("fixed", kind="listed")
    assert len(fixed) == 16
    request.getfixturevalue("no_listing")
    tell(lake, *[lake.file(f"{n}.csv", f"{n},{n},x") for n in (1, 2)])
    tell(lake, lake.file("3.csv", "3,3,x"), lake.root / "landing/a/0.csv", lake.root / "landing/a/gone.csv")
    lake.file("unknown.csv", "9,9,x")
    before = queue(lake)
    plan = str(lakehouse.plan(lake.project()))
    assert "3 new of 4 files named by events" in plan
    assert "batch 3: 1 file" in plan
    assert queue(lake) == before, "plan takes no event away"
    second = lake.run()["bronze.a"]
    assert (second.status, second.warnings, second.files_read) == (Status.COMPLETED, [], 3)
    assert lake.rows("bronze.a", "id", "_batch") == [(0, 1), (1, 2), (2, 2), (3, 3)]
    assert queue(lake) == []
    assert lake.files() == {f"{n}.csv": "loaded" for n in range(4)}
    commits = lake.control.open("files").version()  # type: ignore[union-attr]
    idle = lake.run()
    assert (idle["bronze.a"].reason, idle.used_spark) == ("no files named by events", False)
    assert lake.control.open("files").version() == commits, "nothing new writes nothing"  # type: ignore[union-attr]
    tell(lake, lake.root / "landing/a/1.csv")
    again = lake.run()
    assert (again["bronze.a"].reason, queue(lake)) == ("no new files among 1 file named by events", [])
    assert not again.used_spark


def test_s20_values_of_folders_are_those_of_a_listing(lake: Lake) -> None:
    notified(lake)
    lake.file("d=1/e=x%20y/1.csv", "1,10,x")
    lake.run()
    tell(lake, lake.file("d=2/e=__HIVE_DEFAULT_PARTITION__/2.csv", "2,20,x"))
    lake.run()
    assert lake.rows("bronze.a", "id", "d", "e") == [(1, "1", "x y"), (2, "2", None)]


def test_s26_files_from_before_the_table_stay_skipped_when_events_name_them(lake: Lake) -> None:
    notified(lake, "include_existing_files: false")
    old = lake.file("old.csv", "1,10,x")
    tell(lake, old)
    lake.run()
    tell(lake, old, lake.file("new.csv", "2,20,x"))
    lake.run()
    assert lake.rows("bronze.a", "id") == [(2,)]
    assert (lake.files(), queue(lake)) == ({"old.csv": "skipped", "new.csv": "loaded"}, [])


def test_s1_a_file_that_changed_is_noted_by_its_event_or_loaded_again(lake: Lake) -> None:
    notified(lake)
    path = lake.file("1.csv", "1,10,x")
    lake.run()
    lake.file("1.csv", "1,11,x")
    tell(lake, path)
    assert lake.run()["bronze.a"].warnings == [f"{path} was loaded and has changed since; it is not read again"]
    assert queue(lake) == []
    notified(lake, "allow_overwrites: true")
    lake.file("1.csv", "1,12,x")
    tell(lake, path)
    lake.run()
    assert lake.rows("bronze.a", "id", "n") == [(1, 10), (1, 12)]


def test_s4_a_failed_file_is_taken_again_by_its_event_or_by_a_listing(lake: Lake) -> None:
    notified(lake)
    lake.run()
    bad, also = lake.file("1.csv.gz", "no gzip"), lake.file("2.csv.gz", "no gzip")
    tell(lake, bad, also)
    lake.run()
    assert (lake.files(), queue(lake)) == ({"1.csv.gz": "failed", "2.csv.gz": "failed"}, [])
    for path in (bad, also):
        path.write_bytes(gzip.compress(b"id,n,t\n1,10,x\n"))
    tell(lake, bad)
    lake.run()
    assert lake.files() == {"1.csv.gz": "loaded", "2.csv.gz": "failed"}
    done = lake.run(retry_failed=True)
    assert "all listed: known files are taken again" in done["bronze.a"].reason
    assert lake.files() == {"1.csv.gz": "loaded", "2.csv.gz": "loaded"}


@pytest.mark.parametrize("where", ["before listed", "after listed", "before drained", "after drained", "before result"])
def test_a_step_that_dies_finds_its_events_again(lake: Lake, where: str) -> None:
    notified(lake)
    tell(lake, lake.file("1.csv", "1,10,x"))
    with dying(where):
        lake.run(ok=False)
    assert len(queue(lake)) == (0 if where == "after drained" else 1)
    assert lake.ledger("kind", kind="listed") == ([] if where in ("before listed", "before result") else [("listed",)])
    done = lake.run()
    assert (lake.rows("bronze.a", "id"), queue(lake)) == ([(1,)], [])
    assert lake.ledger("kind", kind="listed") == [("listed",)]
    assert "bronze.a" in {str(name) for name in done.steps}


def test_a_restored_table_lists_and_tells_what_is_gone(lake: Lake) -> None:
    notified(lake)
    lake.run()
    paths = [lake.file(f"{n}.csv", f"{n},{n},x") for n in (1, 2)]
    for path in paths:
        tell(lake, path)
        lake.run()
    paths[1].unlink()
    lake.sql("RESTORE TABLE {bronze.a} TO VERSION AS OF 0")
    done = lake.run()["bronze.a"]
    assert "all listed: batches were undone" in done.reason
    assert [text.partition(" is not loaded again")[0] for text in done.warnings] == [str(paths[1])]
    assert lake.rows("bronze.a", "id") == [(1,)]
    assert lake.files() == {"1.csv": "loaded", "2.csv": "undone"}


def test_files_that_are_cleaned_leave_no_event_that_matters(lake: Lake) -> None:
    move = 'clean_source: {action: move, retention_duration: 0 days, move_destination: "${landing}-done/a"}'
    notified(lake, move)
    lake.run()
    path = lake.file("1.csv", "1,10,x")
    tell(lake, path)
    with dying("after cleaned"):
        lake.run(ok=False)
    tell(lake, path)
    assert lake.run()["bronze.a"].reason == "no files named by events"
    assert (lake.files(), queue(lake)) == ({"1.csv": "cleaned"}, [])


def test_what_cannot_be_read_is_told_by_plan_and_run_and_stays(lake: Lake) -> None:
    notified(lake)
    lake.run()
    (lake.root / "landing-events/bad.json").write_text('{"Records": [')
    tell(lake, lake.file("1.csv", "1,10,x"), "/elsewhere/2.csv")
    bad = f"{lake.root}/landing-events/bad.json stays in the queue: it is not JSON"
    plan = lakehouse.plan(lake.project())["bronze.a"]
    assert plan.warnings[0].startswith(bad)
    done = lake.run()["bronze.a"]
    assert done.status == Status.COMPLETED
    assert done.warnings[0].startswith(bad)
    assert done.warnings[1] == "1 event(s) name what does not lie in the source"
    assert (lake.rows("bronze.a", "id"), queue(lake)) == ([(1,)], ["bad.json"])
    assert lakehouse.plan(lake.project())["bronze.a"].warnings[0].startswith(bad), "an idle step tells it too"


def test_a_queue_that_is_not_there_fails_the_step_and_the_plan_says_so(lake: Lake) -> None:
    notified(lake)
    lake.file("1.csv", "1,10,x")
    (lake.root / "landing-events").rmdir()
    refused = lakehouse.plan(lake.project())["bronze.a"]
    assert (refused.action, "queue_url" in refused.fix) == ("refuses", True)
    error = lake.run(ok=False)["bronze.a"].error
    assert isinstance(error, StepError)
    assert error.code == "source.path"
    assert not lake.exists("bronze.a")


def test_events_that_cannot_be_removed_are_told_and_do_no_harm(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse.engine import draining

    notified(lake)
    lake.run()
    tell(lake, lake.file("1.csv", "1,10,x"))
    (name,) = queue(lake)
    monkeypatch.setattr(draining, "remove", lambda files, storage: {f.path: "denied" for f in files})
    for status in (Status.COMPLETED, Status.IDLE):
        done = lake.run()["bronze.a"]
        assert (done.status, done.warnings) == (
            status, [f"{lake.root}/landing-events/{name} cannot be removed from the queue: denied"]
        )  # fmt: skip
    assert lake.rows("bronze.a", "id") == [(1,)]


def test_a_lost_ledger_is_rebuilt_from_a_listing_and_the_next_run_lists(lake: Lake) -> None:
    notified(lake)
    tell(lake, lake.file("1.csv", "1,10,x"))
    lake.run()
    lake.file("2.csv", "2,20,x")
    lake.delete("_lakehouse")
    found = lakehouse.rebuild_ledger(lake.project(), "bronze.a", spark=lake.spark)
    assert [Path(p).name for p in found.new] == ["2.csv"]
    assert "all listed: for the first time" in lake.run()["bronze.a"].reason
    assert lake.rows("bronze.a", "id") == [(1,), (2,)]


def test_data_is_validated_over_all_files(lake: Lake) -> None:
    notified(lake)
    lake.run()
    lake.file("1.csv", "1,10,x")
    assert lakehouse.validate_data(lake.project(), "bronze.a", spark=lake.spark).files == 1
