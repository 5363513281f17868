"""The control plane's Delta tables, written and read in process by `deltalake`: no Java, atomic between processes.

The post-commit hooks of `deltalake` are off: a checkpoint that fails after the commit would make an append that is
durable look like one that is not. `upkeep` makes checkpoints, compacts and vacuums instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, QueryBuilder, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from lakehouse.control.tables import FORMAT, FORMAT_PROPERTY, TABLES, ControlTable
from lakehouse.errors import MachineError, TransientError
from lakehouse.lake.storage import is_local, local_path
from lakehouse.redaction import redacted_in

_TOLD = frozenset({"error", "message", "reason", "details", "metrics", "variables", "sample", "observed"})
"""Columns for people, which show no secret; the others are what the next run goes by, and stay as they are."""
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_TRIES = 5
_RETRIES = 100
_PROPERTIES = {
    FORMAT_PROPERTY: str(FORMAT),
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
}


class PlanConflict(TransientError):
    """Somebody else planned for this table since the ledger was opened: decide the step anew."""


class Control:
    """The control plane below `root`, which is `<lake>/_lakehouse`. Threads may share it."""

    def __init__(self, root: str, storage: Mapping[str, str] | None = None) -> None:
        self.root = root.rstrip("/")
        self.storage = dict(storage or {})
        self.project = ""
        """The project's id, once it was read."""

    def path(self, name: str) -> str:
        """Where a control table lies."""
        return f"{self.root}/{TABLES[name].name}"

    def open(self, name: str) -> DeltaTable | None:
        """The table as it is now; None when nothing has been written to it yet.

        Raises MachineError when it was made by a newer version of the library.
        """
        path = self.path(name)
        if is_local(path) and not Path(local_path(path), "_delta_log").is_dir():
            return None
        try:
            table = DeltaTable(path, storage_options=self.storage)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            raise MachineError(f"{path} cannot be read: {error}", code="control.unreadable") from error
        found = str(table.metadata().configuration.get(FORMAT_PROPERTY) or 0)
        if not found.isdigit() or int(found) > FORMAT:
            raise MachineError(
                f"the control table {path} has format {found}, this version of the library knows {FORMAT}",
                code="control.newer",
                fix="use a newer version of the library",
            )
        return table

    def create(self, name: str) -> DeltaTable:
        """The table, made first when it is not there; processes may race for it."""
        for _ in range(20):
            table = self.open(name)
            if table is not None:
                return table
            spec = TABLES[name]
            try:
                DeltaTable.create(
                    self.path(name),
                    spec.schema,
                    mode="ignore",
                    partition_by=list(spec.partitioned_by),
                    name=spec.name,
                    description=spec.comment,
                    configuration={**_PROPERTIES, "delta.dataSkippingStatsColumns": ",".join(spec.statistics)},
                    storage_options=self.storage,
                    raise_if_key_not_exists=False,
                    post_commithook_properties=NO_HOOKS,
                )
            except (CommitFailedError, DeltaError, OSError) as error:
                failure: Exception = error  # another process made it meanwhile, or it really fails: look again
        raise MachineError(f"the control table {self.path(name)} cannot be made: {failure}", code="control.unwritable")

    def append(
        self,
        name: str,
        rows: pa.Table | Sequence[Mapping[str, Any]],
        *,
        through: DeltaTable | None = None,
        transaction: tuple[str, int] | None = None,
    ) -> None:
        """Append rows in one commit, durable when this returns. Missing columns are NULL, a missing `at` is now.

        With `transaction` the append conflicts with any other of the same application id that was committed since
        `through` was opened: PlanConflict. Without, appends never conflict, however many processes write.
        """
        spec = TABLES[name]
        data = rows if isinstance(rows, pa.Table) else to_arrow(spec, rows)
        if data.num_rows == 0:
            return
        for left in reversed(range(_TRIES)):
            try:
                self._append(through if through is not None else self.create(name), data, transaction)
            except CommitFailedError as error:
                reason = str(error).lower()
                # another process made the table at this moment, or added a column
                remade = "metadata changed" in reason
                if transaction and (remade or "transaction failed" in reason):
                    message = f"somebody else wrote {transaction[0]} meanwhile"
                    raise PlanConflict(message, code="plan.conflict") from error
                if not (remade and left and through is None):
                    message = f"{self.path(name)} could not be written: {error}"
                    raise TransientError(message, code="control.busy") from error
            except (DeltaError, OSError) as error:
                message = f"{self.path(name)} cannot be written: {error}"
                raise MachineError(message, code="control.unwritable") from error
            else:
                return

    def _append(self, table: DeltaTable, data: pa.Table, transaction: tuple[str, int] | None) -> None:
        known = {field.name for field in table.schema().fields}
        write_deltalake(
            table,
            data,
            mode="append",
            schema_mode=None if known.issuperset(data.column_names) else "merge",
            commit_properties=CommitProperties(
                max_commit_retries=_RETRIES,
                app_transactions=[Transaction(*transaction)] if transaction else None,
            ),
            post_commithook_properties=NO_HOOKS,
        )

    def read(
        self,
        name: str,
        *,
        of: Sequence[str] = (),
        where: str = "",
        columns: Sequence[str] = (),
        through: DeltaTable | None = None,
    ) -> pa.Table:
        """Rows of a control table, in no order: all columns or the named ones.

        `of` are ids of data tables whose rows are wanted, `where` is a SQL condition; without them all rows are given.
        """
        spec = TABLES[name]
        if of:
            ids = f"table_id IN ({', '.join(sql_text(i) for i in of)})"
            where = f"{ids} AND ({where})" if where else ids
        wanted = tuple(columns) or tuple(spec.columns)
        schema = pa.schema([(column, spec.columns[column]) for column in wanted])
        table = through if through is not None else self.open(name)
        if table is None:
            return schema.empty_table()
        known = {field.name for field in table.schema().fields}
        there = [column for column in wanted if column in known]
        listed = ", ".join(f'"{column}"' for column in there)
        found = _execute({name: table}, f'SELECT {listed} FROM "{name}"' + (f" WHERE {where}" if where else ""))
        filled = {c: found[c].cast(spec.columns[c]) if c in known else None for c in wanted}
        return pa.table(
            [pa.nulls(found.num_rows, spec.columns[c]) if a is None else a for c, a in filled.items()], schema=schema
        )

    def query(self, sql: str) -> pa.Table:
        """Any SQL (DataFusion's) over the control tables by their bare names; a table not made yet is empty."""
        tables = {name: self.open(name) for name in TABLES if name in sql}
        return _execute(tables, sql)


