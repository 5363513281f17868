"""A table's definition as Delta stores it: creating it, and altering it by what differs and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.lake import commit
from lakehouse.lake.log import ID, Log
from lakehouse.lake.target import location
from lakehouse.names import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.lake.signature import Signature

MANAGED = "lakehouse.properties"
"""Property that names the properties which came from the definition, so that one taken out of it can be unset."""
CONSTRAINTS = "lakehouse.constraints"
"""Property that names the constraints which came from the definition, so that one taken out of it can be dropped."""
PROJECT = "lakehouse.project"
"""Property that names the project whose control plane says how far the table was read (S96)."""
WIDENING = "delta.enableTypeWidening"
"""Property with which Delta gives stored columns wider types."""
_CHECK = "delta.constraints."
"""What the properties of Delta's CHECK constraints begin with, in front of the name in small letters."""

_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|"[^"]*"|`[^`]*`)""")
"""Texts and names in quotes, within which whitespace counts."""

_NEEDS = {"timestamp_ntz": "timestampNtz", "variant": "variantType"}
"""Type -> the table feature without which Delta stores no column of it; only a new table gets it by itself."""


@dataclass(frozen=True)
class Column:
    """A stored column."""

    type: str
    nullable: bool = True
    comment: str = ""
    generated_as: str = ""
    """The SQL expression that its value must be; Delta computes it for rows that come without one."""
    identity: tuple[int, int] | None = None
    """Start and step of the numbers that Delta gives."""


@dataclass(frozen=True)
class Definition:
    """What a table is besides its rows."""

    columns: Mapping[str, Column]
    partitioned_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    constraints: Mapping[str, str] = field(default_factory=dict)
    """Name, in small letters -> condition that Delta checks on every write."""
    widened: Mapping[str, str] = field(default_factory=dict)
    """Stored column -> the wider type that it gets; the table must have the property `WIDENING` for it."""
    project: str = ""
    """The id of the project that writes the table; empty where that is not of interest."""
    anew: frozenset[str] = frozenset()
    """Constraints that are dropped and added again, because Delta widens no column that a constraint names."""


def create(spark: SparkSession, path: str, table_id: str, definition: Definition, signature: Signature) -> None:
    """Create the empty table at a path that holds none, in one commit annotated with the signature.

    Raises ValueError without columns (the log of such a table cannot be read), Spark's error when a table is there.
    """
    if not definition.columns:
        raise ValueError("a table needs a column")
    properties = {**definition.properties, ID: table_id, **_managed(definition)}
    properties |= {PROJECT: definition.project} if definition.project else {}
    properties |= {f"{_CHECK}{name}": condition for name, condition in definition.constraints.items()}
    columns = ", ".join(_column(name, column) for name, column in definition.columns.items())
    parts = [f"CREATE TABLE {location(path)} ({columns}) USING delta"]
    if definition.partitioned_by:
        parts.append(f"PARTITIONED BY ({_names(definition.partitioned_by)})")
    if definition.cluster_by:
        parts.append(f"CLUSTER BY ({_names(definition.cluster_by)})")
    if definition.comment:
        parts.append(f"COMMENT {literal(definition.comment)}")
    parts.append(f"TBLPROPERTIES ({_properties(properties)})")
    with commit.annotated(spark, signature):
        spark.sql(" ".join(parts))


