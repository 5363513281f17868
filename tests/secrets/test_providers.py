"""The contract that every provider keeps."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import pytest

from lakehouse.spec.environment import Environment
from lakehouse.spec.leaves import PROVIDERS

BUILT = {word: leaf for word, leaf in PROVIDERS.items() if leaf.Options.available}


def test_a_file_is_an_entry() -> None:
    vaults = {"aws_secrets_manager", "azure_key_vault", "google_secret_manager", "hashicorp_vault", "databricks"}
    assert PROVIDERS.keys() - BUILT.keys() == vaults
    assert BUILT.keys() == {"environment", "file"}
    for word, leaf in PROVIDERS.items():
        assert leaf.Options().provider == word
    assert Environment().secrets == PROVIDERS["environment"].Options()


@pytest.mark.parametrize("leaf", BUILT.values(), ids=BUILT)
def test_a_provider_says_where_it_looks_and_reads(leaf: ModuleType) -> None:
    for verb in (leaf.place, leaf.read):
        assert list(inspect.signature(verb).parameters) == ["options", "root", "scope", "key"]
        assert verb.__doc__
    assert leaf.read(leaf.Options(), Path("/no/such/folder"), "no", "such") is None
    place = leaf.place(leaf.Options(), Path("/no/such/folder"), "no", "such")
    assert place.startswith("the ")
    assert Path(__file__).with_name(f"test_{leaf.__name__.rsplit('.', 1)[-1]}.py").exists()