def to_arrow(spec: ControlTable, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as arrow; a map or list in a text column becomes JSON. Raises ValueError for a column that is not there."""
    now = datetime.now(UTC)
    plain: list[dict[str, Any]] = []
    for row in rows:
        unknown = row.keys() - spec.columns.keys()
        if unknown:
            raise ValueError(f"the control table {spec.name} has no column {sorted(unknown)}")
        made = {"at": now, **{key: value for key, value in row.items() if not (key == "at" and value is None)}}
        made |= {name: redacted_in(made[name]) for name in _TOLD & made.keys()}
        plain.append({k: _text(v) if isinstance(v, Mapping | list | tuple) else v for k, v in made.items()})
    return pa.Table.from_pylist(plain, schema=spec.schema)


def sql_text(value: str) -> str:
    """The text as a literal of DataFusion's SQL."""
    return "'" + value.replace("'", "''") + "'"


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _execute(tables: Mapping[str, DeltaTable | None], sql: str) -> pa.Table:
    builder = QueryBuilder()
    for name, table in tables.items():
        if table is None:
            columns = ", ".join(f'{_null(kind)} AS "{column}"' for column, kind in TABLES[name].columns.items())
            pa.table(builder.execute(f'CREATE VIEW "{name}" AS SELECT {columns} WHERE false'))
        else:
            builder.register(name, table)
    found = pa.table(builder.execute(sql))
    return found.cast(pa.schema([pa.field(f.name, pa.string()) if _is_view(f.type) else f for f in found.schema]))


def _null(kind: pa.DataType) -> str:
    name = "Utf8" if pa.types.is_string(kind) else _ARROW_NAMES[str(kind)]
    return f"arrow_cast(NULL, '{name}')"


_ARROW_NAMES = {
    "int64": "Int64",
    "double": "Float64",
    "bool": "Boolean",
    "timestamp[us, tz=UTC]": 'Timestamp(Microsecond, Some("UTC"))',
}


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_large_string(kind))
