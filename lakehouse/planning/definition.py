"""What a step's table is besides its rows: columns, layout, properties; and what a change of it means."""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse import maintenance
from lakehouse.errors import StepError
from lakehouse.lake.log import Log
from lakehouse.lake.table import Column, Definition, differences
from lakehouse.planning.steps import Step
from lakehouse.quality.rows import is_carried
from lakehouse.sources.fields import plain_name
from lakehouse.write import merge

_MAPPING = "delta.columnMapping.mode"
MERGE_PROPERTY = "lakehouse.merge"
"""How a merged table is merged, kept with it: a change of it would double or lose rows (S73)."""


def definition(step: Step, types: Mapping[str, str]) -> Definition:
    """The table's definition; `types` are those of the rows to store, or of the table that is there."""
    spec = step.spec
    columns = stored_columns(step, types)
    return Definition(
        columns=columns,
        partitioned_by=tuple(spec.partitioned_by or ()),
        cluster_by=tuple(spec.cluster_by or ()),
        comment=spec.comment or "",
        properties=properties(step, {name: column.type for name, column in columns.items()}),
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
        columns = {n: Column(c.type, c.nullable, c.comment or "") for n, c in spec.schema_.items()}
        if spec.schema_evolution == "add_new_columns":
            columns |= {
                n: Column(t) for n, t in types.items() if not is_carried(n) and n.casefold() not in _folded(columns)
            }
    else:
        columns = {n: Column(t) for n, t in types.items() if not is_carried(n) and not _added_by_merge(step, n)}
    if spec.merge is None:
        return columns
    sequence = types.get("__sequence") or types.get("_sequence") or "timestamp"
    added = merge.stored_columns({n: c.type for n, c in columns.items()}, spec.merge, sequence)
    return {n: columns.get(n, Column(t)) for n, t in added.items()}


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
    )
    if spec.merge is not None:
        found[MERGE_PROPERTY] = _merge_text(step)
    if spec.auto_loader and spec.auto_loader.schema_evolution_mode == "add_new_columns_with_type_widening":
        found["delta.enableTypeWidening"] = "true"
    if spec.column_names == "exact":
        found[_MAPPING] = "name"
    return {**found, **spec.properties}


def _statistics(step: Step) -> tuple[str, ...]:
    """Columns that must be among those with statistics, by which the table's own reads and writes skip files."""
    if step.is_bronze:
        return ("_batch",)
    if step.spec.merge is not None:
        return (*step.spec.merge.keys, "_sequence")
    return tuple(step.spec.aggregate.by) if step.spec.aggregate is not None else ()


def _merge_text(step: Step) -> str:
    options = step.spec.merge
    assert options is not None
    by = ", ".join(options.sequence_by or ())
    return f"keys {', '.join(options.keys)}; sequence_by {by}; scd type {options.stored_as_scd_type}"


def alterations(step: Step, log: Log) -> dict[str, str]:
    """What is to be altered in a table that exists -> the statement; raises StepError for what no ALTER can bridge."""
    _refuse(step, log)
    return differences(log, definition(step, log.columns))


def _refuse(step: Step, log: Log) -> None:
    if log.properties.get(_MAPPING, "none") != "none" and _MAPPING not in properties(step, log.columns):
        raise StepError(
            f"{step.name} has exact column names, and Delta cannot take that back",
            code="table.column_names",
            fix="write `column_names: exact` again, or give the table another name to have its files loaded anew",
        )
    there = {name.casefold(): text for name, text in log.columns.items()}
    nullable = {name.casefold(): yes for name, yes in log.nullable.items()}
    for name, column in (step.spec.schema_ or {}).items():
        stored = there.get(name.casefold())
        if stored is not None and stored != column.type:
            raise StepError(
                f"{step.name}: column {name} is stored as {stored} and declared as {column.type}; changing the type of"
                " a stored column is not available yet",
                code="table.type",
                fix=f"keep {stored}, or give the new type to a column of another name",
            )
        if stored is not None and not column.nullable and nullable[name.casefold()] and not step.is_bronze:
            raise StepError(
                f"{step.name}: column {name} may hold NULL where it is stored and is declared `nullable: false`;"
                " forbidding NULL in a stored column is not available yet",
                code="table.nullable",
                fix="add an expectation `expect_column_values_to_not_be_null` instead",
            )
        if stored is None and not column.nullable and not step.is_bronze:
            raise StepError(
                f"{step.name}: column {name} is new and declared `nullable: false`, and the rows that are stored would"
                " hold NULL there",
                code="table.nullable",
                fix="declare it without `nullable: false`, and add an expectation"
                " `expect_column_values_to_not_be_null` for new rows",
            )
    before = log.properties.get(MERGE_PROPERTY)
    now = _merge_text(step) if step.spec.merge is not None else None
    if before is not None and before != now:
        raise StepError(
            f"{step.name}: its rows were merged by {before}, the file now says {now or 'no merge'}; that would double"
            " or lose rows",
            code="table.merge",
            fix="take the change back, or give the table another name",
        )
