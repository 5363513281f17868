"""The demo's feed: what is delivered, when it says it was made, and that it is the same every time."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from demo import feed


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    for instalment in (1, 2, 3):
        feed.deliver(instalment, folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_instalments_split_the_year_and_the_third_is_empty(tmp_path: Path) -> None:
    first = feed.deliver(1, tmp_path)
    assert sum(path.parent.name == "flights" for path in first) == 304
    second = feed.deliver(2, tmp_path)
    assert sum(path.parent.name == "flights" for path in second) == 61 + len(feed.CORRECTED_DAYS)
    assert not set(first) & set(second)
    before = fingerprint(tmp_path)
    assert feed.deliver(3, tmp_path) == []
    assert fingerprint(tmp_path) == before
    assert not list(tmp_path.rglob(".*")), "a file under its hidden name was left behind"


def test_the_same_instalment_is_the_same_to_the_last_byte_and_second(landing: Path, tmp_path: Path) -> None:
    for instalment in (1, 2):
        feed.deliver(instalment, tmp_path)
    assert fingerprint(tmp_path) == fingerprint(landing)


def test_files_carry_the_documented_clock(landing: Path) -> None:
    assert modified(landing / "flights/2013-01-31.csv") == datetime(2013, 2, 1, 6, tzinfo=UTC)
    assert modified(landing / "flights/2013-12-31.csv") == datetime(2014, 1, 1, 6, tzinfo=UTC)
    assert modified(landing / "flights/2013-02-09-EV.csv") == feed.CORRECTED_AT
    assert modified(landing / "planes/planes-2013-11-01.csv") == datetime(2013, 11, 1, tzinfo=UTC)
    assert modified(landing / "weather/2013-02.jsonl") == datetime(2013, 3, 1, 6, tzinfo=UTC)
    assert modified(landing / "weather/2013-12.jsonl") == datetime(2014, 1, 1, 6, tzinfo=UTC)


def test_corrections_are_later_and_change_nothing_else(landing: Path) -> None:
    for day in feed.CORRECTED_DAYS:
        corrected = rows(landing / f"flights/{day}-EV.csv")
        assert corrected
        originals = {
            (row["flight"], row["origin"]): row
            for row in rows(landing / f"flights/{day}.csv")
            if row["carrier"] == "EV"
        }
        assert len(originals) == len(corrected)
        for row in corrected:
            original = originals[row["flight"], row["origin"]]
            changed = {name for name in row if row[name] != original[name]}
            assert changed <= {"dep_time", "dep_delay", "arr_time", "arr_delay"}
            assert changed or original["dep_time"] == "NA"
            if original["arr_delay"] != "NA":
                assert int(row["arr_delay"]) == int(original["arr_delay"]) + feed.LATER_BY


@pytest.mark.parametrize(
    ("clock", "later"), [("1159", "1203"), ("2356", "2400"), ("2358", "2"), ("2400", "4"), ("5", "9")]
)
def test_clock_times_wrap_at_midnight(clock: str, later: str) -> None:
    assert feed._clock(clock) == later


def test_damaged_lines_are_three_and_no_row_else(landing: Path) -> None:
    header, *lines = (landing / f"flights/{feed.BROKEN_DAY}.csv").read_text().splitlines()
    width = header.count(",")
    assert sorted(line.count(",") - width for line in lines if line.count(",") != width) == [-8, 1, width]


def test_spoiled_rows_are_as_documented(landing: Path) -> None:
    found = rows(landing / f"flights/{feed.SPOILED_DAY}.csv")
    for number, changes in feed.SPOILED.items():
        for column, text in changes.items():
            assert found[number][column] == text
    assert sum(row["origin"] not in {"EWR", "JFK", "LGA"} for row in found) == 4


def test_missing_values_are_na_in_csv_and_left_out_in_json(landing: Path) -> None:
    assert any(row["tailnum"] == "NA      " for row in rows(landing / f"flights/{date(2013, 1, 2)}.csv"))
    lines = [json.loads(line) for line in (landing / "weather/2013-01.jsonl").read_text().splitlines()]
    assert any("wind_gust" not in line for line in lines)
    assert not any(value in ("NA", None) for line in lines for value in line.values())


def test_register_changes_where_it_says(landing: Path) -> None:
    old = {row["tailnum"]: row for row in rows(landing / "planes/planes-2013-01-01.csv")}
    new = {row["tailnum"]: row for row in rows(landing / "planes/planes-2013-11-01.csv")}
    assert old.keys() < new.keys()
    changed = {tailnum for tailnum in old if old[tailnum] != new[tailnum]}
    refitted = {tailnum for tailnum in old if old[tailnum]["model"] == feed.REFIT_MODEL}
    assert refitted <= changed
    assert len(changed - refitted) == feed.FOUND_YEARS
    assert all(old[tailnum]["year"] == "NA" and new[tailnum]["year"].isdigit() for tailnum in changed - refitted)
