"""What is altered in a table that is there to follow its definition, and what no ALTER can bridge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lakehouse.errors import StepError
from lakehouse.lake import types
from lakehouse.lake.log import Log
from lakehouse.lake.table import Column, Definition, differences, same_text
from lakehouse.names import NOT_NULL
from lakehouse.planning.definition import MAPPING, MERGE_PROPERTY, altered, column_of, merge_text, properties
from lakehouse.planning.steps import Step
from lakehouse.quality import expressions
from lakehouse.quality.models import ColumnSpec


def alterations(step: Step, log: Log, project: str = "", made_by: str = "") -> dict[str, str]:
    """What is to be altered in a table that exists -> the statement; raises StepError for what no ALTER can bridge.

    `made_by` is the definition by which its rows were last written.
    """
    _refuse(step, log, made_by)
    return differences(log, altered(step, log, project))


def same_names(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether both name the same columns in the same order."""
    return [name.casefold() for name in one] == [name.casefold() for name in other]


def refuse_rewrite(step: Step, log: Log) -> None:
    """Raise StepError for a table of which a rewrite would lose more than its layout."""
    if log.given:
        raise StepError(
            f"{step.name}: a rewrite would make plain columns of {', '.join(log.given)}, whose values Delta gives",
            code="table.rewrite",
            fix="take the change of `partitioned_by` back, or give the table another name to have it made anew",
        )
    if log.clustered_by:
        raise StepError(
            f"{step.name} is clustered by {', '.join(log.clustered_by)}, and Delta partitions no such table",
            code="table.rewrite",
            fix="keep `cluster_by`, which may be changed at any time, or give the table another name",
        )


def refuse_broken(step: Step, rows: Mapping[str, int], wanted: Definition) -> None:
    """Raise StepError for stored rows that break a new constraint: constraint -> how many of them."""
    if not rows:
        return
    each = "; ".join(f"{count:,} break {name} ({wanted.constraints[name]})" for name, count in rows.items())
    columns = [name for name in rows if name.endswith(NOT_NULL)]
    rule = "`nullable: false`" if len(columns) == len(rows) else "the constraint"
    raise StepError(
        f"{step.name}: of the rows that are stored {each}; nothing was altered",
        code="table.constraint",
        fix=f"repair or delete them by SQL, or leave {rule} out and write an expectation for new rows",
    )


def _refuse(step: Step, log: Log, made_by: str) -> None:
    if log.properties.get(MAPPING, "none") != "none" and MAPPING not in properties(step, log.columns):
        raise StepError(
            f"{step.name} has exact column names, and Delta cannot take that back",
            code="table.column_names",
            fix="write `column_names: exact` again, or give the table another name to have its files loaded anew",
        )
    there = {name.casefold(): text for name, text in log.columns.items()}
    for name, column in (step.spec.schema_ or {}).items():
        stored = there.get(name.casefold())
        if stored is not None and stored != column.type:
            _refuse_type(step, log, name, stored, column.type)
        _refuse_given(step, log, name, column)
        if stored is None and not column.nullable and not step.is_bronze:
            raise StepError(
                f"{step.name}: column {name} is new and declared `nullable: false`, and the rows that are stored would"
                " hold NULL there",
                code="table.nullable",
                fix="declare it without `nullable: false`, and add an expectation"
                " `expect_column_values_to_not_be_null` for new rows",
            )
    before = log.properties.get(MERGE_PROPERTY)
    now = merge_text(step) if step.spec.merge is not None else None
    # after a full refresh the property is the last to follow
    if before is not None and before != now and made_by != step.definition:
        raise StepError(
            f"{step.name}: its rows were merged by {before}, the file now says {now or 'no merge'}; that would double"
            " or lose rows",
            code="table.merge",
            fix=f"take the change back, or make the table anew: `lakehouse run --full-refresh {step.name}`",
        )


def _refuse_type(step: Step, log: Log, name: str, stored: str, declared: str) -> None:
    """Delta widens types in place; all else would change what stored values mean, or lose a part of them (S91)."""
    said = f"{step.name}: column {name} is stored as {stored} and declared as {declared}"
    if not types.widens(stored, declared):
        raise StepError(
            f"{said}; Delta changes a stored type in place only to a wider one, as int to bigint",
            code="table.type",
            fix=f"keep {stored}, or give the new type to a column of another name",
        )
    for other, (_, text) in log.given.items():
        if text and name.casefold() in {column.casefold() for column in expressions.columns_of(text)}:
            raise StepError(
                f"{said}, and Delta changes no column of which another one, {other}, is generated",
                code="table.type",
                fix=f"keep {stored}, or give the new type to a column of another name",
            )


def _refuse_given(step: Step, log: Log, name: str, column: ColumnSpec) -> None:
    """Delta decides when a column is made whether it gives its values, and never again."""
    stored = {other.casefold(): given for other, given in log.given.items()}.get(name.casefold())
    now = column_of(column)
    identity, text = stored or (None, "")
    if identity == now.identity and same_text(text, now.generated_as):
        return
    words = {True: "as it was before", False: "without it"}[stored is not None]
    raise StepError(
        f"{step.name}: column {name} of a table that is there {_told(stored)}, the file says it {_told(now)}; Delta"
        " fixes that when a table is made",
        code="table.given",
        fix=f"write the column {words}, or give the table another name; what Delta is not to hold rows to can be"
        " computed in `cleanse` by `derive`",
    )


def _told(given: tuple[tuple[int, int] | None, str] | Column | None) -> str:
    identity, text = (given.identity, given.generated_as) if isinstance(given, Column) else given or (None, "")
    if identity is not None:
        return f"is an identity from {identity[0]} by {identity[1]}"
    return f"is generated as `{text}`" if text else "takes its values from rows"
