"""`--golden` rewrites golden files with what is explained now; the review is the diff."""

from __future__ import annotations

import contextlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # another conftest may have it already
        parser.addoption("--golden", action="store_true", default=False, help="rewrite the golden files")
