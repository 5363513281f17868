"""Secrets in a folder, as Docker and Kubernetes mount them, and in one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.secrets import file
from lakehouse.secrets.file import Keys, Options


def options(path: str) -> Options:
    return Options(options=Keys(path=path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets/db").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "value"), [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", "pw\n"), (" p w ", " p w ")]
)
def test_a_file_of_the_folder_without_its_last_line_end(folder: Path, text: str, value: str) -> None:
    (folder / "secrets/db/password").write_bytes(text.encode())
    assert file.read(options("secrets"), folder, "db", "password") == value
    assert file.place(options("secrets"), folder, "db", "password") == f"the file {folder}/secrets/db/password"


def test_kubernetes_mounts_links_that_all_may_read(folder: Path) -> None:
    (folder / "secrets/db/..data").mkdir()
    (folder / "secrets/db/..data/password").write_text("pw")
    (folder / "secrets/db/..data/password").chmod(0o644)
    (folder / "secrets/db/password").symlink_to("..data/password")
    assert file.read(options(str(folder / "secrets")), Path("/elsewhere"), "db", "password") == "pw"


def test_a_folder_without_the_file(folder: Path) -> None:
    assert file.read(options("secrets"), folder, "db", "no") is None
    assert file.read(options("secrets"), folder, "no", "such/key") is None
    assert file.read(options("no-folder"), folder, "db", "password") is None
    assert file.read(options("secrets"), folder, "db", "deeper/key") is None


def test_docker_mounts_here_by_default() -> None:
    assert file.place(Options(), Path("/project"), "db", "password") == "the file /run/secrets/db/password"


@pytest.mark.parametrize(
    "text",
    [
        "db: {password: 010, user: {name: ada}}\n",
        '{"db": {"password": "010", "user": {"name": "ada"}}}',
    ],
)
def test_one_yaml_or_json_file(folder: Path, text: str) -> None:
    path = folder / "secrets.yaml"
    path.write_text(text)
    path.chmod(0o600)
    assert file.read(options("secrets.yaml"), folder, "db", "password") == "010"
    assert file.read(options("secrets.yaml"), folder, "db", "user/name") == "ada"
    assert file.read(options("secrets.yaml"), folder, "db", "no") is None
    assert file.read(options("secrets.yaml"), folder, "no", "password") is None
    assert file.place(options("secrets.yaml"), folder, "db", "password") == f"db: password in the file {path}"
    with pytest.raises(ValueError, match="db: user is not a text"):
        file.read(options("secrets.yaml"), folder, "db", "user")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_one_file_that_others_may_use_is_refused(folder: Path, mode: int) -> None:
    path = folder / "secrets.yaml"
    path.write_text("db: {password: hunter22}")
    path.chmod(mode)
    with pytest.raises(ValueError, match=rf"others than its owner may use it \(mode {mode:03o}\); `chmod 600"):
        file.read(options("secrets.yaml"), folder, "db", "password")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"db: {password: hunter22", "line 2 is not YAML or JSON"),
        (b"a: 1\nb: hunter22: x\n", "line 2 is not YAML or JSON"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        (b"a" * (file.LARGEST + 1), "it has more than 1,000,000 bytes"),
    ],
)
def test_a_broken_file_is_told_without_showing_it(folder: Path, data: bytes, reason: str) -> None:
    path = folder / "secrets.yaml"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(ValueError, match=reason) as caught:
        file.read(options("secrets.yaml"), folder, "db", "password")
    assert "hunter22" not in str(caught.value)
