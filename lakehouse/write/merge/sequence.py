"""What a row is to a merge: the value that orders the versions of its key, and whether it deletes (S61, S62)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.lake import types
from lakehouse.names import is_identifier, quoted
from lakehouse.quality import binding, expressions
from lakehouse.quality.flow import Flow, Kind, Value, changed, used, value
from lakehouse.quality.rows import COMMIT_VERSION, DELETE, TRUNCATE, WAS, types_of, visible
from lakehouse.quality.values import hashed
from lakehouse.write.merge.options import SEQUENCE, VALID_FROM, Merge, stored_columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.window import WindowSpec

    from lakehouse.quality.checks import Checks

HIDDEN = "__sequence"
"""Column that carries the value from `controls` to the write."""


def _parts(options: Merge) -> dict[str, str]:
    """Field of the struct, or the one name, -> expression; names keep apart what comes from a list."""
    texts = options.order
    names = [text if is_identifier(text) else f"by_{index}" for index, text in enumerate(texts, 1)]
    return dict(zip(names, texts, strict=True))


def reads(options: Merge) -> frozenset[str]:
    """Columns that the merge needs besides the stored ones, as written: keys and what its expressions name."""
    conditions = filter(None, (options.apply_as_deletes, options.apply_as_truncates))
    named = (expressions.columns_of(text) for text in (*options.order, *conditions))
    return frozenset(options.keys).union(*named)


def flow(options: Merge) -> Sequence[Flow]:
    """Rows meet by their keys, the sequence says which counts, and the columns that are added are made of it."""
    texts = options.order or (COMMIT_VERSION,)
    whole = value(texts[0]) if len(texts) == 1 else changed(*frozenset().union(*map(expressions.columns_of, texts)))
    later = Value(frozenset((name, Kind.TRANSFORMATION.after(kind)) for name, kind in whole.sources))
    taken = {name: whole if name in (SEQUENCE, VALID_FROM) else later for name in stored_columns({}, options, "")}
    rows = frozenset((key, Kind.JOIN) for key in options.keys)
    rows = rows.union(*(used(text, Kind.SORT) for text in texts))
    conditions = filter(None, (options.apply_as_deletes, options.apply_as_truncates))
    gone, only = frozenset(options.except_column_list or ()), options.column_list
    return [Flow(taken, gone, only, rows.union(*(used(text, Kind.FILTER) for text in conditions)))]


def sequence_type(options: Merge, types_known: Mapping[str, str | None]) -> str | None:
    """The type of `_sequence` as far as it can be told without Spark: of bare columns of known type, else None."""
    known = {name.casefold(): text for name, text in types_known.items()}
    fields: list[tuple[str, str]] = [] if options.order else [(COMMIT_VERSION, "bigint")]
    for name, text in _parts(options).items():
        column = expressions.bare_column(text)
        found = known.get(column.casefold()) if column else None
        if found is None:
            return None
        fields.append((name, found))
    return fields[0][1] if len(fields) == 1 else types.struct(fields)


def controls(frame: DataFrame, options: Merge, checks: Checks) -> DataFrame:
    """Add the hidden `__sequence`, `__delete` and `__truncate`, and the checks `merge.keys` and `merge.sequence_by`.

    What a row that deletes brings besides its key is not stored, so other rules do not judge it; a truncate has no key.
    Raises StepError when `sequence_by` is a bare column of text, which would sort `9` above `10`.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    frame = with_sequence(frame, options, checks.variables, checks.now)
    deletes = [F.col(name) for name in (DELETE, TRUNCATE) if name in frame.columns]
    for column, but in ((DELETE, options.keys), (TRUNCATE, ())):
        if column in frame.columns:
            frame = checks.spare(frame, F.col(column), but={name.casefold() for name in but})
    keys = [F.col(quoted(key)) for key in options.keys]
    no_key = keys[0].isNull()
    for key in keys[1:]:
        no_key = no_key & key.isNull()
    if TRUNCATE in frame.columns:
        no_key = no_key & ~F.col(TRUNCATE)
    frame = checks.add(
        frame,
        name="merge.keys",
        column=options.keys[0] if len(options.keys) == 1 else None,
        violated=no_key,
        value=None,
        message="the key is NULL" if len(keys) == 1 else "all keys are NULL",
        action="quarantine",
        judged=_unblamed(checks, options.keys),
    )
    if parts := _parts(options):
        frame = _in_order(frame, parts, checks, "from_snapshot" if options.from_snapshot else "sequence_by")
    if not options.order and WAS not in frame.columns:
        batch = Window.partitionBy(*(quoted(key) for key in options.keys), HIDDEN)
        frame = unordered(frame, options, batch, ~no_key, checks)
    if deletes:
        checks.spared = reduce(or_, deletes)
    return frame


