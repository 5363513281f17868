"""Tables of the lake that no file declares any more (S94): they are told, and never dropped."""

from __future__ import annotations

from collections.abc import Collection

from pyarrow import fs

from lakehouse.lake.log import Log
from lakehouse.lake.storage import filesystem
from lakehouse.names import COMPANIONS, LAYERS, TableName
from lakehouse.spec.environment import Environment


def gone(environment: Environment, declared: Collection[TableName]) -> tuple[TableName, ...]:
    """The library's own tables in the lake's folder that are not among the declared ones, without their companions."""
    names = {str(name).casefold() for name in declared}
    found = []
    for layer in LAYERS:
        files, folder = filesystem(f"{environment.lake_path}/{layer}", environment.storage)
        for info in files.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
            name = TableName(layer, info.base_name)
            if info.type != fs.FileType.Directory or str(name).casefold() in names:
                continue
            if info.base_name.startswith(("_", ".")) or info.base_name.endswith(COMPANIONS):
                continue
            log = Log.open(environment.table_path(name), environment.storage)
            if log is not None and log.table_id is not None:
                found.append(name)
    return tuple(sorted(found))
