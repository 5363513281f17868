"""What tells files apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.sources.base import SourceFile
from lakehouse.state.ledger import judge
from lakehouse.state.place import Commits
from tests.models.bridge import commit, file, history, ours
from tests.state.test_ledger import planned, result, rows


@pytest.mark.parametrize("name", ["copy.csv", "A.csv", "a.csv.bak"])
def test_s8_the_same_content_under_another_name_is_another_file(name: str) -> None:
    loaded = file(1, 0)
    again = SourceFile(str(Path(loaded.path).with_name(name)), loaded.size, loaded.modified)
    log = history([commit(0, "CREATE TABLE"), ours(1, 1, "p", 0)], 1)
    standing = judge(rows(*planned(1, loaded), result(1, "p", 1)), log, Commits())
    assert standing.new_files([loaded, again]) == [again]
    assert standing.changed_files([loaded, again]) == []
