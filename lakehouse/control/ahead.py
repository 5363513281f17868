"""The control plane for who asks for the rows of one table after the other: those of many are read at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from deltalake import DeltaTable

from lakehouse.control.store import Control

Group = tuple[str, ...]


class ReadAhead(Control):
    """Every control table as it is when it is first asked for; for reading only."""

    def __init__(self, root: str, storage: Mapping[str, str] | None = None) -> None:
        super().__init__(root, storage)
        self._opened: dict[str, DeltaTable | None] = {}
        self._groups: dict[str, Group] = {}
        self._rows: dict[tuple[str, tuple[str, ...], Group], dict[str, pa.Table]] = {}

    def expect(self, table_ids: Iterable[str]) -> None:
        """The rows of these data tables will be asked for, of all of them."""
        group = tuple(table_ids)
        self._groups |= dict.fromkeys(group, group)

    def forget(self, table_id: str) -> None:
        """Free the rows of this table and of all that were expected with it."""
        group = self._groups.get(table_id)
        self._rows = {key: rows for key, rows in self._rows.items() if key[-1] != group}

    def open(self, name: str) -> DeltaTable | None:
        """The table as it was when it was first asked for."""
        if name not in self._opened:
            self._opened[name] = super().open(name)
        return self._opened[name]

    def read(
        self,
        name: str,
        *,
        of: Sequence[str] = (),
        where: str = "",
        columns: Sequence[str] = (),
        through: DeltaTable | None = None,
    ) -> pa.Table:
        """As `Control.read`; the rows of one expected table are read together with those of its group."""
        group = self._groups.get(of[0]) if len(of) == 1 else None
        if group is None or where or not columns:
            return super().read(name, of=of, where=where, columns=columns, through=through or self.open(name))
        key = (name, tuple(columns), group)
        if key not in self._rows:
            self._rows[key] = self._together(name, tuple(columns), group)
        return self._rows[key][of[0]]

    def _together(self, name: str, columns: tuple[str, ...], group: Group) -> dict[str, pa.Table]:
        columns = ("table_id", *columns)
        found = super().read(name, of=group, columns=columns, through=self.open(name))
        found = found.sort_by("table_id").combine_chunks()
        rows, start = found.drop_columns("table_id"), 0
        parts = dict.fromkeys(group, rows.slice(0, 0))
        for run in found["table_id"].value_counts().to_pylist():
            parts[run["values"]] = rows.slice(start, run["counts"])
            start += run["counts"]
        return parts
