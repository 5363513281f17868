"""What a step's table is besides its rows: columns, layout, properties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from lakehouse import maintenance
from lakehouse.errors import StepError, suggestion
from lakehouse.lake import types
from lakehouse.lake.log import Log
from lakehouse.lake.table import WIDENING, Column, Definition
from lakehouse.names import NOT_NULL, quoted
from lakehouse.planning.steps import Step
from lakehouse.quality import expressions
from lakehouse.quality.models import ColumnSpec
from lakehouse.quality.rows import COMMIT_VERSION, is_carried
from lakehouse.sources.fields import plain_name
from lakehouse.write import merge

MAPPING = "delta.columnMapping.mode"
MERGE_PROPERTY = "lakehouse.merge"
"""How a merged table is merged, kept with it: a change of it would double or lose rows (S73)."""


def definition(step: Step, rows: Mapping[str, str]) -> Definition:
    """The table's definition; `rows` are the types of those to store, or of the table that is there."""
    spec = step.spec
    columns = stored_columns(step, rows)
    return Definition(
        columns=columns,
        partitioned_by=tuple(spec.partitioned_by or ()),
        cluster_by=tuple(spec.cluster_by or ()),
        comment=spec.comment or "",
        properties=properties(step, {name: column.type for name, column in columns.items()}),
        constraints={name.casefold(): condition for name, condition in spec.constraints.items()},
    )


def altered(step: Step, log: Log, project: str = "") -> Definition:
    """The definition of a table that is there, as far as its stored columns can follow now.

    A constraint over a column that comes with the next rows waits for it, and a stored column that may hold NULL
    cannot be made NOT NULL by Delta: a constraint keeps NULL out of it. `project` is the id of the one that writes it.
    """
    found = definition(step, log.columns)
    there = {name.casefold(): name for name in log.columns}
    ready = {
        name: text
        for name, text in found.constraints.items()
        if {column.casefold() for column in expressions.columns_of(text)} <= there.keys()
    }
    for name, column in found.columns.items():
        stored = there.get(name.casefold())
        if stored and not column.nullable and log.nullable[stored] and not step.is_bronze:
            ready[f"{stored.casefold()}{NOT_NULL}"] = f"{quoted(stored)} IS NOT NULL"
    wider = {
        there[name.casefold()]: column.type
        for name, column in found.columns.items()
        if name.casefold() in there and types.widens(log.columns[there[name.casefold()]], column.type)
    }
    switch = {WIDENING: "true"} if wider or log.properties.get(WIDENING) == "true" else {}
    folded = _folded(wider)
    anew = frozenset(n for n, text in ready.items() if folded & {c.casefold() for c in expressions.columns_of(text)})
    return replace(
        found, constraints=ready, properties={**switch, **found.properties}, widened=wider, anew=anew, project=project
    )


def stored_columns(step: Step, types: Mapping[str, str]) -> dict[str, Column]:
    """The columns that the table has after a write: the declared ones first, as declared."""
    spec = step.spec
    if step.is_bronze:
        hints = spec.auto_loader.column_hints if spec.auto_loader else {}
        declared = {n: Column(c.type, comment=c.comment or "") for n, c in (spec.schema_ or {}).items()}
        hinted = {n if spec.column_names == "exact" else plain_name(n): Column(t) for n, t in hints.items()}
        declared |= {n: c for n, c in hinted.items() if n.casefold() not in _folded(declared)}
        rest = {n: Column(t) for n, t in types.items() if not n.startswith("__")}
        return {**declared, **{n: c for n, c in rest.items() if n.casefold() not in _folded(declared)}}
    if spec.schema_ is not None:
        columns = {n: column_of(c) for n, c in spec.schema_.items()}
        if spec.schema_evolution == "add_new_columns":
            columns |= {
                n: Column(t) for n, t in types.items() if not is_carried(n) and n.casefold() not in _folded(columns)
            }
    else:
        taken = {n: t for n, t in types.items() if not is_carried(n) or (n == COMMIT_VERSION and "all" in step.feeds)}
        columns = {n: Column(t) for n, t in taken.items() if not _added_by_merge(step, n)}
    if spec.merge is None:
        return columns
    if "__sequence" in types:  # else they are those of the stored table
        _refuse_unknown(spec.merge, types)
    sequence = types.get("__sequence") or types.get("_sequence") or "timestamp"
    added = merge.stored_columns({n: c.type for n, c in columns.items()}, spec.merge, sequence)
    return {n: columns.get(n, Column(t)) for n, t in added.items()}


