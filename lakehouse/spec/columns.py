"""Which columns a table stores, as far as its own keys say."""

from __future__ import annotations

from lakehouse.spec.table import Table

HISTORY = ("valid_from", "valid_to", "is_current")


def stored_columns(table: Table) -> list[str] | None:
    """Names of the stored columns in order; None where they depend on the input."""
    if table.schema_ is not None and table.schema_evolution != "add_new_columns" and table.source is None:
        names = list(table.schema_)
    elif table.aggregate is not None and table.schema_ is None:
        windows = ["window_start", "window_end"] if table.aggregate.window is not None else []
        return [*table.aggregate.by, *windows, *table.aggregate.measures]
    else:
        return None
    if table.merge is not None:
        names += HISTORY if table.merge.stored_as_scd_type == 2 else ()
        names += ["_sequence"] if table.merge.sequence_by else []
    return names
