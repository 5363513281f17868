"""What a leaf hands over: files read into frames, and which of their columns is which field of the files."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

    from lakehouse.sources.conform import Way

    Special = Callable[[DataType, DataType, "Wanted"], Way | None]

RAW, FILE, MODIFIED = "__raw", "__file", "__modified"
"""Columns of every part's frame: the text of a record that cannot be read (NULL for a good one), the file's path as
the ledger has it, its modification time."""

_SIGNS = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Field:
    """A field of files of one shape."""

    name: str
    """As it came, or as Spark calls it where it has no name of its own."""
    column: str
    """The column of the part's frame that has it."""
    stored: str = "string"
    """The type for the table when nothing else is known or wanted."""
    shape: DataType | None = None
    """How the column's text is to be parsed, where it is JSON and the table wants it nested."""
    foreign: Sequence[str] = ()
    """Nested names for which the table has no place: where one of them occurs, the whole field is rescued."""
    news: Mapping[str, str] = field(default_factory=dict)
    """Path of a new nested field that gets no place, as types must not evolve -> the column of the part's frame that is
    not NULL where the field has a value. Empty: it has one."""
    placed: bool = True
    """False for what only goes to the rescued data, such as the second of `id` and `ID` in one record."""
    rescue: str = ""
    """The column of the part's frame that has, as text, the values that do not fit `stored`; empty: they all do, or
    nobody has looked yet."""
    has_value: bool | None = None
    """Whether a row has a value in it; None when the leaf does not know."""
    texts: frozenset[tuple[str, ...]] = frozenset()
    """Where the format tells texts from numbers: the paths inside of the field, in small letters, at which texts came;
    the empty path is the field itself. Only found where types are inferred."""


@dataclass(frozen=True)
class Part:
    """Files of one shape. The frame has the fields' columns, and `RAW`, `FILE`, `MODIFIED`."""

    frame: DataFrame
    fields: Sequence[Field]
    complaint: str
    """Why a record is bad, in words: it stands in the quarantine."""
    kind: str = "json"
    """What the text in `RAW` is: `json`, `csv`, of which the fields have their names from elsewhere, or `xml`."""
    encoding: str = ""
    """By what the reader made texts of bytes, with U+FFFD for what is no text; empty: that would be a bad record."""
    undecoded: str = ""
    """Whether a row's texts have such a U+FFFD, as SQL over the frame; empty: none has, or nobody has looked yet."""


@dataclass(frozen=True)
class Scan:
    """All that a leaf found in a batch's files."""

    parts: Sequence[Part]
    failed: Mapping[str, str] = field(default_factory=dict)
    """Path -> why the file cannot be taken; the parts are without it."""
    warnings: Sequence[str] = ()
    clean: bool | None = None
    """True when the leaf has seen that no record is bad; None when it did not look."""


@dataclass(frozen=True)
class Wanted:
    """What the table has places for, so that a leaf can read fields as what they will be."""

    columns: Mapping[str, tuple[str, str]]
    """Name in small letters -> (name, type) of the columns that are stored, declared or hinted."""
    evolve: bool = True
    """Whether fields that have no place yet may get one."""
    widen: bool = False
    """Whether a stored column, unless it is one of `fixed`, may get a wider type."""
    fixed: frozenset[str] = frozenset()
    """Declared and hinted columns, in small letters."""
    infer: bool = False
    """Whether the types of new columns are going to be inferred from their texts."""
    exact: bool = False
    """Keep names as they came instead of making identifiers of them."""
    positions: Sequence[str] = ()
    """Names of the columns of files without a header, in order."""
    storage: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How to reach an object store, by its own names."""
    special: Special | None = field(default=None, repr=False)
    """What a format knows better of how its values get into columns; None from it: nothing."""

    def name(self, came: str) -> str:
        """The column's name for a field: the stored spelling where there is one (S16), made plain unless `exact`."""
        name = came if self.exact else plain_name(came)
        return self.columns.get(name.casefold(), (name, ""))[0]

    def nested_name(self, came: str) -> str:
        """The name inside of a struct for a nested field."""
        return came if self.exact else plain_name(came)

    def type(self, came: str) -> str | None:
        """The type that the field's column has or shall have; None when nobody has said so yet."""
        found = self.columns.get(self.name(came).casefold())
        return found[1] if found else None


def same_names(names: Iterable[str], wanted: Wanted) -> str | None:
    """Why two columns of one file would be one column of the table (S15); None when they are not."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_name[wanted.name(name).casefold()].append(name)
    same = [" and ".join(map(repr, group)) for group in by_name.values() if len(group) > 1]
    return f"columns of the file become the same name: {'; '.join(same)}" if same else None


def plain_name(came: str) -> str:
    """An identifier made of any name: `dep delay (min)` is `dep_delay_min_`, `größe` is `grosse`.

    Letters lose their accents, those of other scripts become `u` and their code; a run of other signs becomes one `_`.
    """
    plain = "".join(_ascii(sign) for sign in came)
    plain = _SIGNS.sub("_", plain)
    return "_" + plain if plain[:1].isdigit() or not plain else plain


def _ascii(sign: str) -> str:
    if sign.isascii():
        return sign
    bare = "".join(s for s in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(s))
    if bare and bare.isascii():
        return bare
    return "ss" if sign == "ß" else f"u{ord(sign):x}" if sign.isalnum() else "_"