def differences(log: Log, definition: Definition) -> dict[str, str]:
    """What is done -> the ALTER statement that does it, for everything that differs; empty when nothing does.

    Raises StepError for a difference that no ALTER can bridge. Pure: reads the log, writes nothing.
    """
    if _folded(definition.partitioned_by) != _folded(log.partitioned_by):
        raise StepError(
            f"the table is partitioned by {_list(log.partitioned_by)}, its definition says "
            f"{_list(definition.partitioned_by)}",
            code="table.partitioned_by",
            fix="take the change back, or lay the table out anew by `lakehouse maintain --rewrite`",
        )
    table = f"ALTER TABLE {location(log.path)}"
    statements = features(log, [column.type for column in definition.columns.values()])
    if definition.project:
        statements |= _of_project(log, definition.project)
    # before the lists of what is ours are set, so that what a crash leaves over is still known as ours
    gone, checks = _gone_properties(log, definition), _gone_constraints(log, definition)
    if gone or checks:
        keys = ", ".join(literal(name) for name in (*gone, *(f"{_CHECK}{name}" for name in checks)))
        words = [f"unset {', '.join(gone)}"] * bool(gone) + [f"drop constraint {', '.join(checks)}"] * bool(checks)
        statements[", ".join(words)] = f"{table} UNSET TBLPROPERTIES IF EXISTS ({keys})"
    if changed := _changed_properties(log, definition):
        names = ", ".join(name for name in sorted(changed) if name not in (MANAGED, CONSTRAINTS))
        statements[f"set {names or 'properties'}"] = f"{table} SET TBLPROPERTIES ({_properties(changed)})"
    if definition.widened:
        items = ", ".join(f"{quoted(name)} TYPE {text}" for name, text in definition.widened.items())
        changes = ", ".join(f"{name} to {text}" for name, text in definition.widened.items())
        statements[f"widen {changes}"] = f"{table} ALTER COLUMN {items}"
    if comments := _changed_comments(log, definition):
        items = ", ".join(f"{quoted(name)} COMMENT {literal(text)}" for name, text in comments.items())
        statements[f"comment {', '.join(comments)}"] = f"{table} ALTER COLUMN {items}"
    if freed := _freed(log, definition):
        items = ", ".join(f"{quoted(name)} DROP NOT NULL" for name in freed)
        statements[f"allow NULL in {', '.join(freed)}"] = f"{table} ALTER COLUMN {items}"
    if _folded(definition.cluster_by) != _folded(log.clustered_by):
        by = f"({_names(definition.cluster_by)})" if definition.cluster_by else "NONE"
        statements[f"cluster by {_list(definition.cluster_by)}"] = f"{table} CLUSTER BY {by}"
    for name, condition in new_constraints(log, definition).items():
        statements[f"add constraint {name}"] = f"{table} ADD CONSTRAINT {quoted(name)} CHECK ({condition})"
    return statements


def constraints(log: Log) -> dict[str, str]:
    """Name in small letters -> condition of the CHECK constraints that the table has."""
    return {n.removeprefix(_CHECK): text for n, text in log.properties.items() if n.startswith(_CHECK)}


def new_constraints(log: Log, definition: Definition) -> dict[str, str]:
    """The constraints of the definition that the table does not have, or has with another condition."""
    there = constraints(log)
    return {
        name: text
        for name, text in definition.constraints.items()
        if name in definition.anew or not same_text(text, there.get(name, ""))
    }


