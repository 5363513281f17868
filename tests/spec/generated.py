"""Pipelines made from the models: every field of every leaf that is built, with values that it takes."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from hypothesis import strategies as st
from pydantic import BaseModel, RootModel, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError
from pydantic.fields import FieldInfo

from lakehouse import model as base
from lakehouse.cleanse import base as cleanse
from lakehouse.cleanse import from_avro, literals, rows
from lakehouse.cleanse import sql as sql_rule
from lakehouse.lake.types import canonical
from lakehouse.quality import fields as sql
from lakehouse.quality.core import base as core
from lakehouse.quality.core import compare, query, table_columns, table_rows
from lakehouse.quality.models import Expectation
from lakehouse.sources import auto_loader
from lakehouse.sources import base as sources
from lakehouse.spec import table as tables_module
from lakehouse.spec.leaves import SOURCES, WAYS, OneKey
from lakehouse.spec.models import Pipeline, Table
from lakehouse.spec.nodes import node_of
from lakehouse.spec.rules import table_problems
from lakehouse.spec.variables import RESERVED
from lakehouse.write import aggregate

Strategy = st.SearchStrategy[Any]

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda n: not n.startswith("_") and n not in RESERVED
)
HARD = [
    "yes", "NO", "010", "1e3", "0o7", "null", "~", "", "<<", "12:30", "${a}", "$${a}", "$$${a}", "${", "# a", "a # b", "a: b", "- a",
    "a\nb", "a\n", "\na", " a", "a ", "a\tb", "'", '"', "\\", "\x85", "\u2028", "\ufeff", "=", "0x1F", ".nan", "@a", "%a", "*a", "&a",
    "!a", "{a}", "[a]", "a,b", "|", ">", "é", "\U0001f600", "2013-01-01", "true", "a" * 200, "x " * 80,
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(HARD)
"""Text that means something else to YAML, or to us, than it says."""
COLUMNS = NAMES | st.sampled_from(["a b", "A", "é", "a.b", "${a}", "1"])
TYPES = st.sampled_from(
    ["int", "BIGINT", "string", "double", "date", "timestamp", "decimal(10, 2)", "array<int>", "boolean", "binary"]
)
ROWS = st.sampled_from(
    [
        "a",
        "a + 1",
        "upper(b)",
        "`a b`",
        "case when a > 1 then 'x' else 'y' end",
        "'${a}'",
        "make_date(a, 1, 1)",
        "a\n + 1",
    ]
)
CONDITIONS = st.sampled_from(
    ["a > 1", "b = 'x: y # z'", "a IS NOT NULL AND\n  b IN (1, 2)", "c = ':x'", "d <> '${a}'", "a > :limit"]
)
MEASURES = st.sampled_from(["count(*)", "sum(a)", "max(b) - min(b)", "count_if(a > :limit)", "avg(a)\n / 2"])
DURATIONS = st.sampled_from(
    ["90s", "1 hour 30 minutes", "7d", "0.5 seconds", "2 weeks", "1 year", "30 days", "100 hours"]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
SCALARS = st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | TEXT

TABLES = st.builds(lambda layer, name: f"{layer}.{name}", st.sampled_from(["bronze", "silver"]), NAMES)

QUERIES = st.sampled_from(
    ["SELECT 1 AS x", "SELECT a FROM bronze.a\nWHERE b > 1\n", "SELECT ':x' AS a, b -- c: # d\nFROM silver.s"]
)

SPECIAL: dict[Callable[..., Any], Strategy] = {
    base.parse_duration: DURATIONS,
    canonical: TYPES,
    sql._any: ROWS | MEASURES,
    sql._row: ROWS,
    sql._condition: CONDITIONS,
    sql._measure: MEASURES,
    sql._measures: st.dictionaries(COLUMNS, MEASURES, min_size=1, max_size=3),
    rows._order_parses: ROWS | st.sampled_from(["a DESC", "a + 1 asc nulls last"]),
    cleanse.own_name: COLUMNS,
    auto_loader.parse_bytes: st.integers(1, 10**15) | st.sampled_from(["10g", "64 MB", "1.5k"]),
    base._table_name: TABLES,
    tables_module._inputs: TABLES | TABLES.map(lambda name: {"table": name}) | TABLES.map(lambda name: [name]),
    base._texts: st.dictionaries(TEXT, TEXT | st.integers() | st.booleans(), max_size=3),
    tables_module._instant: st.sampled_from(["2024-01-31", "2024-01-31T12:00:00+01:00"]),
    base._function: st.sampled_from(["json:loads", "package.module:function"]),
    sql_rule._query: st.sampled_from(["SELECT * FROM input", "SELECT a, ':x' AS b FROM input -- c: # d\nJOIN silver.s USING (a)"]),
    from_avro._record: st.just('{"type": "record", "name": "r", "fields": []}'),
    base.null_word: st.sampled_from(["quarantine", "fail", "null"]),
    sources._utc: st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(str) | st.sampled_from(["2013-01-01", "2013-01-01T00:00:00+02:00"]),  # noqa: DTZ001
    core._number_or_text: st.integers(-100, 100) | st.floats(-100, 100) | st.sampled_from(["2013-01-01", "a"]),
    compare._one: SCALARS | st.none(),
    compare._one_kind: st.lists(st.integers(), max_size=3) | st.lists(TEXT, max_size=3) | st.lists(st.none() | st.booleans(), max_size=2),
    aggregate._groups: NAMES | st.dictionaries(NAMES, ROWS, max_size=3) | st.lists(NAMES | st.dictionaries(NAMES, ROWS, min_size=1, max_size=2), max_size=3),
    table_columns._known: st.sampled_from(["IntegerType", "StringType", "NumericType"]),
    table_columns._some_known: st.lists(st.sampled_from(["LongType", "DecimalType"]), min_size=1, max_size=2),
    tables_module._json: st.just(str(Path(__file__).parent / "suites" / "columns.json")),
    table_rows._a_table: TABLES,
    query._reads_the_rows: st.sampled_from(["SELECT * FROM {batch} WHERE a > 1", "SELECT ': # ${a}' FROM {batch}\n;"]),
    literals.one_or_many: SCALARS | st.lists(SCALARS, min_size=1, max_size=3),
}  # fmt: skip
"""What the validators of the fields take."""


def is_built(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return not (isinstance(extra, dict) and extra.get("available") is False) and "Later" not in str(field.annotation)


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """YAML key -> field, of what is built."""
    return {field.alias or name: field for name, field in model.model_fields.items() if is_built(field)}


def accepted(model: type[BaseModel], value: Any) -> bool:
    try:
        model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError:
        return False
    return True


NEEDED: Mapping[type[BaseModel], dict[str, str]] = {SOURCES["xml"].Options: {"rowTag": "row"}}
"""Options without which there is no source of the format."""


@st.composite
def one_of(draw: st.DrawFn, choices: list[Strategy]) -> Any:
    """Each of the choices as often as the others, whatever they are made of."""
    return draw(choices[draw(st.integers(0, len(choices) - 1))])


@cache
def made(model: type[BaseModel]) -> Strategy:
    """Values of a model, as they are written."""
    if issubclass(model, RootModel):
        field = model.model_fields["root"]
        return values(field.annotation, field.metadata).filter(lambda value: accepted(model, value))
    if issubclass(model, OneKey):
        words = [key for key, field in fields_of(model).items() if leaf(field)]
        return one_of([st.fixed_dictionaries({word: of(model.model_fields[word])}) for word in words])
    required = {key: of(field) for key, field in fields_of(model).items() if field.is_required()}
    optional = {key: of(field) for key, field in fields_of(model).items() if not field.is_required()}
    if model in NEEDED:
        del optional["options"]
        required["options"] = st.just(NEEDED[model])
    if model is Expectation:
        words = {key: strategy for key, strategy in optional.items() if key.startswith("expect")}
        rest = {key: strategy for key, strategy in optional.items() if key not in words}
        one = [
            st.fixed_dictionaries({key: strategy}, optional=rest)
            for key, strategy in words.items()
            if leaf(model.model_fields[key])
        ]
        return one_of([*one, CONDITIONS]).filter(lambda value: accepted(model, value))
    return st.fixed_dictionaries(required, optional=optional).filter(lambda value: accepted(model, value))  # type: ignore[arg-type]


def leaf(field: FieldInfo) -> bool:
    """Whether what a field holds is built."""
    return all(getattr(kind, "available", True) for kind in models_in(field.annotation))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_in(part)


def of(field: FieldInfo) -> Strategy:
    return values(field.annotation, field.metadata)


def values(annotation: Any, metadata: Any = ()) -> Strategy:  # noqa: C901 - a table of types
    """Values of a type with its bounds and validators."""
    metadata = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    for item in metadata:
        func = getattr(item, "func", None)
        if func in SPECIAL:
            return SPECIAL[func]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    bounds = {
        name: getattr(item, name)
        for item in metadata
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length")
        if getattr(item, name, None) is not None
    }
    least, most = bounds.get("min_length", 0), min(bounds.get("max_length", 3), 3)
    if origin is Annotated:
        return values(args[0], [*args[1:], *metadata])
    if origin in (Union, types.UnionType):
        return one_of([values(arg, metadata) for arg in args if getattr(arg, "available", True)])
    if origin is Literal:
        return st.sampled_from([word for word in args if word not in ("incremental", "full")])
    if origin in (tuple, list):
        if args[-1:] != (Ellipsis,) and origin is tuple:
            return st.tuples(*[values(arg) for arg in args]).map(list)
        many = st.lists(values(args[0]), min_size=least, max_size=max(most, least))
        one = any(getattr(item, "func", None) is base._one_or_many for item in metadata)
        return many | values(args[0]) if one else many
    if origin is dict:
        keys = COLUMNS if args[0] is str else values(args[0])
        return st.dictionaries(keys, values(args[1]), min_size=least, max_size=most)
    if annotation in (int, StrictInt):
        return st.integers(
            bounds.get("ge", bounds.get("gt", -1001) + 1), min(bounds.get("le", 1000), bounds.get("lt", 1001) - 1)
        )
    if annotation in (float, StrictFloat):
        return st.floats(
            bounds.get("ge", bounds.get("gt", 0)),
            bounds.get("le", bounds.get("lt", 1)),
            exclude_min="gt" in bounds,
            exclude_max="lt" in bounds,
        )
    simple = {bool: st.booleans(), StrictBool: st.booleans(), type(None): st.none(), Any: PLAIN}
    if annotation in simple:
        return simple[annotation]
    if annotation in (str, StrictStr):
        return TEXT.filter(lambda text: len(text) >= least)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return made(annotation)
    msg = f"no values for {annotation} with {metadata}"
    raise AssertionError(msg)


@cache
def of_table() -> dict[str, Strategy]:
    """Values of the keys of a table that are neither its source nor the way that it is written."""
    return {key: of(field) for key, field in fields_of(Table).items() if key not in ("source", *WAYS)}


@st.composite
def tables(draw: st.DrawFn, layer: str) -> dict[str, Any]:
    """A table of the layer, with keys that go together."""
    fields = of_table()
    every = set(fields) | {"maintenance"}
    bronze = {"auto_loader", "copy_into", "column_names", "on_bad_record", "on_bad_file"}
    above = {"cleanse", "schema_evolution", "expectation_suites"}
    keys: dict[str, Any] = {}
    if layer == "bronze":
        leaves = [module.Options for module in SOURCES.values() if module.Options.available]
        keys["source"] = draw(one_of([source(options) for options in leaves]))
        others = every - above - {"from", "sql", "refresh"}
    else:
        others = every - bronze
        origin = draw(st.sampled_from(["from", "sql"]))
        keys[origin] = draw(SPECIAL[tables_module._inputs] if origin == "from" else QUERIES)
        ways = (
            ["overwrite"]
            if origin == "sql"
            else [w for w in WAYS if WAYS[w].Options.available and (w != "aggregate" or layer == "gold")]
        )
        way = draw(st.sampled_from([*ways, None]))
        if way:
            keys[way] = draw(
                made(WAYS[way].Options) | (st.just(True) if way in ("append", "overwrite") else st.nothing())
            )
        others -= {"from", "sql"}
    for key in sorted(draw(st.sets(st.sampled_from(sorted(others)), max_size=12))):
        keys[key] = draw(fields[key])
        if not sound(layer, keys):
            del keys[key]
    return keys


def source(options: type[BaseModel]) -> Strategy:
    """A source of a format that is built, with options that its reader knows."""
    known = typing.cast("type[sources.Source]", options).spark_options
    named = sorted({"any"} if known is None else known)
    word = typing.get_args(options.model_fields["format"].annotation)[0]
    needed = NEEDED.get(options, {})
    return st.builds(
        lambda keys, given: {**keys, "format": word, **({"options": needed | given} if needed or given else {})},
        made(options).map(lambda keys: {k: v for k, v in keys.items() if k != "options"}),
        st.dictionaries(st.sampled_from(named), TEXT | st.booleans() | st.integers(), max_size=3)
        if named
        else st.just({}),
    ).filter(lambda value: accepted(options, value))


def sound(layer: str, keys: dict[str, Any]) -> bool:
    """Whether a table may have these keys together."""
    try:
        table = Table.model_validate(keys, by_alias=True, by_name=False)
    except ValidationError:
        return False
    mark = ("f", 1, 1)
    return not any(base.unavailable(table)) and not any(table_problems(layer, table, node_of(keys, mark), mark))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A pipeline file as maps, lists and scalars, without a mistake of reading in it."""
    document: dict[str, Any] = {"pipeline": draw(NAMES)}
    simple = [
        key
        for key in fields_of(Pipeline)
        if key not in ("pipeline", "bronze", "silver", "gold", "tasks", "defaults", "variables")
    ]
    for key in sorted(draw(st.sets(st.sampled_from(simple)))):
        document[key] = draw(of(Pipeline.model_fields[key]))
    document["variables"] = {**draw(st.dictionaries(NAMES, PLAIN, max_size=2)), "limit": 3}
    for layer in draw(st.permutations(["bronze", "silver", "gold"])):
        names = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
        document[layer] = {name: draw(tables(layer)) for name in names}
    return document
