"""Columns that cannot be there, found without Spark as far as the files declare what there is.

A table's columns are known when they are declared: by `schema`, by the groups and measures of `aggregate`, or by what
the rules or a query make of a known input. A Bronze table without `schema` takes what comes, so nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lakehouse.errors import Problem, suggestion
from lakehouse.names import TableName
from lakehouse.planning.cleansed import cleansed, queried
from lakehouse.planning.known import BRONZE, Columns, Keys, Known, few, folded, of_feed, right, united
from lakehouse.planning.steps import Step
from lakehouse.quality import expressions
from lakehouse.quality.rows import COMMIT_VERSION
from lakehouse.sources.fields import plain_name
from lakehouse.spec.load import Project
from lakehouse.spec.reading import LOST, WHOLE, Remainder
from lakehouse.write import merge

Stored = Mapping[TableName, Columns | None]


def column_problems(
    project: Project, steps: Sequence[Step], broken: Mapping[TableName, Remainder], *, complete: bool
) -> list[Problem]:
    """Every column, variable and function of the project that cannot work, in any order.

    `broken` has the tables with mistakes that are told already; without `complete` variables may exist that could not
    be read.
    """
    stored: dict[TableName, Columns | None] = {}
    problems: list[Problem] = []
    for step in steps:
        table = Known(project, step, broken.get(step.name, WHOLE), complete)
        table.known = _input(table, stored)
        cleansed(table, stored)
        for stage in (_aggregate, _schema, _merge, _expectations):
            stage(table)
        stored[step.name] = _stored(table)
        _layout(table, stored[step.name])
        problems += table.problems
    return problems


def _input(table: Known, stored: Stored) -> Columns | None:
    step, spec = table.step, table.step.spec
    if {LOST, "source", "auto_loader", "copy_into", "from", "sql"} & table.hurt:
        return None
    if spec.source is not None:
        return _ingested(step)
    if spec.sql is not None:
        found = queried(table, spec.sql, stored, ("sql",), named=not spec.cleanse)
        return None if found is None else dict.fromkeys(found)
    if not spec.from_ or len(step.origins) < len(spec.from_) or any(read.at is not None for read in step.reads):
        return None  # there is none, one of them is no table, which is told, or it had other columns then
    rows = united(table, {name: stored.get(name) for name in step.origins})
    return None if rows is None else {**rows, **of_feed(step)}


def _ingested(step: Step) -> Columns | None:
    """What Bronze stores, where a `schema` settles it."""
    spec = step.spec
    loader, named = spec.auto_loader, spec.copy_into
    evolves = named.merge_schema if named is not None else loader and loader.evolves(declared=True)
    if spec.schema_ is None or evolves:
        return None
    hints = {plain_name(n): t for n, t in loader.column_hints.items()} if loader is not None else {}
    folders = [*(getattr(spec.source, "partition_columns", None) or ()), *(spec.partitioned_by or ())]
    own = {loader.rescued_data_column: "string"} if loader is not None else {}
    found: Columns = {**dict.fromkeys(folders), **hints, **_declared(step)}
    return {**found, **BRONZE, **own}


def _aggregate(table: Known) -> None:
    options = table.step.spec.aggregate
    if options is None:
        return
    if "aggregate" in table.hurt:
        table.known = None
        return
    for name, text in options.by.items():
        table.expression(text, _place_of_group(table, name), kept=True)
    before = table.known
    for index, (name, text) in enumerate(options.measures.items()):
        table.known = _with(before, list(options.measures)[:index])
        table.expression(text, ("aggregate", "measures", name))
    table.known = before
    if options.window is not None:
        table.expression(options.window.column, ("aggregate", "window", "column"))
    if options.where is not None:
        table.expression(options.where, ("aggregate", "where"))
    names = [*options.by, *(("window_start", "window_end") if options.window else ()), *options.measures]
    if options.having is not None:
        table.known = _with(before, names)
        table.expression(options.having, ("aggregate", "having"))
    table.known = dict.fromkeys(names)


def _with(known: Columns | None, names: Iterable[str]) -> Columns | None:
    return None if known is None else {**known, **dict.fromkeys(names)}


def _place_of_group(table: Known, name: str) -> Keys:
    """Where a group is written: `by` takes a name, a map, or a list of both."""
    place: Keys = ("aggregate", "by")
    if table.project.written(table.name, *place, name):
        return (*place, name)
    options = table.step.spec.aggregate
    assert options is not None
    for index in range(len(options.by)):
        if table.project.written(table.name, *place, index, name):
            return (*place, index, name)
        if table.project.value(table.name, *place, index) == name:
            return (*place, index)
    return place


def _schema(table: Known) -> None:
    step, schema = table.step, table.step.spec.schema_
    if schema is None or step.is_bronze:
        return
    for name, column in schema.items():
        if column.default is None and not column.is_given:
            table.needs(name, ("schema", name), kept=True, of_key=True)
    carried = (*BRONZE, COMMIT_VERSION)
    others = table.known if step.keeps_others else {n: t for n, t in (table.known or BRONZE).items() if n in carried}
    table.known = None if others is None or "schema" in table.hurt else {**others, **_in_rows(step)}


def _declared(step: Step) -> Columns:
    return {name: column.type for name, column in (step.spec.schema_ or {}).items()}


def _in_rows(step: Step) -> Columns:
    """The declared columns that rows have before they are written: Delta numbers them only then."""
    given = {name for name, column in (step.spec.schema_ or {}).items() if column.identity is not None}
    return {name: text for name, text in _declared(step).items() if name not in given}


def _merge(table: Known) -> None:
    spec = table.step.spec
    if spec.append is not None and "append" not in table.hurt:
        for index, key in enumerate(spec.append.keys or ()):
            _stored_key(table, key, ("append", "keys", index))
    _replaced(table)
    if spec.merge is None or "merge" in table.hurt:
        return
    for index, key in enumerate(spec.merge.keys):
        _stored_key(table, key, ("merge", "keys", index))
    _merge_words(table, spec.merge)
    types = {n.casefold(): t for n, t in {**(table.known or BRONZE), **_declared(table.step)}.items()}
    for index, text in enumerate(spec.merge.order):
        keys: Keys = ("merge", "from_snapshot") if spec.merge.from_snapshot else ("merge", "sequence_by", index)
        table.expression(text, keys)
        table.determined(text, keys)
        bare = expressions.bare_column(text)
        if bare and types.get(bare.casefold()) == "string":
            message = f"{bare!r} is text, and as text 9 comes after 10"
            table.say("text-sequence", message, f"write a cast, as `cast({bare} AS timestamp)`", *keys)


def _replaced(table: Known) -> None:
    """What is replaced is told by stored columns."""
    spec = table.step.spec
    if spec.replace_using is not None and "replace_using" not in table.hurt:
        for index, column in enumerate(spec.replace_using.root):
            _stored_key(table, column, ("replace_using", index), "column")
    if spec.replace_where is not None and "replace_where" not in table.hurt:
        text, keys = spec.replace_where.root, ("replace_where",)
        for column, index in expressions.columns_at(text):
            _stored_key(table, column, keys, "column", at=(text, index))
        table.variables(text, expressions.variables_of(text), keys)


def _merge_words(table: Known, options: merge.Merge) -> None:
    """What the conditions and the lists of columns of a `merge` name."""
    for key in ("apply_as_deletes", "apply_as_truncates"):
        if (condition := getattr(options, key)) is not None:
            table.expression(condition, ("merge", key))
            table.determined(condition, ("merge", key))
    for key in ("column_list", "except_column_list", "ignore_null_updates_column_list"):
        for index, name in enumerate(getattr(options, key) or ()):
            table.needs(name, ("merge", key, index))
    for key in ("track_history_column_list", "track_history_except_column_list"):
        for index, name in enumerate(getattr(options, key) or ()):
            _stored_key(table, name, ("merge", key, index), "column")


def _stored_key(table: Known, key: str, keys: Keys, what: str = "key", at: tuple[str, int] | None = None) -> None:
    """A key must be among what is stored, which `schema` decides."""
    spec = table.step.spec
    if spec.schema_ is None or spec.schema_evolution == "add_new_columns":
        table.needs(key, keys, at=at)
    elif key.casefold() not in folded({*spec.schema_, *right(table.meant)}) and "schema" not in table.hurt:
        fix = suggestion(key, spec.schema_) or "add it to `schema`"
        table.say("unknown-column", f"the {what} {key!r} is not stored", fix, *keys, at=at)


def _expectations(table: Known) -> None:
    for name, rule in table.step.spec.expectations.items():
        texts = dict(rule.expressions())
        for loc, text in texts.items():
            table.expression(text, ("expectations", name, *loc))
        for loc, column in rule.reads():
            table.needs(column, ("expectations", name, *loc))


def _stored(table: Known) -> Columns | None:
    """The columns of the table itself, as its readers find them; None when more may come."""
    spec, known = table.step.spec, table.known
    closed = spec.schema_ is not None and spec.schema_evolution != "add_new_columns" and spec.source is None
    if {LOST, "schema", "aggregate", "merge", "schema_evolution"} & table.hurt or (known is None and not closed):
        return None
    if spec.source is not None:
        return known
    declared = _declared(table.step)
    gone = {*BRONZE, *(() if "all" in table.step.feeds else (COMMIT_VERSION,))}
    found = declared if closed else {name: text for name, text in (known or {}).items() if name not in gone}
    if spec.merge is not None:
        sequence = merge.sequence_type(spec.merge, {**(known or BRONZE), **declared})
        added = merge.stored_columns({name: text or "" for name, text in found.items()}, spec.merge, sequence or "")
        found = {name: text or None for name, text in added.items()}
    return {**found, **{name: kind for name, kind in table.meant.items() if name not in found}}


def _layout(table: Known, stored: Columns | None) -> None:
    """Partitions, clustering, ZORDER, bloom filters and statistics are of columns that are there."""
    if stored is None:
        return
    there = folded(stored)
    for keys, column in _layout_columns(table.step):
        # a dot leads into a struct, whose fields are not looked at here
        if not {column.casefold(), column.split(".")[0].casefold()} & there and keys[0] not in table.hurt:
            near = right(stored)
            fix = suggestion(column, near) or f"there are {few([n for n in near if not n.startswith('_')])}"
            of_key = keys[-1] == column
            table.say("unknown-column", f"the table has no column {column!r}", fix, *keys, of_key=of_key)


def _layout_columns(step: Step) -> Iterator[tuple[Keys, str]]:
    spec = step.spec
    for key in ("partitioned_by", "cluster_by"):
        for index, column in enumerate(getattr(spec, key) or ()):
            yield (key, index), column
    for index, column in enumerate(spec.primary_key or ()):
        yield ("primary_key", index), column
    for index, foreign in enumerate(spec.foreign_keys or ()):
        for place, column in enumerate(foreign.columns):
            yield ("foreign_keys", index, "columns", place), column
    for name, condition in spec.constraints.items():
        for column in sorted(expressions.columns_of(condition)):
            yield ("constraints", name), column
    if spec.maintenance is None:
        return
    for key in ("zorder_by", "statistics"):
        for index, column in enumerate(getattr(spec.maintenance, key, None) or ()):
            yield ("maintenance", key, index), column
    for column in getattr(spec.maintenance, "bloom_filter", None) or ():
        yield ("maintenance", "bloom_filter", column), column