def unordered(frame: DataFrame, options: Merge, commit: WindowSpec, judged: Column, checks: Checks) -> DataFrame:
    """Add the check that of the judged rows of one commit, a window, none differ: nothing says which of them counts.

    What is not stored may differ, and all that a row brings that deletes, but not whether it deletes.
    """
    from pyspark.sql import functions as F

    doomed, types = checks.doomed(), types_of(frame)
    judged = judged if doomed is None else judged & ~doomed
    stored = {n: types[n] for n in visible(types) if checks.stored is None or n.casefold() in checks.stored}
    deletes = [F.col(name) for name in (DELETE, TRUNCATE) if name in frame.columns]
    content = F.when(~reduce(or_, deletes), hashed(stored)) if deletes else hashed(stored)
    one = F.when(judged, F.struct(content, *deletes))
    none = F.col(HIDDEN).isNull()
    frame = frame.withColumn("__several", F.min(one).over(commit) != F.max(one).over(commit))
    return checks.add(
        frame,
        name="merge.order",
        column=options.keys[0] if len(options.keys) == 1 else None,
        violated=judged & (none | F.col("__several")),
        value=checks.shown(frame, options.keys),
        message=F.when(none, "nothing says of which commit the row is").otherwise(
            "several rows of one commit have this key, and nothing says which of them counts"
        ),
        action="fail",
    ).drop("__several")


def _in_order(frame: DataFrame, parts: Mapping[str, str], checks: Checks, word: str) -> DataFrame:
    """Add the check that every part of the sequence has a value."""
    from pyspark.sql import functions as F

    value = F.col(HIDDEN)
    missing = value.isNull()
    if len(parts) > 1:
        for name in parts:
            missing = missing | value[name].isNull()
    bare = expressions.bare_column(next(iter(parts.values()))) if len(parts) == 1 else None
    return checks.add(
        frame,
        name=f"merge.{word}",
        column=bare,
        violated=missing,
        value=None,
        message=f"the value of {word} is NULL",
        action="quarantine",
        judged=_unblamed(checks, frozenset().union(*map(expressions.columns_of, parts.values()))),
    )


def _unblamed(checks: Checks, columns: Iterable[str]) -> Column | None:
    """Where no cast of these columns has failed: such a row is rejected already, for the value that it had (S28)."""
    failed = checks.failed_cast(columns, removing_only=True)
    return None if failed is None else ~failed


def with_sequence(
    frame: DataFrame, options: Merge, variables: Mapping[str, object], now: datetime | None = None
) -> DataFrame:
    """The frame with the hidden `__sequence`: the value of `sequence_by`, a struct for a list.

    And with `__delete` and `__truncate`, where rows may delete: by a condition, or because the input says so already.
    """
    if HIDDEN in frame.columns:
        return frame
    from pyspark.sql import functions as F

    def true(text: str) -> Column:
        return F.coalesce(binding.column(text, variables, now).cast("boolean"), F.lit(False))

    parts = _parts(options)
    if not parts and COMMIT_VERSION not in frame.columns:
        raise StepError(
            f"a rule of `cleanse` has lost `{COMMIT_VERSION}`, by which rows are ordered without `sequence_by`",
            code="merge.order",
            fix=f"keep `{COMMIT_VERSION}` among the columns that the rule gives, or name a column in `sequence_by`",
        )
    values = [binding.column(text, variables, now).alias(name) for name, text in parts.items()]
    values = values or [F.col(COMMIT_VERSION)]
    added = {HIDDEN: values[0] if len(values) == 1 else F.struct(*values)}
    if options.apply_as_truncates is not None:
        added[TRUNCATE] = true(options.apply_as_truncates)
    if options.apply_as_deletes is not None:
        given = F.col(DELETE) if DELETE in frame.columns else F.lit(False)
        added[DELETE] = given | true(options.apply_as_deletes)
    found = frame.withColumns(added)
    _refuse_text(found, parts, "from_snapshot" if options.from_snapshot else "sequence_by")
    return found


def _refuse_text(frame: DataFrame, parts: Mapping[str, str], word: str) -> None:
    from pyspark.sql.types import StringType, StructType

    whole = frame.schema[HIDDEN].dataType
    for name, text in parts.items():
        kind = whole[name].dataType if len(parts) > 1 and isinstance(whole, StructType) else whole
        if isinstance(kind, StringType) and expressions.bare_column(text):
            raise StepError(
                f"`{word}: {text}` is text, in which 9 comes after 10",
                code="merge.sequence_by",
                fix=f"give it a type in `schema` or `schema_hints`, or write a cast, as `cast({text} AS timestamp)`",
            )
