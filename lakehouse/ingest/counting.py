"""What has to be known of a batch before anything is written, in one aggregate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import DataFrame

from lakehouse.ingest.batch import BatchRequest
from lakehouse.ingest.columns import Plan, Rules
from lakehouse.ingest.decoding import doubtful
from lakehouse.ingest.values import BAD, placed
from lakehouse.names import quoted
from lakehouse.sources.fields import Scan

_Places = Sequence[tuple[int, str]]
"""(part, column of its frame)."""

_BITS = 60
"""Questions per aggregate: one for each of thousands of columns keeps Spark busy for minutes."""

_MANY = 2000
"""More new columns than this at once are taken as they come: to look for a value in each takes Spark too long."""


_FIRST = 1000
"""Records of which the first look at a batch consists that is expected to be good."""


@dataclass(frozen=True)
class Counts:
    """Numbers and names about a batch; None where nothing had to count."""

    rows: int | None = None
    """Good rows."""
    rejected: int = 0
    rescued: int | None = None
    empty: frozenset[str] = frozenset()
    """New columns, in small letters, without any value in a good row (S6)."""
    news: tuple[str, ...] = ()
    """New fields with a value that get no column and are to fail."""
    doubtful: int = 0
    """Good rows with a sign that may stand for bytes that are no text."""


def count(scan: Scan, columns: Plan, settings: Rules, request: BatchRequest) -> Counts:
    """Run the aggregate; none where the leaf knows it all, or where the batch is expected to be good."""
    if not scan.parts:
        return Counts(rows=0, rescued=0, empty=frozenset(name.casefold() for name in columns.new))
    seen = {(i, item.column) for i, part in enumerate(scan.parts) for item in part.fields if item.has_value}
    unsure = {name: places for name, places in _new(columns, scan).items() if not seen & set(places)}
    if len(unsure) > _MANY:
        unsure = {}
    news = tuple(columns.unplaced) if settings.mode == "fail_on_new_columns" else ()
    strays = {name: columns.unplaced[name] for name in news if not seen & set(columns.unplaced[name])}
    not_null = any(not spec.nullable for spec in (request.schema or {}).values())
    questions = _Questions(unsure, strays, news)
    if not request.look and (request.trusts or (scan.clean and not not_null)):
        if not unsure and not strays:
            return Counts(news=news)
        if request.trusts and not strays and _begins_well(scan, questions, columns, settings, request):
            return Counts()
    return _counted(scan, questions, columns, settings, request)


@dataclass(frozen=True)
class _Questions:
    """For which fields it has to be found out whether they have a value."""

    unsure: Mapping[str, _Places]
    strays: Mapping[str, _Places]
    news: Sequence[str]


def _begins_well(scan: Scan, questions: _Questions, columns: Plan, settings: Rules, request: BatchRequest) -> bool:
    """Whether the first records show a value of each new column already, and nothing bad. A short Spark job."""
    if len(scan.parts) > 1:
        return False
    (part,) = scan.parts
    begin = replace(scan, parts=[replace(part, frame=part.frame.limit(_FIRST))])
    found = _counted(begin, questions, columns, settings, request)
    return not (found.empty or found.rejected or found.doubtful)


def _counted(scan: Scan, questions: _Questions, columns: Plan, settings: Rules, request: BatchRequest) -> Counts:
    unsure, strays = questions.unsure, questions.strays
    asked = [*unsure.items(), *strays.items()]
    frames = [_flags(scan, i, asked, columns, settings, request) for i in range(len(scan.parts))]
    flags = reduce(DataFrame.union, frames)
    sums = flags.selectExpr(
        "count(1) AS n",
        "count(rejected) AS rejected",
        "count(rescued) AS rescued",
        "count(doubtful) AS doubtful",
        *[f"bit_or({name}) AS {name}" for name in flags.columns[3:]],
    )
    rows, rejected, rescued, doubtful, *bits = sums.collect()[0]
    valued = {name for k, (name, _) in enumerate(asked) if (bits[k // _BITS] or 0) >> k % _BITS & 1}
    return Counts(
        rows=rows - rejected,
        rejected=rejected,
        rescued=rescued,
        empty=frozenset(name.casefold() for name in unsure if name not in valued),
        news=tuple(name for name in questions.news if name not in strays or name in valued),
        doubtful=doubtful,
    )


def _new(columns: Plan, scan: Scan) -> Mapping[str, _Places]:
    """New columns and the columns of the parts' frames that they are made of, with those of what does not fit them."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for i, (place, part) in enumerate(zip(columns.places, scan.parts, strict=True)):
        for item in part.fields:
            column = place.get(item.column)
            if column is not None and column in columns.new:
                found[column] += [(i, inside) for inside in (item.column, item.rescue) if inside]
    return found


def _flags(
    scan: Scan,
    index: int,
    asked: Sequence[tuple[str, _Places]],
    columns: Plan,
    settings: Rules,
    request: BatchRequest,
) -> DataFrame:
    """A part's rows as what has to be counted: NULL where it does not count."""
    bits = [_bit(k, places, index) for k, (_, places) in enumerate(asked)]
    words = [" | ".join(bits[i : i + _BITS]) for i in range(0, len(bits), _BITS)]
    part = scan.parts[index]
    doubt = doubtful(part) if part.encoding and not part.undecoded else "false"
    extra = [f"({doubt}) AS __doubtful", *(f"({word}) AS __v{n}" for n, word in enumerate(words))]
    frame = placed(part, columns.places[index], columns, settings, request, extra)
    good = f"{BAD} IS NULL"
    return frame.selectExpr(
        f"CASE WHEN NOT {good} THEN 1 END AS rejected",
        f"CASE WHEN {good} AND {quoted(settings.rescued_column)} IS NOT NULL THEN 1 END AS rescued",
        f"CASE WHEN {good} AND __doubtful THEN 1 END AS doubtful",
        *[f"CASE WHEN {good} THEN __v{n} END AS v{n}" for n in range(len(words))],
    )


def _bit(k: int, places: _Places, index: int) -> str:
    """The bit of the k-th question, set where the row has a value in one of its columns."""
    here = " OR ".join(f"{column} IS NOT NULL" for i, column in places if i == index)
    return f"IF({here or 'false'}, {1 << k % _BITS}L, 0L)"
