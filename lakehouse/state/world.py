"""The world for who looks at many tables one after the other: opened side by side, and let go when they were seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lakehouse.control.ahead import ReadAhead
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.spec.environment import Environment
from lakehouse.spec.table import Table
from lakehouse.state.discovery import Discovery
from lakehouse.state.observe import State, observe, opened, renamed

GROUP = 32
"""Tables that are opened together."""


class World:
    """A look at tables in an order in which each comes after those that it reads.

    `names` are these tables, `others` those that are only read, `moving` those that may lie under another name yet.
    """

    def __init__(
        self,
        environment: Environment,
        names: Sequence[TableName],
        others: Mapping[TableName, Log | None],
        moving: Mapping[TableName, Table] | None = None,
    ) -> None:
        self._environment = environment
        self.control = ReadAhead(environment.control_path, environment.storage)
        self._names = names
        self._places = {name: place for place, name in enumerate(names)}
        self._logs = dict(others)
        self._moving = dict(moving or {})
        self._moved: set[TableName] = set()
        """Tables of the project that lie under another name yet."""
        self._seen = 0
        """The place of the table that was looked at last."""

    def state(self, name: TableName, table: Table, reads: Iterable[TableName]) -> State:
        """What the table is decided on; raises StepError, and OffsetError as `observe` does."""
        self._go_on(self._places[name])
        log = self._opened(name)
        found = Discovery(self._environment, table)
        state = observe(
            self._environment, self.control, name, table,
            inputs={read: self._logs[read] for read in reads},
            looked=(None if name in self._moved else log,),
        )  # fmt: skip
        return found.into(state)

    def look(self, name: TableName) -> Log | None:
        """Any table, for a question about its history; as it is when it comes to its own turn."""
        known = name in self._logs
        log = self._opened(name)
        if not known:
            # not before their turn are their files of interest
            for other in self._group(name):
                if (its := self._logs[other]) is not None:
                    its.let_go()
        return log

    @property
    def moving(self) -> frozenset[TableName]:
        """The names under which tables that were looked at lie, where these are not their own yet."""
        return frozenset(before for name in self._moved if (before := self._moving[name].renamed_from) is not None)

    def _group(self, name: TableName) -> Sequence[TableName]:
        if name not in self._places:
            return (name,)
        start = self._places[name] // GROUP * GROUP
        return self._names[start : start + GROUP]

    def _opened(self, name: TableName) -> Log | None:
        if name not in self._logs:
            found = opened(self._environment, self._group(name))
            for other in [other for other, log in found.items() if log is None and other in self._moving]:
                if (log := renamed(self._environment, self._moving[other])) is not None:
                    found[other] = log
                    self._moved.add(other)
            self._logs |= found
            self.control.expect(log.table_id or "" for log in found.values() if log is not None)
        return self._logs[name]

    def _go_on(self, place: int) -> None:
        """Free what was held for the table before: its readers ask for little."""
        before = self._names[self._seen]
        log = self._logs.get(before)
        if log is not None and place != self._seen:
            log.let_go()
            if place // GROUP != self._seen // GROUP:
                self.control.forget(log.table_id or "")
        self._seen = place