def same_text(one: str, other: str) -> bool:
    """Whether two SQL texts are the same but for whitespace outside of quotes, where Delta puts its own."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    parts = _QUOTED.split(text)
    return "".join(part if index % 2 else re.sub(r"\s+", "", part) for index, part in enumerate(parts))


def features(log: Log, types: Iterable[str]) -> dict[str, str]:
    """What is done -> the statement that does it, for the table features that columns of these types need."""
    words = {word for text in types for word in re.findall(r"(?<![\w`])\w+(?=[,>]|\Z)", text)}
    missing = sorted(_NEEDS[word] for word in words & _NEEDS.keys() if _NEEDS[word] not in log.features)
    if not missing:
        return {}
    switches = _properties({f"delta.feature.{name}": "supported" for name in missing})
    return {f"enable {', '.join(missing)}": f"ALTER TABLE {location(log.path)} SET TBLPROPERTIES ({switches})"}


def enable(spark: SparkSession, log: Log, types: Iterable[str], signature: Signature, *, widen: bool = False) -> int:
    """Let the table store columns of these types, and `widen` those that it has; the number of commits, 0 as a rule."""
    statements = features(log, types)
    if widen and log.properties.get(WIDENING) != "true":
        switch = _properties({WIDENING: "true"})
        statements["enable type widening"] = f"ALTER TABLE {location(log.path)} SET TBLPROPERTIES ({switch})"
    for statement in statements.values():
        with commit.annotated(spark, signature):
            spark.sql(statement)
    return len(statements)


def take_over(spark: SparkSession, log: Log, project: str, signature: Signature) -> None:
    """Write down in the table that this project writes it; no commit where that is so."""
    for statement in _of_project(log, project).values():
        with commit.annotated(spark, signature):
            spark.sql(statement)


def _of_project(log: Log, project: str) -> dict[str, str]:
    writer = log.properties.get(PROJECT)
    if writer in (None, project):
        return {}
    switch = _properties({PROJECT: project})
    return {
        f"take the table over from project {writer}": f"ALTER TABLE {location(log.path)} SET TBLPROPERTIES ({switch})"
    }


def broken(spark: SparkSession, log: Log, definition: Definition) -> dict[str, int]:
    """New constraint -> stored rows that break it, of those that any does: one job, none without a new constraint."""
    from pyspark.sql import functions as F

    wanted = new_constraints(log, definition)
    if not wanted:
        return {}
    rows = spark.read.format("delta").option("versionAsOf", log.version).load(log.path)
    counts = [F.count_if(~F.coalesce(F.expr(text), F.lit(False))).alias(name) for name, text in wanted.items()]
    (found,) = rows.agg(*counts).collect()
    return {name: count for name, count in found.asDict().items() if count}


def alter(spark: SparkSession, log: Log, definition: Definition, signature: Signature) -> list[str]:
    """Bring the table in line with its definition, one commit per kind of difference; returns what was done.

    New columns are none of them: the data statement that fills a column adds it. A column that the definition no
    longer has is kept.
    """
    done = []
    for what, statement in differences(log, definition).items():
        with commit.annotated(spark, signature):
            spark.sql(statement)
        done.append(what)
    return done


def _column(name: str, column: Column) -> str:
    null = "" if column.nullable else " NOT NULL"
    comment = f" COMMENT {literal(column.comment)}" if column.comment else ""
    given = f" GENERATED ALWAYS AS ({column.generated_as})" if column.generated_as else ""
    if column.identity is not None:
        start, step = column.identity
        given = f" GENERATED ALWAYS AS IDENTITY (START WITH {start} INCREMENT BY {step})"
    return f"{quoted(name)} {column.type}{given}{null}{comment}"


def _managed(definition: Definition) -> dict[str, str]:
    """The lists of what is ours; a table that never had a constraint has no list of them."""
    names = {CONSTRAINTS: ",".join(sorted(definition.constraints))} if definition.constraints else {}
    return {MANAGED: ",".join(sorted(definition.properties)), **names}


def _gone_constraints(log: Log, definition: Definition) -> list[str]:
    """Those of ours that the definition does not have any more, and those that get another condition."""
    there = constraints(log)
    ours = [name for name in log.properties.get(CONSTRAINTS, "").split(",") if name]
    gone = [name for name in ours if name in there and name not in definition.constraints]
    return gone + [name for name in new_constraints(log, definition) if name in there]


def _changed_properties(log: Log, definition: Definition) -> dict[str, str]:
    wanted = {**definition.properties, **_managed(definition)}
    changed = {name: value for name, value in wanted.items() if log.properties.get(name) != value}
    if definition.comment != (log.description or ""):
        changed["comment"] = definition.comment
    return changed


def _gone_properties(log: Log, definition: Definition) -> list[str]:
    ours = [name for name in log.properties.get(MANAGED, "").split(",") if name]
    return [name for name in ours if name not in definition.properties and name in log.properties]


def _changed_comments(log: Log, definition: Definition) -> dict[str, str]:
    there = {name.casefold(): (name, text) for name, text in log.comments.items()}
    columns = {name.casefold(): name for name in log.columns}
    changed = {}
    for name, column in definition.columns.items():
        stored = columns.get(name.casefold())
        # a column without a comment in the definition keeps the one it has: Bronze notes there the name as it came in
        if stored and column.comment and there.get(name.casefold(), ("", ""))[1] != column.comment:
            changed[stored] = column.comment
    return changed


def _freed(log: Log, definition: Definition) -> list[str]:
    nullable = {name.casefold(): yes for name, yes in log.nullable.items()}
    return [n for n, column in definition.columns.items() if column.nullable and nullable.get(n.casefold()) is False]


def _properties(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{literal(name)} = {literal(value)}" for name, value in sorted(properties.items()))


def _names(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _folded(names: Iterable[str]) -> list[str]:
    return [name.casefold() for name in names]
