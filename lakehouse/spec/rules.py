"""What one table may combine: the rules that need nothing but the table itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from lakehouse.errors import Problem, suggestion
from lakehouse.model import unavailable
from lakehouse.quality import expressions
from lakehouse.spec.leaves import WAYS
from lakehouse.spec.nodes import MapNode, Mark, Node, Scalar, position, short
from lakehouse.spec.table import Table
from lakehouse.spec.translate import Place
from lakehouse.spec.validate import Judged

Loc = tuple[str | int, ...]

BRONZE = frozenset({"source", "auto_loader", "copy_into", "column_names", "on_bad_record", "on_bad_file"})
ABOVE = frozenset({"from", "sql", "cleanse", "schema_evolution", "merge", "expectation_suites"})
GOLD = frozenset({"aggregate"})
_TOLD_BY = {"source": "format", "lake": "catalog", "secrets": "provider"}
"""Keys of which some forms are built: the key below that tells which."""
MOST_CLUSTERED = 4
"""Columns that Delta clusters a table by at most."""


def not_built(judged: Judged[Any], mark: Mark) -> Iterator[Problem]:
    """Everything that is set and not built yet, by name."""
    if judged.value is None:
        return
    for loc in unavailable(judged.value):
        place = Place(judged.node, loc, mark)
        if tuple(place.keys) in judged.guessed:
            continue  # it is told already, under the name that was written
        if isinstance(place.node, Scalar) and place.node.value is None:
            continue  # null says that it is not used
        word = next((part for part in reversed(place.keys) if isinstance(part, str)), "this")
        extra = ""
        where = place.key_mark
        told = _TOLD_BY.get(word, "")
        if isinstance(place.node, MapNode) and isinstance(inner := place.node.items.get(told), Scalar):
            where, extra = inner.mark, f" with `{told}: {short(inner.text)}`"
        yield Problem(position(where), "not-available-yet", f"`{word}`{extra} is not available yet")


def table_problems(
    layer: str, table: Table, node: Node, mark: Mark, gone: Collection[Loc] = ()
) -> Iterator[tuple[str, Problem]]:
    """Every rule broken by the table alone, with the top key that breaks it.

    What follows from the mistakes that are `gone` is not told.
    """
    taken = {loc[0] for loc in gone if loc}
    lost = isinstance(node, MapNode) and node.lost  # two tables may have become one
    for loc, code, message, fix in _found(layer, table):
        if (loc[0] in taken if loc else taken or lost) or (lost and code == "conflicting-keys"):
            continue
        place = Place(node, loc, mark)
        yield str(loc[0]) if loc else "", Problem(position(place.key_mark), code, message, fix)


_Finding = tuple[Loc, str, str, str]


def _found(layer: str, table: Table) -> Iterator[_Finding]:
    written = {(field.alias or name) for name, field in type(table).model_fields.items() if _is_set(table, name)}
    yield from _layers(layer, written)
    yield from _origin(layer, table, written)
    yield from _ways(layer, table, written)
    yield from _again(table, written)
    yield from _merge(table)
    yield from _files_of(table)
    yield from _names(table)
    yield from _layout(table)
    yield from _given(layer, table)
    yield from _actions(layer, table)


def _is_set(table: Table, name: str) -> bool:
    return name in table.model_fields_set and getattr(table, name) is not None


def _layers(layer: str, written: Iterable[str]) -> Iterator[_Finding]:
    for key in sorted(written):
        if layer != "bronze" and key in BRONZE:
            yield (key,), "misplaced-key", f"`{key}` is for Bronze tables", f"read a Bronze table by `from` in {layer}"
        elif layer == "bronze" and key in ABOVE | GOLD:
            yield (key,), "misplaced-key", f"`{key}` is not for Bronze tables", "use it in a Silver or Gold table"
        elif layer == "silver" and key in GOLD:
            yield (key,), "misplaced-key", f"`{key}` is for Gold tables", "move the table to `gold`"


def _origin(layer: str, table: Table, written: Iterable[str]) -> Iterator[_Finding]:
    origins = [key for key in ("source", "from", "sql") if key in written]
    if len(origins) > 1 and layer != "bronze" and "source" not in origins:  # otherwise one of them is misplaced
        message = f"the rows come from `{origins[0]}` and from `{origins[1]}`; one table has one origin"
        yield (origins[1],), "conflicting-keys", message, "keep one of them"
    elif not origins:
        wanted = "`source`" if layer == "bronze" else "`from` or `sql`"
        yield (), "missing-key", f"the table does not say where its rows come from: {wanted} is missing", ""
    if table.from_ is not None and len(table.from_) > 1:
        seen: set[str] = set()
        for index, item in enumerate(table.from_):
            if str(item.table).casefold() in seen:
                yield ("from", index), "duplicate-entry", f"{item.table} is read twice", "keep one of them"
            seen.add(str(item.table).casefold())


def _ways(layer: str, table: Table, written: Iterable[str]) -> Iterator[_Finding]:
    ways = [word for word in WAYS if word in written]
    for other in ways[1:]:
        message = f"the table is written by `{ways[0]}` and by `{other}`; one table is written one way"
        yield (other,), "conflicting-keys", message, "keep one of them"
    for word in ("replace_where", "replace_using"):
        if layer == "bronze" and word in ways:
            yield (word,), "not-available-yet", f"`{word}` of a Bronze table is not available yet", ""
    if "refresh" in written and not ("sql" in written or {"aggregate", "overwrite"} & set(ways)):
        message = "`refresh` is for tables written by `aggregate`, `overwrite` or `sql`"
        yield ("refresh",), "misplaced-key", message, "leave it out; this table always reads what is new"
    if "aggregate" in ways and "sql" in written:
        message, fix = "`aggregate` groups the rows of `from`, not those of `sql`", "write the GROUP BY in the query"
        yield ("aggregate",), "conflicting-keys", message, fix


def _again(table: Table, written: Collection[str]) -> Iterator[_Finding]:
    """What is read whole comes again with every change, which a plain `append` would not notice."""
    named = [word for word in WAYS if word in written]
    plain = named == ["append"] and table.append.keys is None
    if (named and not plain) or "from" not in written:
        return
    for index, item in enumerate(table.from_ or ()):
        word = next((key for key in ("whole", "version", "timestamp") if getattr(item, key)), None)
        if word is not None:
            message = f"`append` would add rows of {item.table} again that are there: `{word}` reads all of them"
            fix = "write `append: {keys: …}`, `merge` or `overwrite`"
            yield ("from", index, word), "conflicting-keys", message, fix


def _merge(table: Table) -> Iterator[_Finding]:
    merge = table.merge
    if merge is None:
        return
    if table.schema_ is not None:
        for key in ("column_list", "except_column_list"):
            if getattr(merge, key):
                message = f"`{key}` and `schema` both say what is stored"
                yield ("merge", key), "conflicting-keys", message, "keep `schema`"
    reserved = ["_sequence"] + ["valid_from", "valid_to", "is_current"] * (merge.stored_as_scd_type == 2)
    for name in table.schema_ or {}:
        if name.casefold() in reserved:
            message = f"`merge` adds the column {name!r} itself"
            yield ("schema", name), "reserved-name", message, "leave it out or choose another name"


def _files_of(table: Table) -> Iterator[_Finding]:
    if table.auto_loader is not None and table.copy_into is not None:
        message = "`auto_loader` and `copy_into` are two ways to load the same files"
        yield ("copy_into",), "conflicting-keys", message, "keep one of them"
    if table.source is not None and not hasattr(table.source, "path_glob_filter"):
        for key in ("auto_loader", "copy_into", "on_bad_file"):
            if key in table.model_fields_set and getattr(table, key) is not None:
                message = f"`{key}` is for files, not for `format: {table.source.format}`"
                yield (key,), "conflicting-keys", message, "leave it out"


def _names(table: Table) -> Iterator[_Finding]:
    seen: dict[str, str] = {}
    for name in table.schema_ or {}:
        if name.startswith("__"):
            message = f"columns that begin with `__` are kept for the library: {short(name)!r}"
            yield ("schema", name), "reserved-name", message, "choose another name"
        if name.casefold() in seen:
            message = f"the column {short(name)!r} is written twice, first as {seen[name.casefold()]!r}"
            yield ("schema", name), "duplicate-column", message, "names ignore case; keep one of them"
        seen.setdefault(name.casefold(), name)
    expectations: dict[str, str] = {}
    for name in table.expectations:
        if name.casefold() in expectations:
            message = f"the expectation {short(name)!r} is written twice, first as {expectations[name.casefold()]!r}"
            yield ("expectations", name), "duplicate-entry", message, "names ignore case; keep one of them"
        expectations.setdefault(name.casefold(), name)


def _layout(table: Table) -> Iterator[_Finding]:
    """Partitions, clustering and ZORDER that go together."""
    maintenance = table.maintenance
    zorder: tuple[str, ...] = tuple(getattr(maintenance, "zorder_by", None) or ())
    partitions = tuple(table.partitioned_by or ())
    yield from _twice(("partitioned_by",), partitions)
    yield from _twice(("cluster_by",), table.cluster_by or ())
    yield from _twice(("maintenance", "zorder_by"), zorder)
    yield from _twice(("maintenance", "statistics"), getattr(maintenance, "statistics", None) or ())
    if table.cluster_by and zorder:
        message = "`zorder_by` and `cluster_by` are two ways to order the same rows"
        yield ("maintenance", "zorder_by"), "conflicting-keys", message, "keep `cluster_by`"
    if table.cluster_by and partitions:
        message = "Delta does not cluster a table that is partitioned"
        yield ("cluster_by",), "conflicting-keys", message, "keep one of `cluster_by` and `partitioned_by`"
    if len(table.cluster_by or ()) > MOST_CLUSTERED:
        message = f"Delta clusters by at most {MOST_CLUSTERED} columns, not {len(table.cluster_by or ())}"
        yield ("cluster_by",), "wrong-value", message, "name those that most readers filter by"
    folded = {name.casefold() for name in partitions}
    for index, name in enumerate(zorder):
        if name.casefold() in folded:
            message = f"{short(name)!r} is a partition column, within which its value does not change"
            yield ("maintenance", "zorder_by", index), "conflicting-keys", message, "leave it out of `zorder_by`"


def _given(layer: str, table: Table) -> Iterator[_Finding]:
    """Columns whose values Delta gives or compares, and conditions that it checks."""
    from_rows = {name.casefold() for name, column in (table.schema_ or {}).items() if not column.is_given}
    keys = {name.casefold() for way in (table.merge, table.append) for name in getattr(way, "keys", None) or ()}
    keys |= {name.casefold() for name in (table.replace_using.root if table.replace_using else ())}
    for name, column in (table.schema_ or {}).items():
        key = "identity" if column.identity is not None else "generated_as"
        if column.is_given and layer == "bronze":
            message = f"`{key}` is not for Bronze tables, whose `schema` says what is read from files"
            yield ("schema", name, key), "misplaced-key", message, "use it in a Silver or Gold table"
        elif column.identity is not None and name.casefold() in keys:
            message = f"rows get {name!r} when they are inserted, so they cannot be found by it"
            yield ("schema", name, key), "wrong-value", message, "make a key of the row's own columns, by `hash`"
        for other in sorted(expressions.columns_of(column.generated_as or "1")):
            if other.casefold() not in from_rows:
                message = f"the expression names {other!r}, and Delta computes it from declared columns of the table"
                fix = suggestion(other, from_rows) or "declare it in `schema`, without `generated_as` and `identity`"
                yield ("schema", name, key), "unknown-column", message, fix
    seen: set[str] = set()
    for name, condition in table.constraints.items():
        if name.casefold() in seen:
            message = f"the constraint {short(name)!r} is written twice"
            yield ("constraints", name), "duplicate-entry", message, "names ignore case; keep one of them"
        seen.add(name.casefold())
        if expressions.variables_of(condition) or expressions.current(condition):
            message = "Delta keeps the condition with the table: it cannot name a variable, or ask for the time"
            yield ("constraints", name), "wrong-value", message, "write the value, or make it an expectation"


def _twice(keys: Loc, names: Sequence[str]) -> Iterator[_Finding]:
    folded = [name.casefold() for name in names]
    for index, name in enumerate(names):
        if folded[index] in folded[:index]:
            message = f"the column {short(name)!r} is named twice"
            yield (*keys, index), "duplicate-entry", message, "names ignore case; keep one of them"


def _actions(layer: str, table: Table) -> Iterator[_Finding]:
    yield from _about_many(table)
    if layer != "gold" or (table.aggregate is None and table.sql is None):
        return
    fix = "write `warn` or `fail`, or check the rows in Silver"
    message = "a row that was computed cannot be set aside and replayed: only `warn` and `fail` are possible here"
    for name, expectation in table.expectations.items():
        if expectation.on_violation in ("drop", "quarantine"):
            yield ("expectations", name, "on_violation"), "wrong-value", message, fix
    if table.expectations_on_violation in ("drop", "quarantine"):
        yield ("expectations_on_violation",), "wrong-value", message, fix


def _about_many(table: Table) -> Iterator[_Finding]:
    """Rules about many rows or the table have no row to drop or to set aside."""
    shared = table.expectations_on_violation
    for name, expectation in table.expectations.items():
        action = expectation.on_violation or shared
        if expectation.routes or action not in ("drop", "quarantine"):
            continue
        message = f"{expectation.word} is not about single rows, so there is none to {_DONE[action]}"
        fix = "write `on_violation: warn` or `fail`"
        key = ("on_violation",) if expectation.on_violation else ()
        yield ("expectations", name, *key), "wrong-value", message, fix


_DONE = {"drop": "drop", "quarantine": "put in quarantine"}
