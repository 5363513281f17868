"""What a commit of ours says of itself."""

from __future__ import annotations

import json

import pytest

from lakehouse.errors import MachineError
from lakehouse.lake.signature import WITH_TXN, WITHOUT_TXN, Signature

SIGNATURE = Signature("id", "run", "attempt", "data", 3, 7, "hash", {"bronze.x": {"id": "y", "version": 5, "batch": 2}})


def test_it_comes_back_as_it_was_written() -> None:
    assert Signature.from_json(SIGNATURE.to_json()) == SIGNATURE
    assert SIGNATURE.app_id == "lakehouse/id"


@pytest.mark.parametrize(
    "text", [None, "", "x", "{}", "[]", '"lakehouse"', '{"lakehouse":"1"}', '{"lakehouse":1}', '{"lakehouse":1,']
)
def test_other_metadata_is_foreign(text: str | None) -> None:
    assert Signature.from_json(text) is None


def test_a_newer_one_is_refused() -> None:
    newer = json.loads(SIGNATURE.to_json()) | {"lakehouse": 2}
    with pytest.raises(MachineError, match="newer"):
        Signature.from_json(json.dumps(newer))


def test_only_some_kinds_take_the_sequence() -> None:
    kinds = {kind: Signature("i", "r", "a", kind, 1, 0, "d").has_txn for kind in WITH_TXN | WITHOUT_TXN}
    assert {k for k, has in kinds.items() if has} == {"data", "refresh", "replay", "erase", "rewrite", "restore"}
