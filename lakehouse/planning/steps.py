"""What a project compiles to: inert steps in an order in which they can run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from lakehouse.cleanse import python
from lakehouse.cleanse.base import one_rule
from lakehouse.names import TableName
from lakehouse.quality.references import moving_parts
from lakehouse.quality.rows import is_carried
from lakehouse.spec.leaves import WAYS
from lakehouse.spec.load import Project
from lakehouse.spec.models import Table

Feed = Literal["", "inserts", "changes", "all"]
"""What of an input's change feed is read: nothing of it, rows that were added, what became of each key, all of it."""


@dataclass(frozen=True)
class Read:
    """One input of a step."""

    table: TableName
    whole: bool
    """The table as it stands at the pin, not only what came since the offset."""
    lookup: bool = False
    """A rule of `cleanse` joins it: it brings no rows, and where only new rows are read its changes revisit none."""
    at: int | datetime | None = None
    """The version, or the time of which the version is read; None: the one that it is pinned at."""
    feed: Feed = ""
    """How what came since the offset is read by the change feed; Bronze tables have batches instead."""


@dataclass(frozen=True)
class Step:
    """One table, compiled: what it reads, how it is written, what it waits for."""

    name: TableName
    spec: Table
    way: str
    """How the table is written: the word of a leaf in `write`."""
    reads: tuple[Read, ...]
    after: frozenset[TableName]
    definition: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Those that its expressions use."""
    late: frozenset[str] = frozenset()
    """References in its texts and variables that are known only when a run starts; `$` begins one that is escaped."""
    followed: bool = False
    """Another table of the project reads the table's change feed, so there must be one."""

    @property
    def is_bronze(self) -> bool:
        """Whether the step ingests files rather than reads tables."""
        return self.spec.source is not None

    @property
    def incremental(self) -> bool:
        """Whether only what is new in the inputs is read; else the table is a pure function of its whole inputs."""
        return bool(WAYS[self.way].INCREMENTAL)

    @property
    def keeps(self) -> bool:
        """Whether stored rows stay beside those that are written; else the table is a function of its inputs."""
        return bool(getattr(WAYS[self.way], "KEEPS", self.incremental))

    @property
    def origins(self) -> tuple[TableName, ...]:
        """The tables from which its rows come."""
        return tuple(read.table for read in self.reads if not read.lookup)

    @property
    def partial(self) -> bool:
        """Whether of one of the tables from which its rows come only what is new is read."""
        return any(not read.whole for read in self.reads)

    @property
    def feeds(self) -> frozenset[Feed]:
        """How its inputs are read by their change feeds."""
        return frozenset(read.feed for read in self.reads if read.feed)

    @property
    def by_batch(self) -> bool:
        """Whether the batches of a Bronze table order the versions of a key, because nothing else does (S63)."""
        return self.spec.merge is not None and not self.spec.merge.order and not self.feeds

    @property
    def keeps_history(self) -> bool:
        """Whether the table has every version of a key, of which one is current."""
        return self.spec.merge is not None and self.spec.merge.stored_as_scd_type == 2

    @property
    def keeps_others(self) -> bool:
        """Whether columns that `schema` does not declare are stored, or read by the way to write without being so."""
        way = WAYS[self.way]
        declared = {name.casefold() for name in self.spec.schema_ or {}}
        read: frozenset[str] = way.reads(self.options) if hasattr(way, "reads") else frozenset()
        named = {name.casefold() for name in read if not is_carried(name)}
        return self.spec.schema_evolution == "add_new_columns" or not named <= declared

    @property
    def options(self) -> Any:
        """The options of the way to write, at their defaults where the file does not name it."""
        found = getattr(self.spec, self.way)
        return WAYS[self.way].Options() if found is None else found

    @property
    def moving(self) -> tuple[str, ...]:
        """What of its definition gives other rows from run to run: references to the run itself, calls, own code."""
        rules = [one_rule(written) for written in self.spec.cleanse]
        texts = [text for _, args in rules for _, text in args.queries()]
        return (
            *(f"${{{reference}}}" for reference in sorted(self.late) if reference.startswith("run.")),
            *(part for text in texts for part in moving_parts(text)),
            *(f"`{rule.word}: {text}`" for rule, args in rules for text in args.functions()),
            *(WAYS[self.way].moving(self.options) if hasattr(WAYS[self.way], "moving") else ()),
        )

    def describe(self) -> str:
        """In a few words: from what, by which way."""
        source = self.spec.source
        where = f"{source.format} files" if source else ", ".join(map(str, self.origins))
        return f"{self.way} from {where}"


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they can run; `selected` are those that a run of this plan executes."""

    project: Project
    steps: tuple[Step, ...]
    selected: frozenset[TableName]

    def __getitem__(self, name: str | TableName) -> Step:
        wanted = str(name)
        for step in self.steps:
            if str(step.name) == wanted:
                return step
        raise KeyError(wanted)

    def chosen(self) -> tuple[Step, ...]:
        """The selected steps, in order."""
        return tuple(s for s in self.steps if s.name in self.selected)

    def readers_of(self, name: TableName) -> tuple[Step, ...]:
        """Steps that read the table directly."""
        return tuple(s for s in self.steps if any(r.table == name for r in s.reads))


RUN_KEYS = frozenset(
    "description comment tags maintenance depends_on enabled priority max_retries retry_delay timeout wait_for run_if "
    "condition grants full_refresh properties cluster_by partitioned_by constraints primary_key foreign_keys "
    "renamed_from".split()
)
"""Keys whose change does not change what a table holds, so they are not part of its definition (S88)."""

_OF_FILES = ("clean_source", "use_notifications", "backfill_interval")
"""Keys of `auto_loader` that say what becomes of files and how they are found, not what is made of them."""
_PLACEHOLDER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


def definition_of(table: Table, variables: Mapping[str, Any], root: Path | None = None) -> tuple[str, dict[str, Any]]:
    """Hash of what decides the content of a table (S88), and the variables that its expressions use.

    The text of a module in the project's folder `root` that a rule names is part of it; what that imports is not.
    """
    body = table.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(RUN_KEYS))
    if table.source is not None:
        body["source"]["format"] = table.source.format  # which is a default in its own leaf
    _without(body.get("auto_loader"), *_OF_FILES)
    _without_comments(body.get("schema"), "comment", "tags")
    _without_comments(body.get("expectations"), "description")
    # rules count in their order: within `derive` each expression sees those above it
    written = body.pop("cleanse", None)
    rules = json.dumps(written, ensure_ascii=False, default=str)
    # not in the text as JSON, where the end of a line is a letter before the name
    named = {name for part in (body, written) for text in _texts(part) for name in _PLACEHOLDER.findall(text)}
    used = {name: variables[name] for name in sorted(named) if name in variables}
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str) + rules + _code(table, root)
    whole = text + json.dumps(used, sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:16], used


def _code(table: Table, root: Path | None) -> str:
    functions = [text for written in table.cleanse for text in one_rule(written)[1].functions()]
    return "".join(python.source_of(text, root) for text in functions)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(item)


def _without_comments(items: object, *keys: str) -> None:
    for item in items.values() if isinstance(items, dict) else ():
        _without(item, *keys)


def _without(item: object, *keys: str) -> None:
    if isinstance(item, dict):
        for key in keys:
            item.pop(key, None)


def tables_of(table: Table) -> Iterator[tuple[tuple[str | int, ...], TableName]]:
    """The other tables that cleansing rules name, each with its place in the table."""
    for index, written in enumerate(table.cleanse):
        rule, args = one_rule(written)
        for loc, other in args.tables():
            yield ("cleanse", index, rule.word, *loc), other


def ordered(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps so that each comes after those it waits for; among equals as written."""
    from graphlib import TopologicalSorter

    by_name = {s.name: s for s in steps}
    # every name first: among equals the sorter keeps the order in which it met them, and a set has none
    sorter = TopologicalSorter(dict.fromkeys(by_name, ()))
    for step in by_name.values():
        sorter.add(step.name, *(step.after & by_name.keys()))
    return tuple(by_name[name] for name in sorter.static_order())
