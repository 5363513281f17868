"""What the lake must hold after each instalment, worked out with pandas from the package's own tables.

It shares nothing with the library and nothing with the way `feed` writes files: only the names and numbers in which
the feed's departures from the original data are documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import pandas as pd

from demo import feed

PUNCTUAL_MINUTES = 15


@dataclass(frozen=True)
class Truth:
    """The lake after an instalment. Frames have no index, are in no particular order and leave out `_` columns."""

    rows: Mapping[str, int]
    """Number of rows of each table, quarantine tables among them."""
    failures: Mapping[str, Mapping[str, int]]
    """Quarantine table -> rule -> number of rows that broke it."""
    warnings: Mapping[str, int]
    """`<table>.<expectation>` -> violations among the rows that this instalment brought."""
    tables: Mapping[str, pd.DataFrame]
    """`silver.planes` with all versions, and the Gold tables."""


def after(instalment: int) -> Truth:
    """The truth after instalments 1 to this one; after the third, which is nothing, that of the second."""
    truth = _after(feed.LAST_MONTH[min(instalment, 2)])
    return truth if instalment < 3 else replace(truth, warnings={})


@cache
def _after(months: int) -> Truth:
    flights, corrected = _flights(months)
    planes = _planes(months)
    weather = _original("weather.csv")
    weather = weather[weather["month"] <= months]
    calm = weather[~(weather["wind_speed"] > 200).fillna(False)]  # an unknown wind is not judged
    airports, airlines = _original("airports.csv"), _original("airlines.csv")
    tables = {
        "silver.planes": planes,
        "gold.carrier_day": _carrier_day(flights),
        "gold.fleet_age": _fleet_age(flights, planes),
        "gold.routes": _routes(flights, airlines, airports),
        "gold.weather_delay": _weather_delay(flights, calm),
    }
    full = months == 12
    rows = {
        "bronze.flights": len(flights) + len(feed.SPOILED) * full + corrected,
        "bronze.planes": _registered(months)["tailnum"].size + (_registered(10)["tailnum"].size if full else 0),
        "bronze.airlines": len(airlines),
        "bronze.airports": len(airports),
        "bronze.weather": len(weather),
        "silver.flights": len(flights),
        "silver.airlines": len(airlines),
        "silver.airports": len(airports),
        "silver.weather": len(calm),
        "silver.weather_quarantine": len(weather) - len(calm),
        "bronze.flights_quarantine": 3 if full else 0,
        "silver.flights_quarantine": len(feed.SPOILED) if full else 0,
    }
    broken = {"known_origin": 4, "schema.dep_delay": 2, "schema.time_hour": 1, "schema.flight_date": 1,
              "schema.arr_delay": 1}  # fmt: skip
    return Truth(
        rows={**rows, **{name: len(table) for name, table in tables.items()}},
        failures={
            "silver.flights_quarantine": broken if full else {},
            "silver.weather_quarantine": {"credible_wind": len(weather) - len(calm)},
        },
        warnings=_warnings(flights, months),
        tables=tables,
    )


def _original(name: str) -> pd.DataFrame:
    """A table of the package, with pandas' nullable types."""
    return pd.read_csv(feed.data() / name, keep_default_na=False, na_values=["NA"], dtype_backend="numpy_nullable")


@cache
def _all_flights() -> pd.DataFrame:
    flights = _original("flights.csv.zip")
    flights["date"] = pd.to_datetime(flights[["year", "month", "day"]]).dt.date
    flights["place"] = flights.groupby("date").cumcount()  # the row's number in the file of its day
    return flights


def _flights(months: int) -> tuple[pd.DataFrame, int]:
    """The flights that Silver holds, corrections applied; and how many rows the corrections have."""
    flights = _all_flights()
    flights = flights[flights["month"] <= months].copy()
    if months < 12:
        return flights, 0
    damaged = [feed.CUT_OFF, feed.RUN_TOGETHER, feed.RUN_TOGETHER + 1, feed.COMMA_TOO_MANY]
    lost = (flights["date"] == feed.BROKEN_DAY) & flights["place"].isin(damaged)
    lost |= (flights["date"] == feed.SPOILED_DAY) & flights["place"].isin(list(feed.SPOILED))
    flights = flights[~lost].copy()
    again = (flights["carrier"] == feed.CORRECTED_CARRIER) & flights["date"].isin(feed.CORRECTED_DAYS)
    for name in ("dep_delay", "arr_delay"):
        flights.loc[again, name] += feed.LATER_BY  # NA stays NA
    return flights, int(again.sum())


def _registered(months: int) -> pd.DataFrame:
    """The register as the instalment that ends with this month brings it."""
    planes = _original("planes.csv")
    if months < 12:
        flights = _all_flights()
        return planes[planes["tailnum"].isin(flights.loc[flights["month"] <= months, "tailnum"])]
    earliest = planes.groupby("model")["year"].transform("min")
    unknown = planes[planes["year"].isna() & earliest.notna()].sort_values("tailnum").index[: feed.FOUND_YEARS]
    planes.loc[unknown, "year"] = earliest.loc[unknown]
    planes.loc[planes["model"] == feed.REFIT_MODEL, "seats"] = int(feed.REFIT_SEATS)
    return planes


