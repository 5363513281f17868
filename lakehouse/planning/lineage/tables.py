"""Where the stored columns of every table come from: what each step of the engine does, done to names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from lakehouse.cleanse.base import AnyArguments, Rule, one_rule
from lakehouse.cleanse.others import Beside
from lakehouse.names import TableName
from lakehouse.planning.known import BRONZE, of_feed
from lakehouse.planning.lineage.frame import NOTHING, Column, Edge, Field, Frame, Origin, through, united
from lakehouse.planning.lineage.queries import frame_of
from lakehouse.planning.lineage.scope import put_beside
from lakehouse.planning.steps import Step
from lakehouse.quality.expressions import bare_column, columns_of, projection
from lakehouse.quality.flow import Flow, Kind, value
from lakehouse.quality.models import ColumnSpec
from lakehouse.quality.rows import CARRIED, is_carried
from lakehouse.sources.auto_loader import AutoLoader
from lakehouse.sources.fields import plain_name
from lakehouse.spec.leaves import WAYS

_ADDED = {
    "_source_file": "the file's path, added by Bronze",
    "_source_modified": "when the file was modified, added by Bronze",
    "_ingested_at": "when the batch was planned, added by Bronze",
    "_batch": "the number of the batch, added by Bronze",
}
_OF_FEED = "what a commit did to the row, added by the change feed"
Reading = Callable[[TableName], Frame]


def stored_frames(steps: Sequence[Step]) -> dict[TableName, Frame]:
    """The columns of each table; the steps are in order, and all that one of them reads is among them.

    Of a table whose columns nobody declares, those are known that its readers name and that its inputs are known to
    have; others may exist.
    """
    found: dict[TableName, Frame] = {}
    read: dict[TableName, set[Field]] = {}
    for step in steps:
        read[step.name] = set()
        found[step.name] = _stored(step, lambda name: reading(name, found[name]), read[step.name])
    named: dict[TableName, dict[str, None]] = {step.name: {} for step in steps}
    for step in reversed(steps):
        frame = found[step.name] = _with(found[step.name], named[step.name])
        edges = frame.rows.union(*(column.edges for column in frame.columns.values()))
        for origin, name in sorted(read[step.name] | {edge.field for edge in edges}, key=str):
            if isinstance(origin, TableName) and name is not None:
                named[origin].setdefault(name)
    for step in steps:
        frame = found[step.name]
        inputs = [found[origin] for origin in frame.passing if isinstance(origin, TableName)]
        found[step.name] = _with(frame, (name for passed in inputs for name in passed.columns))
    return found


def _with(frame: Frame, names: Iterable[str]) -> Frame:
    """The frame, the columns of these names among those that are known."""
    new: dict[str, str] = {}
    for name in names:
        if not frame.has(name) and frame.get(name) is not None:
            new.setdefault(name.casefold(), name)
    added = {name: column for name in new.values() if (column := frame.get(name)) is not None}
    return replace(frame, columns={**frame.columns, **added}) if added else frame


def reading(name: TableName, stored: Frame) -> Frame:
    """The columns of a table as its readers find them."""
    columns = {
        column: Column(frozenset({Edge(Field(name, column), Kind.IDENTITY)}), made.type)
        for column, made in stored.columns.items()
    }
    types = {None} if stored.families or stored.blurred is not None else set(stored.passing.values())
    passing: Mapping[Origin, str | None] = {name: types.pop() if len(types) == 1 else None} if stored.is_open else {}
    return Frame(columns, passing, stored.gone)


def _stored(step: Step, read: Reading, named: set[Field]) -> Frame:
    """The columns of the table; what its rules name, stored or not, is put into `named`."""
    spec, way = step.spec, WAYS[step.way]
    inputs = dict.fromkeys(item.table for item in step.reads)
    origins = dict.fromkeys(step.origins)
    if spec.source is not None:
        frame = _source(step)
    elif spec.sql is not None:
        frame = frame_of(spec.sql, read)
    else:
        frame = united([read(name) for name in origins])
        added_by_feed = {name: Column(NOTHING, kind, _OF_FEED) for name, kind in of_feed(step).items()}
        frame = replace(frame, columns={**frame.columns, **added_by_feed})
    for written in spec.cleanse:
        rule, args = one_rule(written)
        named |= _fields(frame, (name for _, name in args.reads()))
        frame = _ruled(frame, rule, args, inputs, read)
    flows: Sequence[Flow] = way.flow(step.options) if hasattr(way, "flow") else ()
    if hasattr(way, "result"):
        frame, flows = _through(frame, flows), ()
    if spec.schema_ is not None and not step.is_bronze:
        frame = _declared(frame, spec.schema_)
    frame = _through(frame, flows)
    for expectation in spec.expectations.values():
        named |= _fields(frame, expectation.columns())
        if (expectation.on_violation or spec.expectations_on_violation) in ("drop", "quarantine"):
            frame = frame.after(Flow(rows=frozenset((name, Kind.FILTER) for name in expectation.columns())))
    if step.is_bronze:
        return frame
    added = [name for flow in flows for name in flow.made]
    if spec.schema_ is not None and spec.schema_evolution != "add_new_columns":
        return frame.only([*spec.schema_, *added])
    kept = (*(spec.schema_ or ()), *added, *(of_feed(step) if "all" in step.feeds else ()))
    return _without_carried(frame, {name.casefold() for name in kept})


def _fields(frame: Frame, names: Iterable[str]) -> set[Field]:
    return {edge.field for name in names if (column := frame.get(name)) is not None for edge in column.edges}


def _through(frame: Frame, flows: Sequence[Flow]) -> Frame:
    for flow in flows:
        frame = frame.after(flow)
    return frame


def _without_carried(frame: Frame, wanted: set[str]) -> Frame:
    columns = {n: c for n, c in frame.columns.items() if n.casefold() in wanted or not is_carried(n)}
    return replace(frame, columns=columns, gone=frame.gone | (CARRIED - wanted))


# --- Bronze -------------------------------------------------------------------------------------------------------


def _source(step: Step) -> Frame:
    spec = step.spec
    source = spec.source
    assert source is not None, "only a Bronze table has a source"
    loader = (spec.auto_loader or AutoLoader()) if spec.copy_into is None else None
    where: str = getattr(source, "path", None) or source.format
    arrives = source.arrives_as if loader is None or not loader.infer_column_types else None
    hints = {plain_name(name): text for name, text in (loader.column_hints if loader else {}).items()}
    types = {**hints, **{name: column.type for name, column in (spec.schema_ or {}).items()}}
    columns = {
        name: Column(frozenset({Edge(Field(where, name), _cast(arrives, text))}), text) for name, text in types.items()
    }
    items = [projection(item) for item in (spec.copy_into.select or () if spec.copy_into else ())]
    columns |= {name: _selected(where, expression, types.get(name)) for expression, name in items if name is not None}
    columns |= {name: Column(NOTHING, BRONZE[name], text) for name, text in _ADDED.items()}
    rest = Edge(Field(where, None), Kind.TRANSFORMATION)
    rescued = loader.rescued_data_column if loader else "_rescued_data"
    columns[rescued] = Column(frozenset({rest}), BRONZE["_rescued_data"], "what fits no column, added by Bronze")
    evolves = spec.copy_into.merge_schema if spec.copy_into else loader and loader.evolves(declared=True)
    every = not items or any(name is None for _, name in items)
    return Frame(columns, {where: arrives} if every and (spec.schema_ is None or evolves) else {})


def _selected(where: str, expression: str, text: str | None) -> Column:
    kind = Kind.IDENTITY if text is None and bare_column(expression) else Kind.TRANSFORMATION
    names = columns_of(expression) - {"_metadata"}
    return Column(frozenset(Edge(Field(where, name), kind) for name in names), text)


def _cast(came: str | None, wanted: str) -> Kind:
    return Kind.IDENTITY if came == wanted else Kind.TRANSFORMATION


# --- cleansing and schema -----------------------------------------------------------------------------------------


def _ruled(frame: Frame, rule: Rule, args: AnyArguments, inputs: Iterable[Origin], read: Reading) -> Frame:
    if isinstance(args, Beside):
        return put_beside(frame, args, read(args.table))
    for _, text in args.queries():
        return frame_of(text, read, {"input": frame})
    flows = args.flow()
    if flows is None:
        return frame.blur(inputs)
    after = _through(frame, flows)
    types = _types_after(frame, rule, args)
    if types is None:
        return after
    if frame.is_open:
        return replace(after, columns={n: replace(c, type=types.get(n, c.type)) for n, c in after.columns.items()})
    # what there is after the rule is known: the rule itself says it
    columns = {name: replace(after.get(name) or Column(), type=text) for name, text in types.items()}
    return Frame(columns, rows=after.rows)


def _types_after(frame: Frame, rule: Rule, args: AnyArguments) -> dict[str, str | None] | None:
    """The columns that are known after a rule, with their types; None when the rule cannot tell."""
    known = {name: column.type for name, column in frame.columns.items()}
    for _, name in args.reads():
        if not frame.has(name) and (column := frame.get(name)) is not None:
            known[name] = column.type
    try:
        return rule.columns(known, args)
    except ValueError:  # a column that is not there, which validating tells at its place
        return None


def _declared(frame: Frame, schema: Mapping[str, ColumnSpec]) -> Frame:
    """The declared columns over those that there are, which ways to write may still read."""
    folded = {name.casefold() for name in schema}
    columns = {name: _column(frame, name, spec) for name, spec in schema.items()}
    others = {name: column for name, column in frame.columns.items() if name.casefold() not in folded}
    return replace(frame, columns={**columns, **others}, gone=frame.gone - folded)


def _column(frame: Frame, name: str, spec: ColumnSpec) -> Column:
    if spec.generated_as is not None:
        return replace(frame.after(Flow({name: value(spec.generated_as)})).columns[frame.spelled(name)], type=spec.type)
    found = frame.get(name)
    if found is None:
        return Column(NOTHING, spec.type, "numbered by Delta" if spec.identity else f"default {spec.default}")
    text = found.text
    if spec.default is not None and not frame.has(name):
        text = f"default {spec.default} where the input has no such column"
    return Column(through([(found, _cast(found.type, spec.type))]), spec.type, text)
