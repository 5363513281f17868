"""Which column each field of a batch's files goes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lakehouse.ingest.batch import BATCH, INGESTED_AT, SOURCE_FILE, SOURCE_MODIFIED, BatchRequest
from lakehouse.lake import types
from lakehouse.sources.auto_loader import AutoLoader, EvolutionMode
from lakehouse.sources.fields import Field, Wanted, plain_name

HIDDEN = "__"


@dataclass(frozen=True)
class Rules:
    """What a batch's request says about columns."""

    wanted: Wanted
    known: Mapping[str, str]
    """Stored columns without Bronze's own."""
    expected: Mapping[str, str]
    """Declared and hinted columns -> type; they come to be when a row has a value."""
    partitions: Sequence[str]
    mode: EvolutionMode
    first: bool
    rescued_column: str
    rescues: bool
    """Whether fields without a place are kept at all."""
    nested: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """Path of a nested field, in small letters -> its hinted type."""

    def typed(self, types: Mapping[str, str]) -> Rules:
        """The same with other types for these columns."""
        columns = {**self.wanted.columns, **{name.casefold(): (name, text) for name, text in types.items()}}
        return replace(self, wanted=replace(self.wanted, columns=columns))

    @property
    def own(self) -> frozenset[str]:
        """Names, in small letters, of the columns that Bronze adds."""
        added = (SOURCE_FILE, SOURCE_MODIFIED, INGESTED_AT, BATCH, self.rescued_column)
        return frozenset(name.casefold() for name in added)

    @property
    def evolves(self) -> bool:
        """Whether a new field may become a column."""
        return self.first or self.mode.startswith("add_new_columns")


@dataclass(frozen=True)
class Plan:
    """The columns of the frame and where each field goes."""

    columns: Mapping[str, str]
    """Name -> type: stored, then those that are new if a row has a value."""
    new: Mapping[str, str]
    """Those of `columns` that are not stored -> the name that they came by."""
    changed: Mapping[str, str]
    """Stored columns whose nested type grows -> the new type."""
    places: Sequence[Mapping[str, str | None]]
    """For each part: column of its frame -> column of the table, None for one without any value; what is missing goes
    to the rescued data."""
    unplaced: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    """New field, or path of a nested one, that gets no place -> the (part, column of its frame) that have it."""


def rules(request: BatchRequest) -> Rules:
    """Settle the request's words: modes, hints, what the table has."""
    loader = request.auto_loader or AutoLoader()
    if request.copy_into is not None:
        mode: EvolutionMode = "add_new_columns" if request.copy_into.merge_schema else "fail_on_new_columns"
        if request.schema and not request.copy_into.merge_schema:
            mode = "rescue"
    else:
        mode = loader.mode(declared=bool(request.schema))
    exact = request.column_names == "exact"
    hints = loader.column_hints if request.copy_into is None else {}
    declared = {name: spec.type for name, spec in (request.schema or {}).items()}
    expected = {**{(n if exact else plain_name(n)): t for n, t in hints.items()}, **declared}
    partitions = _partition_columns(request)
    own = {n.casefold() for n in (SOURCE_FILE, SOURCE_MODIFIED, INGESTED_AT, BATCH, loader.rescued_data_column)}
    known = {name: text for name, text in request.known.items() if name.casefold() not in own}
    stored = {name.casefold(): (name, text) for name, text in known.items()}
    wanted = {name.casefold(): (name, text) for name, text in expected.items()} | stored
    made = {name.casefold() for name in (*expected, *partitions)}
    first = request.first if request.first is not None else not (stored.keys() - made)
    first = first and not request.schema  # declared columns are all there are
    evolve = first or mode.startswith("add_new_columns")
    explicit = "rescued_data_column" in loader.model_fields_set
    return Rules(
        Wanted(
            wanted,
            evolve,
            widen=mode == "add_new_columns_with_type_widening",
            fixed=frozenset(name.casefold() for name in expected),
            infer=loader.infer_column_types and request.source.infers and request.copy_into is None,
            exact=exact,
            positions=tuple(request.schema or ()),
            storage=request.storage,
        ),
        known,
        expected,
        partitions,
        mode,
        first,
        loader.rescued_data_column,
        rescues=mode != "none" or explicit,
        nested={
            tuple((part if exact else plain_name(part)).casefold() for part in path): text
            for path, text in loader.nested_hints.items()
        },
    )


def _partition_columns(request: BatchRequest) -> tuple[str, ...]:
    if request.source.partition_columns is not None:
        return tuple(request.source.partition_columns)
    return tuple(dict.fromkeys(name for file in request.files for name in file.partitions))


def plan(rules: Rules, parts: Sequence[Sequence[Field]], empty: frozenset[str] = frozenset()) -> Plan:
    """Give each field its column; `empty` names new columns (in small letters) that no row has a value for (S6)."""
    columns: dict[str, str] = dict(rules.known)
    spelled = {name.casefold(): name for name in columns}
    new: dict[str, str] = {}
    changed: dict[str, str] = {}
    places: list[dict[str, str | None]] = []
    unplaced: dict[str, list[tuple[int, str]]] = {}
    partitions = {rules.wanted.name(name).casefold() for name in rules.partitions}
    for index, fields in enumerate(parts):
        place: dict[str, str | None] = {}
        for item in fields:
            name = rules.wanted.name(item.name)
            fold = name.casefold()
            if not item.placed or fold in rules.own or name.startswith(HIDDEN) or fold in partitions:
                continue
            if fold not in spelled:
                expected = rules.wanted.columns.get(fold)
                if expected is None and not rules.evolves:
                    unplaced.setdefault(item.name, []).append((index, item.column))
                    continue
                if fold in empty:
                    place[item.column] = None
                    continue
                spelled[fold] = name
                columns[name] = expected[1] if expected else item.stored
                new[name] = item.name
            name = spelled[fold]
            place[item.column] = name
            for path, column in item.news.items():
                unplaced.setdefault(f"{item.name}.{path}", []).append((index, column or item.column))
            if grown(columns[name], item.stored) or (rules.wanted.widen and types.widens(columns[name], item.stored)):
                columns[name] = item.stored
                if name in rules.known:
                    changed[name] = item.stored
        places.append(place)
    for key in rules.partitions:
        name = rules.wanted.name(key)
        if name.casefold() not in spelled and (rules.first or name.casefold() in rules.wanted.columns):
            spelled[name.casefold()] = name
            columns[name] = rules.wanted.type(name) or "string"
            new[name] = name
    return Plan(columns, new, changed, places, unplaced)


def grown(now: str, then: str) -> bool:
    """Whether the one nested type became the other by new fields."""
    return now != then and "struct<" in now and "struct<" in then and types.canonical(now) != types.canonical(then)
