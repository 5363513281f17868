"""One look at the world for one step: its table's log, the control plane's rows, files, inputs. No Java."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.spec.environment import Environment
from lakehouse.spec.table import Table
from lakehouse.state.ledger import Standing, stand
from lakehouse.state.listing import list_files
from lakehouse.state.place import Commits


@dataclass(frozen=True)
class State:
    """What a step is decided on."""

    log: Log | None
    """None: the table does not exist."""
    commits: Commits = field(default_factory=Commits)
    ledger: Ledger | None = None
    """Bronze: the opened ledger, through which a plan is appended, so that two planners conflict."""
    standing: Standing | None = None
    """Bronze: what ledger and log say together."""
    files: Sequence[SourceFile] = ()
    """Bronze: the source's files, by (modification time, path)."""
    inputs: Mapping[TableName, Log | None] = field(default_factory=dict)
    """The tables that are read, at their pins."""
    retry_failed: bool = False


def listed(environment: Environment, table: Table) -> Sequence[SourceFile]:
    """The files that the table's source has now; raises StepError when its path does not exist."""
    source: object = table.source
    if not isinstance(source, FileSource):
        return ()
    return list_files(source, environment.root, environment.storage, table.copy_into)


def observe(
    environment: Environment,
    control: Control,
    name: TableName,
    table: Table,
    *,
    files: Sequence[SourceFile] = (),
    inputs: Mapping[TableName, Log | None] | None = None,
    run: str = "",
    retry_failed: bool = False,
) -> State:
    """Look at the table, its rows in the control plane and, of a Bronze table, its ledger.

    Raises OffsetError when the ledger and the log cannot both be right.
    """
    log = Log.open(environment.table_path(name), environment.storage)
    if log is None:
        standing = Standing(0, {}, frozenset()) if table.source is not None else None
        return State(None, standing=standing, files=files, inputs=inputs or {}, retry_failed=retry_failed)
    table_id = log.table_id or ""
    rows = Commits.read(control, table_id)
    if table.source is None:
        return State(log, rows, inputs=inputs or {})
    ledger = Ledger.open(control, table_id, table=str(name), run=run)
    standing = stand(ledger, log, rows)
    return State(log, rows, ledger, standing, files, retry_failed=retry_failed)


def opened(environment: Environment, names: Iterable[TableName]) -> dict[TableName, Log | None]:
    """The tables as they are now."""
    return {name: Log.open(environment.table_path(name), environment.storage) for name in names}
