from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import StepError
from lakehouse.sources.copy_into import CopyInto
from lakehouse.sources.csv import Options
from lakehouse.state.listing import glob_pattern, list_files

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def put(root: Path, *names: str) -> None:
    """Empty files, each modified a second after the one before."""
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * index)
        at = (T0 + timedelta(seconds=index)).timestamp()
        os.utime(path, (at, at))


def names(root: Path, path: str = ".", copy_into: CopyInto | None = None, **keys: object) -> list[str]:
    source = Options.model_validate({"path": path, **keys})
    return [os.path.relpath(file.path, root) for file in list_files(source, root, {}, copy_into)]


def test_s2_files_come_by_modification_time_then_path(tmp_path: Path) -> None:
    put(tmp_path, "c.csv", "a.csv", "b.csv")
    os.utime(tmp_path / "c.csv", (T0.timestamp() + 2, T0.timestamp() + 2))
    files = list_files(Options(path="."), tmp_path, {})
    assert [Path(f.path).name for f in files] == ["a.csv", "b.csv", "c.csv"]
    assert files[0].path == str(tmp_path / "a.csv")
    assert (files[0].size, files[0].modified) == (1, T0 + timedelta(seconds=1))


def test_s7_only_hidden_names_are_no_files(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.csv",
        "_a.csv",
        ".a.csv",
        "a.csv._COPYING_",
        "a.tmp",
        "b",
        "_tmp/x.csv",
        ".x/y=1/z.csv",
        "_d=1/a.csv",
    )
    assert names(tmp_path, recursive_file_lookup=True) == ["a.csv", "a.tmp", "b", "_d=1/a.csv"]
    assert names(tmp_path, "*") == ["a.csv", "a.tmp", "b", "_d=1/a.csv"]
    assert names(tmp_path, "_a*") == []


def test_folders_are_entered_when_asked_or_when_they_are_partitions(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "sub/b.csv", "d=1/c.csv", "d=1/sub/d.csv", "d=1/e=2/f.csv", "sub/d=3/g.csv")
    assert names(tmp_path) == ["a.csv", "d=1/c.csv", "d=1/e=2/f.csv"]
    assert len(names(tmp_path, recursive_file_lookup=True)) == 6


def test_s20_partition_values_are_text_below_the_path(tmp_path: Path) -> None:
    put(tmp_path, "x=0/in/d=2024-01-01/e=__HIVE_DEFAULT_PARTITION__/a.csv", "x=0/in/d=a%2Fb c/b.csv", "x=0/in/c.csv")
    found = list_files(Options(path="x=0/in"), tmp_path, {})
    assert [f.partitions for f in found] == [{"d": "2024-01-01", "e": None}, {"d": "a/b c"}, {}]
    globbed = list_files(Options(path="x=0/in/d=*/*.csv"), tmp_path, {})
    assert [f.partitions for f in globbed] == [{"d": "a/b c"}]
    none = list_files(Options(path="x=0/in", partition_columns=()), tmp_path, {})
    assert [f.partitions for f in none] == [{}, {}, {}]
    named = list_files(Options(path="x=0/in", partition_columns=("D", "z")), tmp_path, {})
    assert [f.partitions for f in named] == [
        {"D": "2024-01-01", "z": None},
        {"D": "a/b c", "z": None},
        {"D": None, "z": None},
    ]


def test_globs_match_folders_and_files(tmp_path: Path) -> None:
    put(tmp_path, "2024/01/a.csv", "2024/02/b.csv", "2023/01/c.csv", "2024/01/d.json", "e.csv")
    assert names(tmp_path, "2024/*/*.csv") == ["2024/01/a.csv", "2024/02/b.csv"]
    assert names(tmp_path, "202?/01") == ["2024/01/a.csv", "2023/01/c.csv", "2024/01/d.json"]
    assert names(tmp_path, "{2023/01/c,e}.csv") == ["2023/01/c.csv", "e.csv"]
    assert names(tmp_path, "{e,f}.csv") == ["e.csv"]
    assert names(tmp_path, "202[^3]/0[1-1]/*", path_glob_filter="*.json") == ["2024/01/d.json"]
    assert names(tmp_path, "nothing-*.csv") == []


