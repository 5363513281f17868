"""Auto Loader: new files found by listing or by events, every file exactly once, columns that evolve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lakehouse.lake import types
from lakehouse.model import Duration, Model, duration_text
from lakehouse.quality.fields import TypeText

EvolutionMode = Literal[
    "add_new_columns", "add_new_columns_with_type_widening", "rescue", "fail_on_new_columns", "none"
]
_MOST = 2**63
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_bytes(value: object) -> object:
    """`10g`, `64 MB`, `1048576`: a number of bytes (units are powers of 1024, as in Spark)."""
    size = value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?\s*", value, re.IGNORECASE)
        if match is None:
            raise ValueError(f"{value!r} is not a size; write it as `10g`, `64m` or a number of bytes")
        size = round(Fraction(match[1]) * _UNITS[match[2].casefold()])
    if isinstance(size, int) and size >= _MOST:
        raise ValueError(f"{value!r} is more than any store holds")
    return size


Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]
"""A number of bytes, also written as `10g`."""


_PART = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")


def path_of(name: str) -> tuple[str, ...]:
    """The parts of a hint's name: `a.b` is the field `b` of `a`; a dot in backticks is one of the name's own.

    Raises ValueError for a part without a sign.
    """
    found = list(_PART.finditer(name))
    if ".".join(part[0] for part in found) != name:
        raise ValueError(f"{name!r} is not the name of a column or nested field; write it as `column.field`")
    return tuple(part[1].replace("``", "`") if part[1] else part[2] for part in found)


def _as_map(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = types.fields(value)
    names = [name for name, _ in found]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(f"hints name the column {twice[0]!r} twice")
    return dict(found)


_SHORTEST = timedelta(days=7)


class CleanSource(Model):
    """What happens to files once they are loaded; another table that may read them is refused.

    A run does it at the end of the table's step. Only a file that is as it was loaded is taken away.
    """

    action: Literal["delete", "move"]
    """Delete them, or move them to `move_destination`."""
    retention_duration: Duration = timedelta(days=30)
    """How long they stay after the commit; to delete them, more than 7 days."""
    move_destination: str | None = Field(None, min_length=1)
    """Folder or URL outside of the source's path, in the same store; a file keeps its path below the source's."""

    @model_validator(mode="after")
    def _goes_together(self) -> CleanSource:
        if self.action == "delete" and self.retention_duration <= _SHORTEST:
            raise ValueError(
                f"`action: delete` needs a `retention_duration` of more than {duration_text(_SHORTEST)}, not"
                f" {duration_text(self.retention_duration)}"
            )
        if self.action == "move" and self.move_destination is None:
            raise ValueError("`action: move` needs a `move_destination`")
        if self.action == "delete" and self.move_destination is not None:
            raise ValueError("`move_destination` goes with `action: move`, and the action is `delete`")
        return self


class Notifications(Model):
    """Where file events come from."""

    queue_url: str = Field(min_length=1)
    """Folder or URL, apart from the source's path, into which events are delivered: files of JSON in the shape of S3,
    SNS, EventBridge or Event Grid. A file is removed once what it names is loaded; no other table may read it.
    """

    @field_validator("queue_url")
    @classmethod
    def _is_a_folder(cls, url: str) -> str:
        if url.partition("://")[0].lower() in ("http", "https"):
            raise ValueError(
                f"{url!r} is a queue, and a queue cannot be read yet; have events delivered into a folder, for example "
                "by SNS and Data Firehose or by a Logic App, and write that"
            )
        return url


class AutoLoader(Model):
    """Keys of `auto_loader:`; the default way into Bronze."""

    infer_column_types: bool = False
    """Give new columns of text formats the type that the values of a sample have unchanged; otherwise they are text."""
    schema_hints: Annotated[dict[str, TypeText], BeforeValidator(_as_map)] = Field(default_factory=dict)
    """Column -> type, or the same as DDL (`a int, b.c date`). A name with dots is a nested field's path: `b.c`,
    `b.element` of an array, `b.key` and `b.value` of a map. A value that does not fit goes to the rescued-data column.
    """
    schema_evolution_mode: EvolutionMode | None = None
    """What a new column does; `add_new_columns` when left out, with a `schema` on the table `rescue`."""
    rescued_data_column: str = Field("_rescued_data", min_length=1)
    """The column that takes what fits no column, as JSON."""
    include_existing_files: bool = True
    """Whether the files that are there when the table is made are loaded too."""
    max_files_per_trigger: int = Field(1000, gt=0)
    """At most so many files per batch."""
    max_bytes_per_trigger: Bytes | None = None
    """A batch takes no further file once it has so many bytes."""
    allow_overwrites: bool = False
    """Load a file again when its size or modification time has changed."""
    clean_source: CleanSource | None = None
    """Delete or move files once they are loaded."""
    use_notifications: Notifications | None = None
    """Learn of new files from events instead of listing them in every run."""
    backfill_interval: Duration | None = None
    """With `use_notifications`, how often a run lists all files nevertheless, to find what no event told of; `1 day`
    when left out.
    """

    @field_validator("schema_hints")
    @classmethod
    def _hints_have_types(cls, hints: Mapping[str, str]) -> dict[str, str]:
        seen: dict[tuple[str, ...], str] = {}
        for name in hints:
            path = tuple(part.casefold() for part in path_of(name))
            if path in seen:
                raise ValueError(f"hints name the column {name!r} twice; names ignore case")
            seen[path] = name
        for path, name in seen.items():
            if above := next((seen[path[:i]] for i in range(1, len(path)) if path[:i] in seen), None):
                raise ValueError(
                    f"the hint for {name!r} lies inside of the hint for {above!r}; write one type for both"
                )
        return dict(hints)

    @model_validator(mode="after")
    def _goes_together(self) -> AutoLoader:
        if self.backfill_interval is not None and self.use_notifications is None:
            raise ValueError(
                "`backfill_interval` goes with `use_notifications`; without that every run lists all files anyway"
            )
        return self

    @property
    def column_hints(self) -> dict[str, str]:
        """Column, as it comes -> type, without the hints for nested fields."""
        return {path[0]: text for name, text in self.schema_hints.items() if len(path := path_of(name)) == 1}

    @property
    def nested_hints(self) -> dict[tuple[str, ...], str]:
        """Path of a nested field, as it comes -> type."""
        return {path: text for name, text in self.schema_hints.items() if len(path := path_of(name)) > 1}

    def mode(self, declared: bool) -> EvolutionMode:
        """The evolution mode in force; `declared` says whether the table has a `schema`."""
        return self.schema_evolution_mode or ("rescue" if declared else "add_new_columns")

    def evolves(self, declared: bool) -> bool:
        """Whether a new column is added to the table."""
        return self.mode(declared).startswith("add_new_columns")
