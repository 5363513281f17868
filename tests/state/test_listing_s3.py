"""Sources on S3, listed from a real server as those on a disk are; Java is only the server's."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lakehouse
from lakehouse.errors import MachineError, StepError, TransientError
from lakehouse.sources.copy_into import CopyInto
from lakehouse.sources.csv import Options
from lakehouse.state.listing import list_files, look_up
from tests.s3 import Server

NAMES = ("a b.csv", "p+q.csv", "100%.csv", "%41.csv", "é字.csv", "a#b?c.csv", "a=b.csv", "[x].csv", "a'\"b.csv")


def listed(s3: Server, path: str, copy_into: CopyInto | None = None, **keys: object) -> list[str]:
    """Keys below the bucket."""
    source = Options.model_validate({"path": path, **keys})
    found = list_files(source, Path("/"), s3.storage, copy_into)
    assert all(file.path.startswith(path.split("://", maxsplit=1)[0] + "://") for file in found)
    return sorted(file.path.split("://", 1)[1].partition("/")[2] for file in found)


@pytest.fixture(scope="module")
def bucket(s3: Server) -> str:
    name = s3.bucket()
    keys = (
        "in/a.csv", "in/b.json", "in/_a.csv", "in/.a.csv", "in/a.csv._COPYING_", "in/_tmp/x.csv", "in/sub/b.csv",
        "in/sub/d=3/g.csv", "in/d=1/c.csv", "in/d=1/e=2/f.csv", "in/d=1/sub/d.csv", "inner/z.csv",
    )  # fmt: skip
    s3.put(name, **dict.fromkeys(keys, "a,b\n1,2\n"))
    s3.files.create_dir(f"{name}/in/empty")  # an object `in/empty/`, as the store's own pages make for a folder
    return name


def test_a_folder_its_partitions_and_all_below_it(s3: Server, bucket: str) -> None:
    flat = ["in/a.csv", "in/b.json", "in/d=1/c.csv", "in/d=1/e=2/f.csv"]
    assert listed(s3, f"s3://{bucket}/in") == flat
    assert listed(s3, f"s3a://{bucket}/in/") == flat
    deep = sorted([*flat, "in/sub/b.csv", "in/sub/d=3/g.csv", "in/d=1/sub/d.csv"])
    assert listed(s3, f"s3://{bucket}/in", recursive_file_lookup=True) == deep
    assert listed(s3, f"s3://{bucket}", recursive_file_lookup=True) == [*deep, "inner/z.csv"]
    assert listed(s3, f"s3://{bucket}/in/a.csv") == ["in/a.csv"]
    assert listed(s3, f"s3://{bucket}/in/empty") == []


def test_s20_values_of_folders_are_columns(s3: Server, bucket: str) -> None:
    found = list_files(Options(path=f"s3://{bucket}/in"), Path("/"), s3.storage)
    by_name = {file.path.rsplit("/", 1)[-1]: file.partitions for file in found}
    assert by_name == {"a.csv": {}, "b.json": {}, "c.csv": {"d": "1"}, "f.csv": {"d": "1", "e": "2"}}


def test_globs_and_filters(s3: Server, bucket: str) -> None:
    assert listed(s3, f"s3://{bucket}/in/*.csv") == ["in/a.csv"]
    assert listed(s3, f"s3://{bucket}/in*/[a-z].{{csv,json}}") == ["in/a.csv", "in/b.json", "inner/z.csv"]
    assert listed(s3, f"s3://{bucket}/in/{{sub,d=1/sub}}/*") == ["in/d=1/sub/d.csv", "in/sub/b.csv", "in/sub/d=3/g.csv"]
    assert listed(s3, f"s3://{bucket}/in/d=*") == ["in/d=1/c.csv", "in/d=1/e=2/f.csv"]
    assert listed(s3, f"s3://{bucket}/in/*.none") == []
    assert listed(s3, f"s3://{bucket}/in", path_glob_filter="*.json") == ["in/b.json"]
    hour = timedelta(hours=1)
    assert listed(s3, f"s3://{bucket}/in", modified_after=datetime.now(UTC) + hour) == []
    assert len(listed(s3, f"s3://{bucket}/in", modified_after=datetime.now(UTC) - hour)) == 4


def test_files_of_copy_into(s3: Server, bucket: str) -> None:
    assert listed(s3, f"s3://{bucket}/in", CopyInto(files=("a.csv", "sub/b.csv"))) == ["in/a.csv", "in/sub/b.csv"]
    assert listed(s3, f"s3://{bucket}/in", CopyInto(pattern="sub/*.csv")) == ["in/sub/b.csv"]
    with pytest.raises(StepError, match=r"names what is not in s3://.*: none\.csv"):
        listed(s3, f"s3://{bucket}/in", CopyInto(files=("a.csv", "none.csv")))


def test_names_are_as_written(s3: Server) -> None:
    bucket = s3.bucket()
    s3.put(bucket, **{f"a b/{name}": "x" for name in NAMES})
    assert listed(s3, f"s3://{bucket}/a b") == sorted(f"a b/{name}" for name in NAMES)
    for name in NAMES:
        assert listed(s3, f"s3://{bucket}/a b/{name}") == [f"a b/{name}"], name


def test_a_file_looks_the_same_listed_and_asked_for(s3: Server, bucket: str) -> None:
    files = list_files(Options(path=f"s3://{bucket}/in"), Path("/"), s3.storage)
    assert [f.size for f in files] == [8] * 4
    alone = look_up([f.path for f in files] + [f"s3://{bucket}/none", f"s3://{bucket}/in/sub"], s3.storage)
    assert {path: (f.size, f.modified) for path, f in alone.items()} == {f.path: (f.size, f.modified) for f in files}
    assert all(abs(f.modified - datetime.now(UTC)) < timedelta(minutes=10) for f in files)


@pytest.mark.parametrize("path", ["s3://{}/in", "s3://{}", "s3://{}/in/*.csv", "s3a://{}/*/{{a,b/c}}*"])
def test_a_bucket_that_is_missing_is_an_error_for_globs_too(s3: Server, path: str) -> None:
    with pytest.raises(StepError, match=r"does not exist: the store has no bucket or container 'no-such'") as raised:
        listed(s3, path.format("no-such"))
    assert raised.value.code == "source.path"
    assert "`storage`" in raised.value.fix


def test_a_folder_that_is_missing_is_an_error(s3: Server, bucket: str) -> None:
    with pytest.raises(StepError, match=rf"the source's path s3://{bucket}/out does not exist\n  fix: make the folder"):
        listed(s3, f"s3://{bucket}/out")


@pytest.mark.parametrize("path", ["in", "in/*.csv", "in/a.csv"])
@pytest.mark.parametrize("wrong", [{"aws_secret_access_key": "wrong"}, {"aws_access_key_id": "wrong"}])
def test_wrong_keys_are_an_error_that_names_storage(s3: Server, bucket: str, path: str, wrong: dict[str, str]) -> None:
    with pytest.raises(StepError, match=rf"s3://{bucket}/.* cannot be listed: .*AWS Error") as raised:
        list_files(Options(path=f"s3://{bucket}/{path}"), Path("/"), s3.storage | wrong)
    assert raised.value.code == "store.access"
    assert "see the keys under `storage`" in raised.value.fix
    assert s3.secret not in str(raised.value)


def test_half_a_pair_of_keys_is_an_error(s3: Server, bucket: str) -> None:
    storage = {name: value for name, value in s3.storage.items() if name != "aws_secret_access_key"}
    with pytest.raises(MachineError, match="has `aws_access_key_id` and no `aws_secret_access_key`"):
        list_files(Options(path=f"s3://{bucket}/in"), Path("/"), storage)


def test_a_store_that_does_not_answer_is_tried_again(s3: Server) -> None:
    with pytest.raises(TransientError, match="cannot be listed") as raised:
        list_files(Options(path="s3://bucket/in"), Path("/"), s3.storage | {"aws_endpoint_url": "http://127.0.0.1:1"})
    assert raised.value.code == "store.unreachable"


CHILD = """
import sys, lakehouse
print(lakehouse.plan(lakehouse.load(root=sys.argv[1])))
assert not [name for name in sys.modules if name.partition(".")[0] in ("pyspark", "py4j")]
"""


def test_plan_from_s3_needs_no_java(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    s3.put(bucket, **{"in/a.csv": "id,n\n1,2\n", "in/b.csv": "id,n\n3,4\n"})
    project(tmp_path, s3, f"a: {{source: {{format: csv, path: 's3://{bucket}/in', options: {{header: true}}}}}}")
    monkeypatch.setenv("S3_SECRET", s3.secret)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", CHILD, tmp_path]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 new of 2 files" in done.stdout


def test_plan_tells_why_a_source_cannot_be_listed(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    project(tmp_path, s3, f"a: {{source: {{format: csv, path: 's3://{bucket}/in'}}}}")
    monkeypatch.setenv("S3_SECRET", "wrong")
    assert "cannot be listed" in str(lakehouse.plan(lakehouse.load(root=tmp_path)))


def project(root: Path, s3: Server, bronze: str) -> None:
    """One with a table, whose secret key is in `S3_SECRET`."""
    for name in ("pipelines", "configs"):
        (root / name).mkdir()
    (root / "pipelines/p.yaml").write_text(f"pipeline: p\nbronze:\n  {bronze}\n")
    storage = "".join(f"  {n}: {v}\n" for n, v in s3.storage.items() if n != "aws_secret_access_key")
    storage += '  aws_secret_access_key: "${env:S3_SECRET}"\n'
    (root / "configs/local.yaml").write_text(f"lake: ./lake\nstorage:\n{storage}")