def test_odd_names_stay_as_they_are(tmp_path: Path) -> None:
    odd = ["a b.csv", "100%.csv", "%41.csv", "é ü.csv", "a+b#c?.csv", "[x]/y{1}.csv", "名.csv"]
    put(tmp_path, *odd)
    assert sorted(names(tmp_path, recursive_file_lookup=True)) == sorted(odd)
    assert names(tmp_path, "[x]") == ["[x]/y{1}.csv"], "a folder of this very name is there"
    assert names(tmp_path, "a+b#c?.csv") == ["a+b#c?.csv"]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="does not exist"):
        names(tmp_path, "missing")


def test_one_file_as_path(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "b.csv")
    assert names(tmp_path, "a.csv") == ["a.csv"]
    assert names(tmp_path, str(tmp_path / "x" / ".." / "b.csv")) == ["b.csv"]


def test_modified_after_and_before_exclude_the_moment_itself(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", "c", "d")
    assert names(tmp_path, modified_after="2024-01-01T00:00:00Z", modified_before="2024-01-01T01:00:03+01:00") == [
        "b",
        "c",
    ]
    assert names(tmp_path, modified_after="2024-01-01T00:00:02") == ["d"], "without an offset it is UTC"


def test_copy_into_takes_named_files_or_a_pattern(tmp_path: Path) -> None:
    put(tmp_path, "in/planes-1.csv", "in/planes-2.csv", "in/other.csv", "in/d=1/planes-3.csv")
    assert names(tmp_path, "in", CopyInto(pattern="planes-*.csv")) == ["in/planes-1.csv", "in/planes-2.csv"]
    assert names(tmp_path, "in", CopyInto(files=("other.csv", "d=1/planes-3.csv"))) == [
        "in/other.csv",
        "in/d=1/planes-3.csv",
    ]
    assert names(tmp_path, "in", CopyInto()) == [
        "in/planes-1.csv",
        "in/planes-2.csv",
        "in/other.csv",
        "in/d=1/planes-3.csv",
    ]
    found = list_files(Options(path="in"), tmp_path, {}, CopyInto(pattern="d=1/p*"))
    assert [f.partitions for f in found] == [{"d": "1"}]
    with pytest.raises(StepError, match=r"planes-9\.csv"):
        names(tmp_path, "in", CopyInto(files="planes-9.csv"))


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.csv", "a.csv .csv", "a.csvx acsv"),
        ("a?c", "abc", "ac abbc"),
        ("{a,b*}.x", "a.x bcd.x", "c.x"),
        ("[a-c]1", "a1 c1", "d1"),
        ("[^a]1", "b1", "a1"),
        ("[!a]1", "b1", "a1"),
        (r"\*a", "*a", "ba"),
        ("a.b", "a.b", "axb"),
        ("a,b", "a,b", "a b"),
    ],
)
def test_globs_read_as_hadoops(glob: str, yes: str, no: str) -> None:
    assert [n for n in f"{yes} {no}".split() if glob_pattern(glob).match(n)] == yes.split()


@pytest.mark.parametrize("glob", ["[a", "{a,b", "[b-a]"])
def test_a_glob_that_is_none_is_refused(glob: str) -> None:
    with pytest.raises(StepError, match="glob"):
        glob_pattern(glob)


@given(st.text(st.characters(blacklist_characters="/\\*?[]{}", blacklist_categories=["Cs"]), min_size=1))
def test_a_glob_without_signs_is_the_name_itself(name: str) -> None:
    assert glob_pattern(name).match(name)
    assert not glob_pattern(name).match(name + "x")


def test_listing_ten_thousand_files_takes_well_under_a_second(tmp_path: Path) -> None:
    from time import perf_counter

    for index in range(10_000):
        (tmp_path / f"f{index:05}.json").touch()
    start = perf_counter()
    assert len(list_files(Options(path="."), tmp_path, {})) == 10_000
    assert perf_counter() - start < 2, "typically 0.1 s; the bound is for loaded machines"
