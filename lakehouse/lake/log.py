"""One look at a table's Delta log, without Java and without reading a row: version, txn, history, columns, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse.errors import MachineError, OffsetError
from lakehouse.lake import checkpoint, types
from lakehouse.lake.history import FEED, Change, Commit, Commits, LogFiles
from lakehouse.lake.signature import app_id
from lakehouse.lake.storage import filesystem, is_local, local_path

ID = "lakehouse.id"
"""Table property that holds the table's own id."""


class Log:
    """A table as its log showed it at one moment; everything below is of that version. Open it anew to look again."""

    def __init__(self, path: str, storage: Mapping[str, str], table: DeltaTable) -> None:
        self.path = path
        self.storage = storage
        self._opened: DeltaTable | None = table
        found, folder = filesystem(path, storage)
        self._files = LogFiles(found, f"{folder.rstrip('/')}/_delta_log")
        self._fs = found
        self.version: int = table.version()
        self._metadata = table.metadata()

    @classmethod
    def open(cls, path: str, storage: Mapping[str, str] | None = None, version: int | None = None) -> Log | None:
        """The table at the path, at its newest version or the one asked for; None when there is none.

        Raises MachineError when there is a log that cannot be read.
        """
        if is_local(path) and not Path(local_path(path), "_delta_log").is_dir():
            return None
        try:
            return cls(path, storage or {}, DeltaTable(path, version=version, storage_options=dict(storage or {})))
        except TableNotFoundError:
            return None
        except DeltaError as error:
            raise MachineError(f"the Delta log of {path} cannot be read: {error}", code="log.unreadable") from error

    @classmethod
    def require(cls, path: str, storage: Mapping[str, str] | None = None) -> Log:
        """Like `open`, for a table that must be there: MachineError when it is not."""
        found = cls.open(path, storage)
        if found is None:
            raise MachineError(f"there is no Delta table at {path}", code="log.missing")
        return found

    @property
    def _table(self) -> DeltaTable:
        if self._opened is None:
            options = dict(self.storage)
            self._opened = DeltaTable(self.path, version=self.version, storage_options=options)
        return self._opened

    def let_go(self) -> None:
        """Free most of what is held in memory: the list of files, which is read again when somebody asks for it."""
        if self._opened is not None:
            _ = self.sequence, self._fields, self.features
            self._opened = None

    @property
    def delta_id(self) -> str:
        """Delta's own `metaData.id`."""
        return str(self._metadata.id)

    @property
    def table_id(self) -> str | None:
        """The id from the table's property `lakehouse.id`; None when the table is not one of ours."""
        return self.properties.get(ID)

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties as stored."""
        return dict(self._metadata.configuration)

    @property
    def feeds(self) -> bool:
        """Whether what a commit changes is recorded."""
        return self.properties.get(FEED, "").lower() == "true"

    @property
    def created_at(self) -> datetime:
        """When the table was made."""
        return datetime.fromtimestamp((self._metadata.created_time or 0) / 1000, UTC)

    @property
    def description(self) -> str | None:
        """The table's comment."""
        return self._metadata.description

    @property
    def partitioned_by(self) -> tuple[str, ...]:
        """The partition columns, in order."""
        return tuple(self._metadata.partition_columns)

    @cached_property
    def features(self) -> frozenset[str]:
        """Reader and writer features of the table's protocol."""
        protocol = self._table.protocol()
        return frozenset([*(protocol.reader_features or []), *(protocol.writer_features or [])])

    @cached_property
    def _fields(self) -> Sequence[Mapping[str, Any]]:
        return tuple(json.loads(self._table.schema().to_json())["fields"])

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column name -> canonical type text, in the table's order."""
        return {field["name"]: types.from_json(field["type"]) for field in self._fields}

    @cached_property
    def nullable(self) -> Mapping[str, bool]:
        """Column name -> whether it may hold NULL."""
        return {field["name"]: bool(field["nullable"]) for field in self._fields}

    @cached_property
    def comments(self) -> Mapping[str, str]:
        """Column name -> comment, of the columns that have one."""
        return {field["name"]: comment for field in self._fields if (comment := field["metadata"].get("comment"))}

    @cached_property
    def given(self) -> Mapping[str, tuple[tuple[int, int] | None, str]]:
        """Column name -> (start and step of an identity, generating expression), where Delta gives the values."""
        found: dict[str, tuple[tuple[int, int] | None, str]] = {}
        for field in self._fields:
            about = field["metadata"]
            if "delta.identity.start" in about:
                found[field["name"]] = ((int(about["delta.identity.start"]), int(about["delta.identity.step"])), "")
            elif text := about.get("delta.generationExpression"):
                found[field["name"]] = (None, str(text))
        return found

    @cached_property
    def physical_names(self) -> Mapping[str, str]:
        """Column name -> name inside the data files: another one only under column mapping."""
        key = "delta.columnMapping.physicalName"
        return {field["name"]: field["metadata"].get(key, field["name"]) for field in self._fields}

    @cached_property
    def clustered_by(self) -> tuple[str, ...]:
        """The columns of liquid clustering (nested ones dotted), empty without it."""
        if "clustering" not in self.features:
            return ()
        found = checkpoint.clustering(self._fs, self._files, self.version)
        logical = {physical: name for name, physical in self.physical_names.items()}
        return tuple(".".join([logical.get(path[0], path[0]), *path[1:]]) for path in found)

    @cached_property
    def sequence(self) -> int | None:
        """The txn version that the log records for this table's own id; None when nothing was read into it yet."""
        return self.transaction(app_id(self.table_id)) if self.table_id else None

    def transaction(self, app: str) -> int | None:
        """The txn version recorded for any application id."""
        found = self._table.transaction_version(app)
        return None if found is None else int(found)

    @cached_property
    def commits(self) -> Sequence[Commit]:
        """The visible commits, newest first, read only as far back as they are asked for."""
        return Commits(self._files, self.version)

    @property
    def oldest(self) -> int:
        """The oldest version from which on all commits are visible; older history has expired."""
        return self.version - len(self.commits) + 1

    def files(self) -> pa.Table:
        """The live files, one row each.

        Columns: path, size_bytes, num_records (before deletion vectors; NULL without statistics), modified, deleted
        (rows that a deletion vector hides), and a text column `partition.<name>` per partition column.
        """
        found = pa.table(self._table.get_add_actions(flatten=True))
        modified = found["modification_time"].cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("us", "UTC"))
        names = ["path", "size_bytes", "num_records", "modified", "deleted"]
        columns: list[Any] = [found["path"], found["size_bytes"], found["num_records"], modified, self._deleted(found)]
        for name in self.partitioned_by:
            names.append(f"partition.{name}")
            columns.append(found[f"partition.{name}"].cast(pa.string()))
        return pa.table(columns, names=names)

    def _deleted(self, files: pa.Table) -> pa.Array:
        if "deletionVectors" not in self.features:
            return pa.repeat(pa.scalar(0, pa.int64()), files.num_rows)
        if "typeWidening" in self.features:  # `deltalake` refuses these tables here
            counts = checkpoint.hidden(self._fs, self._files, self.version).items()
            hidden = {path.rsplit("/", 1)[-1]: count for path, count in counts}
        else:
            vectors = pa.table(self._table.deletion_vectors())
            hidden = {
                path.rsplit("/", 1)[-1]: pc.sum(pc.invert(keep.values)).as_py() or 0
                for path, keep in zip(vectors["filepath"].to_pylist(), vectors["selection_vector"], strict=True)
            }
        return pa.array([hidden.get(path.rsplit("/", 1)[-1], 0) for path in files["path"].to_pylist()], pa.int64())

    def data_version(self, after: int = -1) -> int | None:
        """The newest version above `after` with a file action of `dataChange`; None when there is none.

        A commit of the library that wrote the same rows anew is passed over, though Delta has it otherwise.

        Where history has expired inside that range and the visible part has none, the newest expired version is
        given: a change cannot be ruled out there.
        """
        for commit in self.commits:
            if commit.version <= after:
                return None
            change = self._change(commit)
            if change is None or (change.data_change and change.kind != "rewrite"):
                return commit.version
        return self.oldest - 1 if self.oldest - 1 > after else None

    def changes(self, after: int, upto: int) -> Sequence[Change]:
        """What the versions above `after` up to and including `upto` did to the rows, oldest first.

        Raises OffsetError when history has expired inside that range: `oldest` tells beforehand.
        """
        found: list[Change] = []
        if upto > self.version:
            raise OffsetError(f"{self.path} has no version {upto}, the newest is {self.version}", code="offset.future")
        for version in range(upto, after, -1):
            index = self.version - version
            change = self._change(self.commits[index]) if version >= self.oldest else None
            if change is None:
                raise OffsetError(f"the history of {self.path} has expired at version {version}", code="offset.expired")
            found.append(change)
        return found[::-1]

    def _change(self, commit: Commit) -> Change | None:
        known: dict[int, Change | None] = self.__dict__.setdefault("_changes", {})
        if commit.version not in known:
            known[commit.version] = self._files.change(commit)
        return known[commit.version]

    def removed(self) -> pa.Table:
        """Files that the log still lists as removed: path, removed_at. What VACUUM may delete once old enough."""
        return checkpoint.removed(self._fs, self._files, self.version)

    def timestamp(self, version: int) -> datetime | None:
        """When this version was committed; None when its history has expired."""
        return self.commits[self.version - version].at if self.oldest <= version <= self.version else None
