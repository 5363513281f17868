"""`from_snapshot` (S72): whole snapshots, one commit each, against the model, cut into runs in any way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

import lakehouse
from lakehouse.engine import attempt
from lakehouse.engine.results import Status
from lakehouse.errors import StepError
from tests.engine.lake import Lake
from tests.models.merges_model import Row, from_snapshots, scd1, scd2

HEADER, HINTS = "id,v,at", "id: int, at: int"
MERGE = "from: bronze.a\nschema: {id: int, v: string}\nmerge: {keys: id, from_snapshot: at%s}\n"
TABLES = {"s": MERGE % ", max_deletes: 1", "h": MERGE % ", max_deletes: 1, stored_as_scd_type: 2"}
COLUMNS = {"s": ("id", "v", "_sequence"), "h": ("id", "v", "valid_from", "valid_to", "_sequence")}


def snapshots(seed: int, number: int = 5, keys: int = 40) -> list[dict[int, str | None]]:
    """Key -> value, of each snapshot: keys come, go and come back, values change and change back."""
    dice = random.Random(seed)
    now: dict[int, str | None] = {}
    found = []
    for _ in range(number):
        for key in range(keys):
            if dice.random() < 0.3:
                now.pop(key, None)
            elif dice.random() < 0.6:
                now[key] = dice.choice(["a", "b", None])
        found.append(dict(now) or {0: "a"})
    return found


def land(lake: Lake, at: int, rows: dict[int, str | None]) -> None:
    lake.file(f"{at}.csv", *(f"{key},{value or ''},{at}" for key, value in rows.items()), header=HEADER)


def expected(found: Sequence[dict[int, str | None]]) -> dict[str, list[tuple[Any, ...]]]:
    rows = from_snapshots([Row((key,), at, (value,)) for at, one in enumerate(found, 1) for key, value in one.items()])
    versions = [(*key, *v, since, to, seq) for key, line in scd2(rows).items() for v, since, to, _, seq in line]
    return {
        "s": sorted(((*key, *v, at) for key, (v, at) in scd1(rows).items()), key=repr),
        "h": sorted(versions, key=repr),
    }


def stored(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(lake.rows(f"silver.{name}", *columns), key=repr) for name, columns in COLUMNS.items()}


@pytest.fixture
def ready(lake: Lake) -> Lake:
    lake.bronze(hints=HINTS)
    lake.tables(silver=TABLES)
    return lake


@pytest.mark.parametrize(("seed", "together"), [pytest.param(0, 1, marks=pytest.mark.soak), (1, 2), (2, 5)])
def test_s72_snapshots_equal_the_model_one_by_one_and_several_at_once(ready: Lake, seed: int, together: int) -> None:
    found = snapshots(seed)
    for number, rows in enumerate(found, 1):
        land(ready, number, rows)
        if number % together == 0 or number == len(found):
            ready.run()
            assert stored(ready) == expected(found[:number])
    assert ready.kinds("silver.s").count("data") == len(found)
    assert not ready.exists("silver.h_tombstones"), "snapshots never come late"
    assert ready.run().status is Status.IDLE


@pytest.mark.parametrize("where", ["plan", "confirm"])
def test_s72_killed_between_two_snapshots_the_next_run_goes_on(
    ready: Lake, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    found = snapshots(3, number=3)
    for number, rows in enumerate(found, 1):
        land(ready, number, rows)
    real, calls = getattr(attempt, where), [0]

    def dies(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == 4:  # of two tables, one after the other
            raise ZeroDivisionError
        return real(*args, **more)

    ready.max_parallel = 1
    ready.tables()
    with monkeypatch.context() as patch:
        patch.setattr(attempt, where, dies)
        ready.run(ok=False)
    ready.run()
    assert stored(ready) == expected(found)
    assert ready.run().status is Status.IDLE


def test_s72_what_cannot_be_a_snapshot_is_refused_and_nothing_is_written(ready: Lake) -> None:
    ready.tables(silver={"s": MERGE % "", "h": MERGE % ", stored_as_scd_type: 2, max_deletes: 0.2"})
    land(ready, 5, dict.fromkeys(range(10), "a"))
    ready.run()
    before = stored(ready)
    land(ready, 6, dict.fromkeys(range(4), "a"))
    errors = [step.error for name, step in ready.run(ok=False).steps.items() if name.layer == "silver"]
    told = "lacks 6 of 10 stored keys, more than `max_deletes`"
    assert all(isinstance(e, StepError) and e.code == "merge.max_deletes" and told in e.message for e in errors)
    assert stored(ready) == before
    ready.tables(silver=TABLES)
    ready.run()
    assert len(stored(ready)["s"]) == 4
    land(ready, 3, {1: "old"})
    (error, _) = [step.error for name, step in ready.run(ok=False).steps.items() if name.layer == "silver"]
    assert isinstance(error, StepError)
    assert (error.code, "3 is not newer than 6" in error.message) == ("merge.from_snapshot", True)
    ready.tables(silver={name: f"{text}cleanse: [{{filter: at >= 5}}]\n" for name, text in TABLES.items()})
    ready.run()
    assert len(stored(ready)["s"]) == 4


def test_s56_s72_a_row_that_is_turned_away_is_not_lacking(ready: Lake) -> None:
    rule = "expectations: {known: {expect: v <> '?', on_violation: quarantine}}\n"
    ready.tables(silver={name: text + rule for name, text in TABLES.items()})
    land(ready, 1, {1: "a", 2: "b", 3: "c"})
    ready.run()
    land(ready, 2, {1: "?", 2: "z"})
    done = ready.run()["silver.s"]
    assert ready.rows("silver.s", "id", "v") == [(1, "a"), (2, "z")]
    assert (done.rows_read, done.rows_updated, done.rows_rejected, done.rows_deleted) == (2, 1, 1, 1)
    ready.sql("UPDATE {silver.s_quarantine} SET v = 'b'")
    refused = lakehouse.replay(ready.project(), "silver.s", ready.spark)["silver.s"].error
    assert isinstance(refused, StepError)
    assert refused.code == "replay.snapshot"


def test_s72_a_full_refresh_applies_all_snapshots_anew(ready: Lake) -> None:
    found = snapshots(4, number=3)
    for number, rows in enumerate(found, 1):
        land(ready, number, rows)
        ready.run()
    changed = {name: f"{text}cleanse: [{{derive: {{v: upper(v)}}}}]\n" for name, text in TABLES.items()}
    ready.tables(silver=changed)
    ready.run(full_refresh="layer:silver", allow_data_loss=True)
    upper = [{key: value and value.upper() for key, value in rows.items()} for rows in found]
    assert stored(ready) == expected(upper)
    assert ready.kinds("silver.s")[-3:] == ["refresh", "data", "data"]
