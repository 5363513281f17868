"""What all sources share: their keys, and a file as the ledger knows it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from lakehouse.model import Model, Names, TextMap

FILE_OPTIONS: Mapping[str, str] = {
    "path": "write `path` beside `format`",
    "paths": "write a folder or a glob as `path` beside `format`",
    "pathglobfilter": "write `path_glob_filter` beside `format`",
    "recursivefilelookup": "write `recursive_file_lookup` beside `format`",
    "modifiedafter": "write `modified_after` beside `format`",
    "modifiedbefore": "write `modified_before` beside `format`",
    "basepath": "write `partition_columns` beside `format`",
    "ignorecorruptfiles": "write `on_bad_file` on the table",
    "ignoremissingfiles": "write `on_bad_file` on the table",
    "mode": "write `on_bad_record` on the table",
    "columnnameofcorruptrecord": "write `on_bad_record` on the table",
    "badrecordspath": "write `on_bad_record` on the table",
    "rescueddatacolumn": "write `auto_loader: {rescued_data_column: …}`",
    "mergeschema": "write `auto_loader: {schema_evolution_mode: …}`",
    "inferschema": "write `auto_loader: {infer_column_types: true}`, hints, or the table's `schema`",
    "samplingratio": "every file is looked at whole",
    "singlevariantcolumn": "a variant column is not available yet",
}
"""Reader options that would work behind the library's back -> what to write instead."""


@dataclass(frozen=True)
class SourceFile:
    """A file as listed: the ledger's row without its status."""

    path: str
    """Absolute path or URL, never encoded."""
    size: int
    """Bytes."""
    modified: datetime
    """UTC, cut to milliseconds, which is what Spark sees."""
    partitions: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    """Column -> value of the folders `column=value` between the source's path and the file."""


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A point in time; without an offset it is UTC."""


class Source(Model):
    """Keys that every `source:` has."""

    spark_options: ClassVar[frozenset[str] | None] = None
    """The options that the reader knows; None when any may be given (a connector's own)."""
    arrives_as: ClassVar[str | None] = None
    """The type in which a value arrives as long as nobody asks for another; None where the files themselves say it."""
    infers: ClassVar[bool] = False
    """Whether `infer_column_types` finds types for what arrives as text."""

    options: TextMap = Field(default_factory=dict)
    """The reader's own options, by Spark's names."""

    @model_validator(mode="after")
    def _options_are_known(self) -> Source:
        known = {name.casefold(): name for name in self.spark_options or ()}
        seen: dict[str, str] = {}
        for name in self.options:
            folded = name.casefold()
            if folded in seen:
                raise ValueError(f"option {name!r} is written twice (as {seen[folded]!r} before); names ignore case")
            seen[folded] = name
            if self.spark_options is None or folded in known:
                continue
            if folded in FILE_OPTIONS:
                raise ValueError(f"option {name!r} is not for the reader; {FILE_OPTIONS[folded]}")
            near = difflib.get_close_matches(folded, known, n=1, cutoff=0.6)
            hint = (
                f"did you mean {known[near[0]]!r}?"
                if near
                else f"it knows {', '.join(sorted(known.values())) or 'none'}"
            )
            raise ValueError(f"option {name!r} is not one of the reader's; {hint}")
        return self

    def option(self, name: str, default: str = "") -> str:
        """The option's value as text, whatever case its name is written in."""
        return next((v for k, v in self.options.items() if k.casefold() == name.casefold()), default)

    def flag(self, name: str) -> bool:
        """Whether the option is set to true."""
        return self.option(name).casefold() == "true"


class FileSource(Source):
    """Keys of a `source:` that is made of files."""

    path: str = Field(min_length=1)
    """Folder, file or glob; a relative one starts at the project's folder. `*`, `?`, `[…]`, `{a,b}` as in Spark."""
    path_glob_filter: str | None = None
    """Only files whose name matches this glob."""
    recursive_file_lookup: bool = False
    """Look into all folders below `path`; otherwise only into those named `column=value`."""
    modified_after: Instant | None = None
    """Only files modified after this moment."""
    modified_before: Instant | None = None
    """Only files modified before this moment."""
    partition_columns: Names | tuple[()] | None = None
    """Columns taken from folders named `column=value`; all of them when left out, none when empty."""


class Later(FileSource):
    """Base of a format of files that is modelled but not built yet."""

    available: ClassVar[bool] = False