def _refuse_unknown(options: merge.Merge, types: Mapping[str, str]) -> None:
    """Raise StepError for a column of a list that the rows do not have: it would be left out, or stored, in silence."""
    there = _folded(types)
    for key in (
        *("column_list", "except_column_list", "ignore_null_updates_column_list"),
        *("track_history_column_list", "track_history_except_column_list"),
    ):
        for name in getattr(options, key) or ():
            if name.casefold() not in there:
                raise StepError(
                    f"`merge.{key}`: the rows have no column {name!r}",
                    code="merge.columns",
                    fix=suggestion(name, [n for n in types if not n.startswith("_")]) or "correct the list",
                )


def column_of(spec: ColumnSpec) -> Column:
    """A declared column as it is stored."""
    identity = None if spec.identity is None else (spec.identity.start, spec.identity.step)
    # of an expression of another type Delta makes no column
    generated = f"CAST({spec.generated_as} AS {spec.type})" if spec.generated_as else ""
    return Column(spec.type, spec.nullable, spec.comment or "", generated, identity)


def _added_by_merge(step: Step, name: str) -> bool:
    return step.spec.merge is not None and name in merge.stored_columns({}, step.spec.merge, "timestamp")


def _folded(names: Mapping[str, object]) -> set[str]:
    return {name.casefold() for name in names}


def properties(step: Step, columns: Mapping[str, str]) -> dict[str, str]:
    """Delta's properties of the table: the layer's defaults, what maintenance asks for, then the user's own."""
    spec = step.spec
    found = maintenance.properties(
        spec.maintenance,
        layer=step.name.layer,
        first=_statistics(step),
        rewrites=spec.merge is not None or spec.aggregate is not None,
        columns=columns,
        partitioned_by=tuple(spec.partitioned_by or ()),
        read_by_changes=step.followed,
    )
    if spec.merge is not None:
        found[MERGE_PROPERTY] = merge_text(step)
    if spec.auto_loader and spec.auto_loader.schema_evolution_mode == "add_new_columns_with_type_widening":
        found["delta.enableTypeWidening"] = "true"
    if spec.column_names == "exact":
        found[MAPPING] = "name"
    return {**found, **_informational(step), **spec.properties}


def _informational(step: Step) -> dict[str, str]:
    """What Delta has no place for and tools may read: keys and words about columns."""
    spec = step.spec
    found = {"lakehouse.primary_key": ", ".join(spec.primary_key)} if spec.primary_key else {}
    if spec.foreign_keys:
        keys = [key.model_dump(mode="json", exclude_none=True) for key in spec.foreign_keys]
        found["lakehouse.foreign_keys"] = json.dumps(keys)
    for name, column in (spec.schema_ or {}).items():
        if column.tags:
            words = json.dumps(column.tags) if isinstance(column.tags, Mapping) else ", ".join(column.tags)
            found[f"lakehouse.tags.{name}"] = words
    return found


def _statistics(step: Step) -> tuple[str, ...]:
    """Columns that must be among those with statistics, by which the table's own reads and writes skip files."""
    if step.is_bronze:
        return ("_batch",)
    if step.spec.merge is not None:
        return (*step.spec.merge.keys, "_sequence")
    if step.spec.replace_using is not None:
        return tuple(step.spec.replace_using.root)
    if step.spec.replace_where is not None:
        return tuple(sorted(expressions.columns_of(step.spec.replace_where.root)))
    return tuple(step.spec.aggregate.by) if step.spec.aggregate is not None else ()


def merge_text(step: Step) -> str:
    """How the table is merged, in the words that are kept with it."""
    options = step.spec.merge
    assert options is not None
    word = "from_snapshot" if options.from_snapshot else "sequence_by"
    text = f"keys {', '.join(options.keys)}; {word} {', '.join(options.order)}; scd type {options.stored_as_scd_type}"
    # what was remembered has the columns that were not tracked then
    for name in ("track_history_column_list", "track_history_except_column_list"):
        if listed := getattr(options, name):
            text += f"; {name} {', '.join(listed)}"
    return text
