"""The keys of `merge`, in AUTO CDC's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from lakehouse.model import Many, Model, Names
from lakehouse.quality.fields import Condition, RowExpression
from lakehouse.write.base import KIND

SEQUENCE = "_sequence"
VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"
_OF_TOMBSTONES = (KIND, SEQUENCE, "_batch", "_attempt", "_run_id")


class Merge(Model):
    """`merge: {keys, sequence_by}`: one row (SCD 1) or one history (SCD 2) per key."""

    keys: Names
    """Columns that tell which rows are versions of the same thing; NULL equals NULL."""
    sequence_by: Many[RowExpression] | None = None
    """Column, expression or list that orders the versions of a key; its value is kept in `_sequence`. Over one table
    that is itself merged it may be left out: its commits are the order; over one Bronze table its batches are."""
    stored_as_scd_type: Literal[1, 2] = 1
    """1 keeps the newest row of a key, 2 keeps every version with the time it was valid."""
    apply_as_deletes: Condition | None = None
    """Condition under which a row deletes its key; NULL counts as false."""
    apply_as_truncates: Condition | None = None
    """Condition under which a row deletes all rows with a lower sequence, also those that come later; SCD 1 only."""
    ignore_null_updates: bool = False
    """A NULL does not overwrite a stored value."""
    ignore_null_updates_column_list: Names | None = None
    """Columns in which a NULL does not overwrite a stored value."""
    column_list: Names | None = None
    """Columns that are stored, the keys among them; by default all. Not beside `schema`."""
    except_column_list: Names | None = None
    """Columns that are not stored, as that of `apply_as_deletes`. Not beside `schema`."""
    track_history_column_list: Names | None = None
    """Columns whose change makes a new version; SCD 2 only. By default all that are not keys."""
    track_history_except_column_list: Names | None = None
    """Columns whose change makes none: a version has the value of the last row in it; SCD 2 only."""
    from_snapshot: RowExpression | None = None
    """Each value of this expression is one whole snapshot, in their order; keys that are not in it are deleted."""
    max_deletes: float | None = Field(None, ge=0, le=1)
    """Share of the keys that one snapshot may delete before the step fails; 0.5 by default."""

    @property
    def order(self) -> tuple[str, ...]:
        """The expressions that order the versions of a key; none where commits do."""
        return self.sequence_by or ((self.from_snapshot,) if self.from_snapshot is not None else ())

    @model_validator(mode="after")
    def _consistent(self) -> Merge:
        pairs = (
            ("column_list", "except_column_list"),
            ("track_history_column_list", "track_history_except_column_list"),
            ("ignore_null_updates", "ignore_null_updates_column_list"),
            ("sequence_by", "from_snapshot"),
        )
        for one, other in pairs:
            if getattr(self, one) and getattr(self, other):
                raise ValueError(f"`{one}` and `{other}` say the same thing twice; keep one of them")
        folded = [key.casefold() for key in self.keys]
        if twice := [key for key in folded if folded.count(key) > 1]:
            raise ValueError(f"the key {twice[0]!r} is named twice")
        if self.stored_as_scd_type == 1:
            for name in ("track_history_column_list", "track_history_except_column_list"):
                if getattr(self, name):
                    raise ValueError(f"`{name}` needs `stored_as_scd_type: 2`")
        elif self.apply_as_truncates:
            raise ValueError("`apply_as_truncates` is for `stored_as_scd_type: 1`; a history has no truncate")
        if self.max_deletes is not None and self.from_snapshot is None:
            raise ValueError("`max_deletes` needs `from_snapshot`")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Merge:
        listed = {name.casefold() for name in self.column_list or self.keys}
        left_out = {name.casefold() for name in self.except_column_list or ()}
        for key in self.keys:
            if key.casefold() not in listed or key.casefold() in left_out:
                raise ValueError(f"the key {key!r} must be stored, and the list of columns leaves it out")
        for name in ("apply_as_deletes", "ignore_null_updates", "ignore_null_updates_column_list"):
            if self.from_snapshot is not None and getattr(self, name):
                raise ValueError(f"`{name}` is not for `from_snapshot`: each snapshot says all that there is")
        return self


def stored_columns(declared: Mapping[str, str], options: Merge, sequence: str) -> dict[str, str]:
    """All columns of the table, name -> type: the declared ones, of SCD 2 the validity, and `_sequence` as the last.

    `sequence` is the type of the value of `sequence_by`.
    """
    columns = {
        name: text for name, text in declared.items() if name.casefold() != SEQUENCE and is_stored(name, options)
    }
    if options.stored_as_scd_type == 2:
        columns |= {VALID_FROM: sequence, VALID_TO: sequence, IS_CURRENT: "boolean"}
    return columns | {SEQUENCE: sequence}


def is_stored(name: str, options: Merge) -> bool:
    """Whether the lists of columns leave the column in."""
    if options.column_list is not None:
        return name.casefold() in {listed.casefold() for listed in options.column_list}
    return name.casefold() not in {listed.casefold() for listed in options.except_column_list or ()}


def fills_null(name: str, options: Merge) -> bool:
    """Whether a NULL in this column leaves the value that was there before (S70)."""
    if name.casefold() in {key.casefold() for key in (*options.keys, *stored_columns({}, options, ""))}:
        return False
    listed = {column.casefold() for column in options.ignore_null_updates_column_list or ()}
    return options.ignore_null_updates or name.casefold() in listed


def tombstone_name(name: str) -> str:
    """What a column of the table is called in its tombstones, which have columns of their own."""
    return f"_input_{name.lstrip('_')}" if name.casefold() in _OF_TOMBSTONES else name
