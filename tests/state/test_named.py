"""What events name is found as a listing finds it, without one."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import StepError
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.csv import Options
from lakehouse.sources.events import Event
from lakehouse.state.listing import list_files
from lakehouse.state.named import Names
from tests.s3 import Server

FILES = [
    "a.csv", "b.json", "_hidden.csv", ".x.csv", "c._COPYING_", "sub/b.csv", "sub/deep/c.csv", "_no/d.csv", "_p=1/e.csv",
    "d=1/c.csv", "d=1/sub/d.csv", "d=1/e=__HIVE_DEFAULT_PARTITION__/f.csv", "sub/d=3/g.csv", "d=a%2Fb c/h.csv", ".d=1/i.csv",
    "2024/01/a.csv", "2024/02/b.csv", "2023/01/_c.csv", "2023/01/c.csv", "[x]/y{1}.csv", "x/y.csv", "=/j.csv", "é/%41 +.csv",
]  # fmt: skip
PATHS = [
    ".", "sub", "a.csv", "_hidden.csv", "_no", "d=1", "*.csv", "*", "*/*", "_*", "_*/*", ".*", "2024/*/*.csv", "202?/01",
    "{2023/01/c,a}.csv", "{a,b}.*", "202[^3]/0[1-1]/*", "d=*/*.csv", "[x]", "[x]/*", "*/d=*", "d=*", "*/*/*", "nothing-*",
]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {}, {"recursive_file_lookup": True}, {"path_glob_filter": "[a-c]*.csv"}, {"partition_columns": ()},
    {"partition_columns": ("D", "z"), "recursive_file_lookup": True}, {"modified_after": "2024-01-01T00:00:05Z"},
    {"modified_before": "2024-01-01T00:00:05Z", "recursive_file_lookup": True},
]  # fmt: skip


def named(source: FileSource, base: Path, storage: dict[str, str], *paths: str) -> tuple[list[SourceFile], int]:
    names = Names(source, base, storage)
    found = names.of(Event((path,)) for path in paths)
    return names.files(found), found.outside


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for number, name in enumerate(FILES):
        path = root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1_704_067_200 + number,) * 2)
    return root / "in"


@pytest.mark.parametrize("path", PATHS)
def test_what_is_named_is_what_a_listing_gives(tree: Path, path: str) -> None:
    everything = [str(p) for p in tree.rglob("*")]
    for options in OPTIONS:
        source = Options(path=path, **options)
        listing = list_files(source, tree, {})
        found, _ = named(source, tree, {}, *everything)
        assert found == listing
        assert [f.partitions for f in found] == [f.partitions for f in listing]


def test_no_folder_is_listed_and_each_file_is_looked_at_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.fs

    from lakehouse.state import listing
    from lakehouse.state import named as module

    asked: list[Any] = []

    class Watched:
        def get_file_info(self, wanted: Any) -> Any:
            asked.extend(wanted if isinstance(wanted, list) else [wanted])
            return pyarrow.fs.LocalFileSystem().get_file_info(wanted)

    for place in (listing, module):
        monkeypatch.setattr(place, "filesystem", lambda path, storage: (Watched(), lambda p: p))
    files = [str(tree / name) for name in ("a.csv", "sub/b.csv", "gone.csv", "_hidden.csv")]
    found, _ = named(Options(path=".", recursive_file_lookup=True), tree, {}, *files, *files)
    assert [f.path for f in found] == files[:2]
    assert asked == [files[0], files[2], files[1]]


def test_what_lies_elsewhere_is_counted_and_what_is_no_plain_path_is_not_looked_at(tree: Path) -> None:
    source = Options(path="sub", recursive_file_lookup=True)
    there = str(tree / "sub/b.csv")
    odd = [f"{tree}/sub/../a.csv", f"{tree}/sub//b.csv", f"{tree}/sub/./b.csv", f"{tree}/sub/", f"{tree}/sub"]
    found, outside = named(
        source, tree, {}, there, str(tree / "a.csv"), str(tree / "sub2/a.csv"), "s3://sub/b.csv", *odd
    )
    assert ([f.path for f in found], outside) == ([there], 3)


def test_a_glob_is_a_name_where_there_is_such_a_folder(tree: Path) -> None:
    found, _ = named(Options(path="[x]"), tree, {}, str(tree / "[x]/y{1}.csv"), str(tree / "x/y.csv"))
    assert [f.path for f in found] == [str(tree / "[x]/y{1}.csv")]


def test_a_folder_that_was_renamed_asks_for_a_listing_where_it_may_have_files_of_the_source(tree: Path) -> None:
    names = Names(Options(path="sub"), tree, {})
    for path, near in [("sub", True), ("sub/deep", True), (".", True), ("2024", False)]:
        found = names.of([Event((os.path.normpath(tree / path),), folder=True)])
        assert (found.folder, found.outside) == (near, int(not near)), path
    assert not names.of([Event(("s3://b/sub",), folder=True)]).folder


def test_accounts_of_azure_are_known_by_either_name() -> None:
    for host in ("acc.dfs.core.windows.net", "acc.blob.core.windows.net"):
        names = Names(Options(path=f"abfss://box@{host}/in"), Path("/"), {"azure_storage_account_key": "a2V5"})
        event = Event(("abfss://box@acc.dfs.core.windows.net/in/a.csv",))
        assert names.paths(event) == [f"abfss://box@{host}/in/a.csv"]
        assert list(names.of([event]).bases.values()) == ["box/in"]
        assert names.paths(Event(("abfss://box@other.dfs.core.windows.net/in/a.csv",))) == []


def test_on_s3_too(s3: Server) -> None:
    bucket = s3.bucket()
    s3.put(bucket, **{f"in/{name}": name for name in FILES})
    everything = [f"s3://{bucket}/in/{name}" for name in [*FILES, "gone.csv", "sub", "sub/"]]
    for path, scheme in itertools.product(("in", "in/*.csv", "in/d=*", "in/{2023/01/c,a}.csv", ""), ("s3", "s3a")):
        source = Options(path=f"{scheme}://{bucket}/{path}", recursive_file_lookup=True)
        listing = list_files(source, Path("/"), s3.storage)
        found, outside = named(source, Path("/"), s3.storage, *everything, "s3://other/in/a.csv")
        assert (found, outside) == (listing, 1)
        assert [f.partitions for f in found] == [f.partitions for f in listing]


def test_a_store_that_does_not_answer_is_told(s3: Server) -> None:
    storage = s3.storage | {"aws_endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(StepError, match="cannot be listed") as raised:
        named(Options(path="s3://b/in"), Path("/"), storage, "s3://b/in/a.csv")
    assert raised.value.code == "store.unreachable"
