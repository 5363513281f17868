"""Settings that are named like a secret and hold plain text."""

from __future__ import annotations

import time

import pytest

from lakehouse.spec.nodes import read
from lakehouse.spec.secrets import is_secret, plain_secrets


def found(text: str) -> int:
    node, _ = read(text, "f")
    assert node is not None
    return len(list(plain_secrets(node)))


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db_password",
        "spark.hadoop.fs.s3a.secret.key",
        "aws_secret_access_key",
        "sasToken",
        "client_secret",
        "fs.azure.account.key.lake.dfs.core.windows.net",
        "api-key",
        "aws_session_token",
        "PRIVATE_KEY",
    ],
)
def test_names_of_secrets(key: str) -> None:
    assert found(f"storage: {{'{key}': hunter2}}") == 1
    assert found(f"variables: {{'{key}': '${{env:X}}'}}") == 0
    assert found(f"variables: {{'{key}': '${{secret:a/b}}'}}") == 0
    assert found(f"variables: {{'{key}': null}}") == 0


@pytest.mark.parametrize(
    "key", ["aws_access_key_id", "secret_scope", "token_count", "keys", "primary_key", "passwords"]
)
def test_names_that_are_none(key: str) -> None:
    assert found(f"storage: {{'{key}': hunter2}}") == 0


def test_columns_may_be_called_so() -> None:
    assert found("silver: {a: {schema: {password: string}, merge: {keys: token}}}") == 0


def test_addresses() -> None:
    assert found("source: {path: 'https://me:hunter2@example.com'}") == 1
    assert found("source: {path: 'https://me:${env:X}@example.com'}") == 0
    assert found("source: {path: 'https://me:${secret:a/b}@example.com'}") == 0
    assert found("source: {path: 'https://${env:ME}@example.com'}") == 0
    assert found("source: {path: 'https://${env:ME}:hunter2@example.com'}") == 1
    assert found("source: {path: 'https://example.com:8080/a@b'}") == 0
    assert found("options: {url: 'jdbc:sqlserver://h:1433;user=me;password=hunter2'}") == 1
    assert found("options: {url: 'jdbc:postgresql://h/db?user=me&password=${env:X}'}") == 0
    assert found("options: {url: 'https://a.blob.core.windows.net/c?sv=2022&sig=abc'}") == 1
    assert found("comment: 'what password=x means'") == 0


def test_long_texts_are_no_addresses() -> None:
    began = time.monotonic()
    assert found("sql: " + "a://b;" * 100_000) == 0
    assert time.monotonic() - began < 1


def test_the_working_folder_is_no_secret() -> None:
    assert [is_secret(name) for name in ("PWD", "OLDPWD", "pwd", "DB_PWD")] == [False, False, True, True]
