"""The keys of `merge`, in AUTO CDC's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from lakehouse.model import LATER, Many, Model, Names
from lakehouse.quality.fields import Condition, RowExpression

SEQUENCE = "_sequence"
VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"


class Merge(Model):
    """`merge: {keys, sequence_by}`: one row (SCD 1) or one history (SCD 2) per key."""

    keys: Names
    """Columns that tell which rows are versions of the same thing; NULL equals NULL."""
    sequence_by: Many[RowExpression] | None = None
    """Column, expression or list that orders the versions of a key; its value is kept in `_sequence`."""
    stored_as_scd_type: Literal[1, 2] = 1
    """1 keeps the newest row of a key, 2 keeps every version with the time it was valid."""
    apply_as_deletes: Condition | None = Field(None, json_schema_extra=LATER)
    """Condition under which a row deletes its key."""
    apply_as_truncates: Condition | None = Field(None, json_schema_extra=LATER)
    """Condition under which a row deletes all rows with a lower sequence; SCD 1 only."""
    ignore_null_updates: bool = Field(False, json_schema_extra=LATER)
    """A NULL does not overwrite a stored value."""
    ignore_null_updates_column_list: Names | None = Field(None, json_schema_extra=LATER)
    """Columns in which a NULL does not overwrite a stored value."""
    column_list: Names | None = Field(None, json_schema_extra=LATER)
    """Columns that are stored."""
    except_column_list: Names | None = Field(None, json_schema_extra=LATER)
    """Columns that are not stored."""
    track_history_column_list: Names | None = Field(None, json_schema_extra=LATER)
    """Columns whose change makes a new version; SCD 2 only. By default all that are not keys."""
    track_history_except_column_list: Names | None = Field(None, json_schema_extra=LATER)
    """Columns whose change updates the current version in place; SCD 2 only."""
    from_snapshot: RowExpression | None = Field(None, json_schema_extra=LATER)
    """Each value of this expression is one whole snapshot; keys that are not in it are deleted."""
    max_deletes: float | None = Field(None, ge=0, le=1, json_schema_extra=LATER)
    """Share of the keys that one snapshot may delete before the step fails; 0.5 by default."""

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
        if self.sequence_by is None and self.from_snapshot is None:
            raise ValueError("`sequence_by` is needed; a merge by the order of commits is not available yet")
        if self.max_deletes is not None and self.from_snapshot is None:
            raise ValueError("`max_deletes` needs `from_snapshot`")
        return self


def stored_columns(declared: Mapping[str, str], options: Merge, sequence: str) -> dict[str, str]:
    """All columns of the table, name -> type: the declared ones, of SCD 2 the validity, and `_sequence` as the last.

    `sequence` is the type of the value of `sequence_by`.
    """
    columns = {name: text for name, text in declared.items() if name.casefold() != SEQUENCE}
    if options.stored_as_scd_type == 2:
        columns |= {VALID_FROM: sequence, VALID_TO: sequence, IS_CURRENT: "boolean"}
    return columns | {SEQUENCE: sequence}
