"""The declared columns of a table enforced on a frame: strict casts, NULLs, rescued values (S14, S28, S29, S32-S34)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakehouse.errors import StepError, suggestion
from lakehouse.names import quoted
from lakehouse.quality import binding
from lakehouse.quality.binding import sql_literal
from lakehouse.quality.casts import always_fits, strict_cast
from lakehouse.quality.check import IS_NULL
from lakehouse.quality.checks import Checks
from lakehouse.quality.models import ColumnSpec, SchemaAction
from lakehouse.quality.rows import INPUT, carried, types_of, visible
from lakehouse.quality.texts import value_text

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_RESCUED = "__rescued"


def enforce(
    frame: DataFrame,
    schema: Mapping[str, ColumnSpec],
    checks: Checks,
    *,
    on_violation: SchemaAction | None = None,
    rescued_column: str | None = None,
    keep_others: bool = False,
) -> DataFrame:
    """The declared columns in their order and types, then those that start with an underscore.

    A value that does not fit, a NULL where none may be and a value that Bronze had to rescue are the violation
    `schema.<column>`, handled by `on_violation` (else `checks.on_schema_violation`). Undeclared columns are dropped
    (S33), or follow the declared ones with `keep_others`. Raises StepError for a declared column that is not there.
    """
    action = on_violation or checks.on_schema_violation
    checks.mark_pii(name for name, spec in schema.items() if spec.pii)
    types = types_of(frame)
    spelled = {name.casefold(): name for name in types}
    given = {name: spec for name, spec in schema.items() if spec.is_given}
    schema = {name: spec for name, spec in schema.items() if name not in given}
    values = {name: _value(name, spec, types, spelled, checks) for name, spec in schema.items()}
    staged = {f"__s{index}": value for index, value in enumerate(values.values())}
    rescued = spelled.get((rescued_column or checks.rescued_column or "").casefold())
    if rescued is not None:
        from pyspark.sql import functions as F

        staged[_RESCUED] = F.from_json(F.col(quoted(rescued)), "map<string,string>")
    frame = frame.withColumns(staged)
    findings: dict[str, Column] = {}
    for index, (name, spec) in enumerate(schema.items()):
        findings |= _checks(frame, name, spec, f"__s{index}", spelled.get(name.casefold()), types, checks, action)
    declared = {c.casefold() for c in (*schema, *given)}
    others = [n for n in visible(types) if n.casefold() not in declared] if keep_others else []
    kept = {name.casefold() for name in others}
    checks.not_stored = tuple(n for n in visible(types) if n.casefold() not in declared | kept)
    arranged = _arranged(frame.withColumns(findings) if findings else frame, list(schema), staged, others)
    return _generated(arranged, given)


def _generated(frame: DataFrame, given: Mapping[str, ColumnSpec]) -> DataFrame:
    """With the columns whose values follow from others, which Delta would compute only behind all rules.

    Delta compares them on every write; identities are its own to give, so the frame has none.
    """
    from pyspark.sql import functions as F

    texts = {name: spec for name, spec in given.items() if spec.generated_as is not None}
    if not texts:
        return frame
    return frame.withColumns({n: F.expr(spec.generated_as or "").cast(spec.type) for n, spec in texts.items()})


def _arranged(frame: DataFrame, declared: list[str], staged: Mapping[str, Column], others: list[str]) -> DataFrame:
    from pyspark.sql import functions as F

    folded = {name.casefold() for name in declared}
    kept = [n for n in carried(frame.columns) if n not in staged and n.casefold() not in folded]
    return frame.select(
        *[F.col(f"__s{index}").alias(name) for index, name in enumerate(declared)],
        *[F.col(quoted(name)) for name in others + kept],
    )


def _value(name: str, spec: ColumnSpec, types: Mapping[str, str], spelled: Mapping[str, str], checks: Checks) -> Column:
    """The column in its declared type, NULL where it does not fit; its default when the input has no such column."""
    from pyspark.sql import functions as F

    found = spelled.get(name.casefold())
    if found is not None:
        try:
            return strict_cast(F.col(quoted(found)), types[found], spec.type)
        except StepError as problem:
            raise StepError(f"schema.{name}: {problem.message}", code=problem.code, fix=problem.fix) from None
    if spec.default is None:
        hint = suggestion(name, visible(types))
        raise StepError(
            f"schema.{name}: the input has no column {name!r}" + (f"; {hint}" if hint else ""),
            code="schema.missing",
            fix="correct the name, or give the column a `default`",
        )
    text = spec.default if isinstance(spec.default, str) else sql_literal(spec.default)
    return binding.column(text, checks.variables, checks.now).cast(spec.type)


def _checks(
    frame: DataFrame,
    name: str,
    spec: ColumnSpec,
    staged: str,
    found: str | None,
    types: Mapping[str, str],
    checks: Checks,
    action: SchemaAction,
) -> dict[str, Column]:
    """The hidden columns of the check on one column, or none where nothing can go wrong."""
    from pyspark.sql import functions as F

    if found is None:
        return {}
    raw, value = F.col(quoted(found)), F.col(staged)
    rescued = _rescued_value(frame, name, types, checks)
    misfit = None if always_fits(types[found], spec.type) else value.isNull() & raw.isNotNull()
    wrong = _either(misfit, None if rescued is None else rescued.isNotNull())
    empty: Column | None = None
    if not spec.nullable:
        failed = checks.failed_cast([found], removing_only=True)
        empty = value.isNull() if failed is None else value.isNull() & ~failed
    if wrong is None and empty is None:
        return {}
    shown = value_text(raw, types[found])
    shown = shown if rescued is None else F.coalesce(rescued, shown)
    told = F.lit(f"does not fit {spec.type}")
    if rescued is not None:
        told = F.when(rescued.isNotNull(), F.lit("was rescued, because it did not fit the input's column")).otherwise(
            told
        )
    rule = f"schema.{name}"
    found_out: dict[str, Column] = {}
    if wrong is not None and (action == "null" or empty is None):
        found_out |= checks.register(
            name=rule,
            column=name,
            violated=wrong,
            value=shown,
            message=told,
            action="warn" if action == "null" else action,
        )
        checks.cast_of(name)
    if empty is not None:
        # with `null` a value that does not fit is emptied, but a column that takes no NULL cannot take that either
        split = wrong is None or action == "null"
        found_out |= checks.register(
            name=rule,
            column=name,
            violated=empty if split or wrong is None else wrong | empty,
            value=shown,
            message=F.lit(IS_NULL) if split or wrong is None else F.when(wrong, told).otherwise(F.lit(IS_NULL)),
            action="quarantine" if action == "null" else action,
        )
        if not split:
            checks.cast_of(name)
    return found_out


def _either(first: Column | None, second: Column | None) -> Column | None:
    if first is None or second is None:
        return second if first is None else first
    return first | second


def _rescued_value(frame: DataFrame, name: str, types: Mapping[str, str], checks: Checks) -> Column | None:
    """The text that Bronze rescued for a column that this one is made of, by the exact names of Bronze (S16)."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    if _RESCUED not in frame.columns:
        return None
    inputs = list(types)
    if INPUT in types:
        struct = frame.schema[INPUT].dataType
        inputs = struct.names if isinstance(struct, StructType) else inputs
    origins = checks.origins(name)
    sources = [n for n in inputs if n.casefold() in origins and not n.startswith("_")]
    if not sources:
        return None
    return F.coalesce(*[F.try_element_at(F.col(_RESCUED), F.lit(source)) for source in sources])