def _planes(months: int) -> pd.DataFrame:
    """All versions of each aircraft."""

    def stored(planes: pd.DataFrame) -> pd.DataFrame:
        planes = planes[planes["type"] != "Rotorcraft"].rename(columns={"year": "built", "engine": "engine_type"})
        return planes[["tailnum", "built", "manufacturer", "model", "engines", "engine_type", "seats"]]

    first, second = (pd.Timestamp(feed.REGISTER_DAYS[number], tz="UTC").as_unit("us") for number in (1, 2))
    never = pd.Series(pd.NaT, index=range(0), dtype="datetime64[us, UTC]")
    old = stored(_registered(10)).assign(valid_from=first, valid_to=never, is_current=True)
    if months < 12:
        return old
    new = stored(_registered(12))
    both = new.merge(old, on="tailnum", how="left", suffixes=("", "_old"))
    changed = both["is_current"].isna()
    for name in ("built", "manufacturer", "model", "engines", "engine_type", "seats"):
        same = (both[name] == both[f"{name}_old"]).fillna(False) | (both[name].isna() & both[f"{name}_old"].isna())
        changed |= ~same
    opened = new[new["tailnum"].isin(both.loc[changed, "tailnum"])].assign(
        valid_from=second, valid_to=never, is_current=True
    )
    closed = old["tailnum"].isin(opened["tailnum"])
    old.loc[closed, "valid_to"] = second
    old.loc[closed, "is_current"] = False
    return pd.concat([old, opened], ignore_index=True)


def _carrier_day(flights: pd.DataFrame) -> pd.DataFrame:
    judged = flights.assign(
        cancelled=flights["dep_time"].isna(), late=(flights["dep_delay"] > PUNCTUAL_MINUTES).fillna(False)
    )
    groups = judged.groupby(["carrier", "date"], as_index=False).agg(
        flights=("flight", "size"), cancelled=("cancelled", "sum"), late=("late", "sum"), **_sums("dep_delay")
    )
    return _mean(groups).rename(columns={"date": "flight_date"})


def _fleet_age(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    joined = flights.dropna(subset=["tailnum"]).merge(planes[planes["is_current"]], on="tailnum")
    joined["age"] = joined["year"] - joined["built"]
    return joined.groupby(["manufacturer", "age"], dropna=False, as_index=False).agg(flights=("flight", "size"))


def _routes(flights: pd.DataFrame, airlines: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    joined = flights.merge(airlines.rename(columns={"name": "airline"}), on="carrier")
    joined = joined.merge(airports.rename(columns={"faa": "dest", "name": "destination"}), on="dest", how="left")
    joined["destination"] = joined["destination"].fillna(joined["dest"])
    routes = joined.groupby(["airline", "origin", "destination"], as_index=False)
    return _mean(routes.agg(flights=("flight", "size"), **_sums("arr_delay")))


def _weather_delay(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    joined = flights.merge(
        weather[["origin", "time_hour", "visib", "precip", "wind_speed"]], on=["origin", "time_hour"]
    )
    joined["weather"] = "fair"
    joined.loc[(joined["wind_speed"] >= 25).fillna(False), "weather"] = "wind"
    joined.loc[(joined["precip"] > 0).fillna(False), "weather"] = "rain or snow"
    joined.loc[(joined["visib"] < 2).fillna(False), "weather"] = "fog"
    joined["late"] = (joined["dep_delay"] > PUNCTUAL_MINUTES).fillna(False)
    groups = joined.groupby("weather", as_index=False)
    return _mean(groups.agg(flights=("flight", "size"), late=("late", "sum"), **_sums("dep_delay")))


def _sums(column: str) -> dict[str, tuple[str, str]]:
    return {"total": (column, "sum"), "known": (column, "count")}


def _mean(groups: pd.DataFrame) -> pd.DataFrame:
    """`mean_delay` as Spark has it for whole numbers: exact sum by count, missing where no value is known."""
    mean = groups["total"].where(groups["known"] > 0) / groups["known"].where(groups["known"] > 0)
    return groups.drop(columns=["total", "known"]).assign(mean_delay=mean)


def _warnings(flights: pd.DataFrame, months: int) -> dict[str, int]:
    """Violations among the rows that the instalment with this last month brings."""
    if months == 12:
        again = (flights["carrier"] == feed.CORRECTED_CARRIER) & flights["date"].isin(feed.CORRECTED_DAYS)
        flights = flights[(flights["month"] > feed.LAST_MONTH[1]) | again]
    planes = _registered(months)
    planes = planes[planes["type"] != "Rotorcraft"]
    implausible = (flights["dep_delay"] > 1000) | (flights["dep_delay"] < -60)
    return {
        "silver.flights.landed": int((flights["dep_time"].notna() & flights["air_time"].isna()).sum()),
        "silver.flights.plausible_delay": int(implausible.sum()),
        "silver.planes.built_is_known": int(planes["year"].isna().sum()),
    }
