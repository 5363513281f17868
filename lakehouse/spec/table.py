"""The keys of a table."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lakehouse.maintenance import Maintenance
from lakehouse.model import LATER, Model, Names, TableRef, TextMap, null_word
from lakehouse.names import NOT_NULL, TableName, is_identifier
from lakehouse.quality.fields import Condition
from lakehouse.quality.models import ColumnSpec, Expectation
from lakehouse.sources.auto_loader import AutoLoader
from lakehouse.sources.copy_into import CopyInto
from lakehouse.spec.leaves import CleanseRule, Source, Ways
from lakehouse.spec.steps import StepKeys


def _instant(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write it as `2024-01-31` or `2024-01-31T12:00:00Z`") from None
    return text


ISOTime = Annotated[str, AfterValidator(_instant)]
"""A date or a point in time, as `2024-01-31` or `2024-01-31T12:00:00Z`."""


class Input(Model):
    """One table that is read: its name alone, or `{table: …}` with how it is read."""

    table: TableRef
    """The table."""
    changes: bool = False
    """Read its change feed: into `append` all four kinds of rows, into `merge` what became of each key."""
    version: int | None = Field(None, ge=0)
    """Read the table whole, as it was at this version: once, or again with the other inputs."""
    timestamp: ISOTime | None = None
    """Read the table whole, as it was at this time; without an offset in `time_zone`."""
    whole: bool = False
    """Read the table whole whenever it has changed, not only what is new."""

    @model_validator(mode="after")
    def _one_way(self) -> Input:
        ways = ("changes", "version", "timestamp", "whole")
        words = [word for word in ways if getattr(self, word) not in (None, False)]
        if len(words) > 1:
            raise ValueError(f"`{words[0]}` and `{words[1]}` are two ways to read the same table; keep one of them")
        return self


def _inputs(value: object) -> object:
    many = value if isinstance(value, list | tuple) else [value]
    return tuple({"table": item} if isinstance(item, str | TableName) else item for item in many)


Inputs = Annotated[
    tuple[Input, ...],
    BeforeValidator(_inputs, json_schema_input_type=str | Input | list[str | Input]),
    Field(min_length=1),
]
"""A table, or a list of tables; a name alone will do."""


def _json(path: str) -> str:
    if not path.endswith(".json"):
        raise ValueError("a suite is a `.json` file")
    return path


SuiteFile = Annotated[str, AfterValidator(_json)]
"""A path."""


class Suite(Model):
    """A file of expectations as Great Expectations stores them."""

    file: SuiteFile
    """Path of the suite's JSON file, from the project's folder."""
    on_violation: Literal["warn", "drop", "quarantine", "fail"] = "warn"
    """What becomes of a row that breaks one of them; one that is not about single rows fails the step then."""


class ForeignKey(Model):
    """Columns whose values are keys of another table; informational, as on Databricks."""

    columns: Names
    """Columns of this table."""
    references: TableRef
    """The other table."""
    referenced_columns: Names | None = None
    """Its columns; its primary key when left out."""


def _constraint_name(name: str) -> str:
    if not is_identifier(name):
        raise ValueError(f"{name!r} cannot be the name of a constraint: use letters, digits and `_`")
    if name.casefold().endswith(NOT_NULL):
        raise ValueError(f"names that end in `{NOT_NULL}` are kept for columns that are `nullable: false`")
    return name


ConstraintName = Annotated[str, AfterValidator(_constraint_name)]
"""Letters, digits and `_`; names ignore case."""


def _built(key: str, *words: str) -> AfterValidator:
    """Refuses values that are modelled but not built yet."""

    def check(value: Any) -> Any:
        if value in words:
            raise ValueError(f"`{key}: {value}` is not available yet")
        return value

    return AfterValidator(check)


class Table(Ways, StepKeys):
    """A table of a layer: where its rows come from, what is done to them, how they are written and kept."""

    comment: str | None = None
    """Comment of the table, stored with it."""
    description: str | None = None
    """What the table is for, shown in the documentation."""
    tags: Names | None = None
    """Words to select tables by: `tag:daily`."""
    source: Source | None = None
    """Bronze: what is read; `format` says which source it is."""
    auto_loader: AutoLoader | None = None
    """Bronze: every new file once, found by listing; the default way in."""
    copy_into: CopyInto | None = None
    """Bronze: named files or a pattern, each once."""
    column_names: Literal["sanitize", "exact"] = "sanitize"
    """Bronze: signs that Delta refuses become `_`, or names stay exactly as they came (Delta's column mapping)."""
    on_bad_record: Literal["quarantine", "drop", "fail"] = "quarantine"
    """Bronze: what becomes of a record that does not parse."""
    on_bad_file: Literal["quarantine", "fail"] = "quarantine"
    """Bronze: what becomes of a file that cannot be read."""
    from_: Inputs | None = Field(None, alias="from")
    """The table or tables that are read."""
    sql: str | None = Field(None, min_length=1)
    """A query over whole tables at the versions pinned for the run; `STREAM(t)` reads only what is new in `t`."""
    cleanse: tuple[CleanseRule, ...] = ()
    """Cleansing rules, in order."""
    schema_: dict[str, ColumnSpec] | None = Field(None, alias="schema", min_length=1)
    """Column -> type or `{type, nullable, …}`: what is stored, in this order."""
    schema_evolution: Literal["none", "add_new_columns"] | None = None
    """Whether columns that `schema` does not name are taken; `none` with a `schema`, else `add_new_columns`."""
    on_schema_violation: Annotated[Literal["quarantine", "fail", "null"], BeforeValidator(null_word)] = "quarantine"
    """What becomes of a row with a value that does not fit; `null` keeps the row without the value."""
    expectations: dict[str, Expectation] = Field(default_factory=dict)
    """Name -> rule that rows or the table must meet."""
    expectations_on_violation: Literal["warn", "drop", "quarantine", "fail"] = "warn"
    """What becomes of a row that breaks an expectation which does not say so itself."""
    expectation_suites: tuple[Suite, ...] | None = None
    """Files of expectations, of Great Expectations 0.18 or 1.x; each becomes an entry of `expectations`."""
    refresh: Annotated[Literal["auto", "incremental", "full"] | None, _built("refresh", "incremental", "full")] = None
    """How a table that is a function of its inputs is brought up to date; `auto` by default."""
    partitioned_by: Names | None = None
    """Columns whose values make folders."""
    cluster_by: Names | None = None
    """Columns of liquid clustering."""
    properties: TextMap = Field(default_factory=dict)
    """Delta's table properties."""
    constraints: dict[ConstraintName, Condition] = Field(default_factory=dict)
    """Name -> condition that Delta checks on every write, of whomever: a row that breaks it fails the write."""
    primary_key: Names | None = None
    """Columns that tell rows apart; informational: kept as the table's property `lakehouse.primary_key`."""
    foreign_keys: tuple[ForeignKey, ...] | None = None
    """Keys of other tables; informational: kept as the table's property `lakehouse.foreign_keys`."""
    grants: dict[str, Names] | None = Field(None, json_schema_extra=LATER)
    """Privilege -> who has it, where a catalog keeps such."""
    row_filter: Condition | None = Field(None, json_schema_extra=LATER)
    """Condition under which a reader may see a row, where a catalog keeps such."""
    maintenance: Maintenance | None = None
    """How the table is kept fast and small; every key has a default per layer."""
    full_refresh: bool = True
    """`false` forbids to rebuild the table from its inputs."""
    renamed_from: TableRef | None = None
    """The name that the table had before; it is renamed in place."""
