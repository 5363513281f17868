"""`renamed_from`: a table and its companions move to where their new name has its place (S94).

The companions go first, so that a table that has its new name has everything; what a crash left over moves in the next
run. A table is known by its id, so neither its ledger nor the offsets of its readers notice.
"""

from __future__ import annotations

from pathlib import Path

from lakehouse.errors import MachineError
from lakehouse.lake.storage import is_local, local_path
from lakehouse.names import COMPANIONS, TableName
from lakehouse.spec.environment import Environment


def move(environment: Environment, before: TableName, now: TableName) -> None:
    """Rename the folders.

    Raises MachineError on an object store, which has no rename, and where something is in the way.
    """
    pairs = [(before.companion(suffix), now.companion(suffix)) for suffix in COMPANIONS]
    for old, new in [*pairs, (before, now)]:
        there, place = environment.table_path(old), environment.table_path(new)
        if not is_local(there):
            raise MachineError(
                f"{now}: an object store cannot rename {there}",
                code="table.rename",
                fix=f"while nothing runs, move what is below it to {place} by the store's own tool, companions"
                f" ({', '.join(f'{before}{suffix}' for suffix in COMPANIONS)}) first",
            )
        source, target = Path(local_path(there)), Path(local_path(place))
        if not source.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except OSError as error:
            raise MachineError(
                f"{now}: {source} cannot be moved to {target}: {error.strerror}",
                code="table.rename",
                fix="move what is in the way elsewhere, or mend the permissions, and run again",
            ) from error
