"""Secrets in environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.secrets import environment
from lakehouse.secrets.environment import Keys, Options


@pytest.mark.parametrize(
    ("scope", "key", "prefix", "name"),
    [
        ("alerts", "url", "LAKEHOUSE_SECRET_", "LAKEHOUSE_SECRET_ALERTS_URL"),
        ("data-base", "prod/user.name", "LAKEHOUSE_SECRET_", "LAKEHOUSE_SECRET_DATA_BASE_PROD_USER_NAME"),
        ("alerts", "url", "", "ALERTS_URL"),
        ("alerts", "url", "ci_", "ci_ALERTS_URL"),
    ],
)
def test_the_name_of_the_variable(
    scope: str, key: str, prefix: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(options=Keys(prefix=prefix))
    assert environment.place(options, Path(), scope, key) == f"the environment variable {name}"
    assert environment.read(options, Path(), scope, key) is None
    monkeypatch.setenv(name, " a value ")
    assert environment.read(options, Path(), scope, key) == " a value "
