"""A commit that was made and whose answer was lost: the file is in the log, and the writer saw an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lakehouse
from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.engine import companions
from lakehouse.write import append
from tests.engine.lake import Lake

LOST: dict[str, tuple[Any, str]] = {
    "the batch's plan": (Ledger, "plan"),
    "the attempt's plan": (commits, "plan"),
    "the failed files": (Ledger, "failed"),
    "the companions": (companions, "append"),
    "the data": (append, "write"),
    "the confirmation": (commits, "confirm"),
    "the result": (Ledger, "result"),
}


class LostAnswerError(Exception):
    """What a client sees when the connection breaks behind a commit."""


def losing(call: Callable[..., Any], *, times: int, says: str) -> Callable[..., Any]:
    """The call, done, and then an error instead of its answer."""
    left = [says] * times

    def lost(*args: Any, **options: Any) -> Any:
        done = call(*args, **options)
        if left:
            raise LostAnswerError(left.pop())
        return done

    return lost


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("passes", [True, False], ids=["tried again", "run again"])
def test_a_commit_whose_answer_is_lost_counts_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, what: str, passes: bool
) -> None:
    """Whether the step is tried again at once, which a conflict with our own commit allows, or by the next run."""
    lake.bronze(more="max_retries: 1\nretry_delay: 1 s", options="max_files_per_trigger: 2")
    for n in range(3):
        lake.file(f"{n}.csv", f"{n},1,x", "too,many,fields,here")
    lake.file("bad.csv.gz", at=1)
    owner, name = LOST[what]
    says = "[DELTA_CONCURRENT_TRANSACTION] the transaction was made by another" if passes else "the connection broke"
    monkeypatch.setattr(owner, name, losing(getattr(owner, name), times=1, says=says))
    result = lake.run(ok=passes)["bronze.a"]
    monkeypatch.undo()
    if passes:
        assert result.retries == 1
    lake.run()
    assert lake.rows("bronze.a") == [(n, 1, "x") for n in range(3)]
    kept = lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark)
    assert [(row["_raw"], row["_source_file"][-5:]) for row in sorted(kept, key=lambda row: row["_source_file"])] == [
        ("too,many,fields,here", f"{n}.csv") for n in range(3)
    ]
    assert lake.files() == {"0.csv": "loaded", "1.csv": "loaded", "2.csv": "loaded", "bad.csv.gz": "failed"}
    assert lake.kinds("bronze.a") == ["create", "data", "data"]
    assert len(lake.ledger("batch", kind="result")) == 2
    assert not lake.run().used_spark
