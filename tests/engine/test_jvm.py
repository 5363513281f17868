"""Java, jars and class archive: found, fetched, made once, and said in one sentence when that is impossible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.engine import jvm
from lakehouse.errors import MachineError


def runtime(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    (home / "bin" / "java").chmod(0o755)
    return home


def only(monkeypatch: pytest.MonkeyPatch, *homes: Path) -> None:
    monkeypatch.setattr(jvm, "_java_homes", lambda: iter(homes))


@pytest.mark.parametrize(
    ("text", "major"), [("1.8.0_392", 8), ("11.0.2", 11), ("17.0.15", 17), ("25", 25), ("21-ea", 21)]
)
def test_version_is_read_from_what_java_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, major: int
) -> None:
    only(monkeypatch, runtime(tmp_path / "java", text))
    if major >= jvm.OLDEST_JAVA:
        assert jvm.find_java().major == major
    else:
        with pytest.raises(MachineError, match=f"is Java {'.'.join(str(major).split('.'))}"):
            jvm.find_java()


def test_release_file_is_read_before_java_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = runtime(tmp_path / "java", "11.0.1")
    (home / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="21.0.4"\n')
    only(monkeypatch, home)
    assert jvm.find_java() == jvm.Java(home, "21.0.4")


def test_old_and_unproven_runtimes_give_way_and_the_first_good_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [runtime(tmp_path / name, name) for name in ("11.0.1", "25.0.1", "21.0.1", "17.0.1")]
    only(monkeypatch, tmp_path / "missing", *homes)
    assert jvm.find_java().version == "21.0.1"
    only(monkeypatch, *homes[:2])
    assert jvm.find_java().version == "25.0.1"


def test_java_home_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(runtime(tmp_path / "a", "17.0.1")))
    monkeypatch.setenv("PATH", str(runtime(tmp_path / "b", "17.0.2") / "bin"), prepend=os.pathsep)
    assert jvm.find_java().home == tmp_path / "a"
    monkeypatch.delenv("JAVA_HOME")
    assert jvm.find_java().home == tmp_path / "b"


def test_without_java_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    with pytest.raises(
        MachineError, match=r"Java 17 or newer, and there is none\n  fix: install .*openjdk-17"
    ) as raised:
        jvm.find_java()
    assert raised.value.exit_code == 3


def test_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path / "here"))
    assert jvm.cache() == tmp_path / "here"
    monkeypatch.setenv("LAKEHOUSE_CACHE", "")
    assert jvm.cache() == (Path.home() / ".cache/lakehouse").resolve()


def test_archive_has_a_name_of_its_own_for_every_java_spark_and_delta(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path))
    java = jvm.Java(Path("/opt/java"), "17.0.1")
    names = {jvm.archive(java), jvm.archive(jvm.Java(Path("/opt/java"), "17.0.2"))}
    monkeypatch.setattr(jvm, "jars", lambda: [Path("delta-spark-9.jar")])
    names.add(jvm.archive(java))
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "spark"))
    names.add(jvm.archive(java))
    os.utime(tmp_path / "spark" / "jars", (1, 1))
    names.add(jvm.archive(java))
    assert len(names) == 5


def test_archive_is_used_only_when_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path / "a folder"))
    java = jvm.Java(Path("/opt/java"), "17.0.1")
    assert jvm.archive_options(java) == []
    jvm.archive(java).parent.mkdir(parents=True)
    jvm.archive(java).touch()
    assert jvm.archive_options(java)[0] == f'"-XX:SharedArchiveFile={jvm.archive(java)}"'


def test_archive_that_cannot_be_made_is_an_error_with_the_last_word_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(MachineError, match="the class archive was not written: Java ended without a word"):
        jvm.make_archive(jvm.Java(Path("/opt/java"), "17.0.1"))
    assert list((tmp_path / "classes").iterdir()) == []


def test_archives_of_a_spark_that_is_gone_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path))
    folder = tmp_path / "classes"
    folder.mkdir()
    for name, home in (("gone", tmp_path / "none"), ("used", tmp_path)):
        (folder / f"{name}.jsa").touch()
        (folder / f"{name}.spark").write_text(str(home))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(MachineError):
        jvm.make_archive(jvm.Java(Path("/opt/java"), "17.0.1"))
    assert sorted(path.name for path in folder.iterdir()) == ["used.jsa", "used.spark"]


def test_nothing_is_said_or_done_when_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path))
    jvm._jar_folder().mkdir(parents=True)
    (jvm._jar_folder() / "io.delta_delta-spark.jar").touch()
    made = jvm.archive(jvm.find_java())
    made.parent.mkdir()
    made.touch()
    assert jvm.main([]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("user", "apt"), [(1000, "/usr/bin/apt-get"), (0, None)])
def test_java_is_installed_only_by_root_with_apt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], user: int, apt: str | None
) -> None:
    only(monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(jvm.shutil, "which", lambda name: apt)
    assert jvm.main(["--install-java"]) == 3
    assert "fix: install Java 17 or newer" in capsys.readouterr().err


def test_java_is_installed_in_the_oldest_version_that_the_release_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    fake = tmp_path / "apt-get"
    fake.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\ncase "$*" in *openjdk-17*) echo "E: Unable to locate"; exit 100;; esac\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    jvm.install_java()
    assert [line.split()[-1] for line in calls.read_text().splitlines()] == [
        "-q", "openjdk-17-jre-headless", "openjdk-21-jre-headless",
    ]  # fmt: skip
    fake.write_text("#!/bin/sh\necho 'E: Could not open lock file'\nexit 100\n")
    with pytest.raises(MachineError, match="apt-get cannot install Java: E: Could not open lock file"):
        jvm.install_java()


def test_jars_that_cannot_be_fetched_are_an_error_that_says_where_they_belong(tmp_path: Path) -> None:
    nowhere = "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9 -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=9"
    environment = {
        **os.environ,
        "LAKEHOUSE_CACHE": str(tmp_path / "cache"),
        "JAVA_TOOL_OPTIONS": f"{nowhere} -Duser.home={tmp_path}",
    }
    command = [sys.executable, "-m", "lakehouse.engine.jvm"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    said = done.stderr.splitlines()
    assert said[0].startswith(f"fetching Delta 4.4.0 and Avro 4.1.1 once into {tmp_path}")
    assert "cannot be fetched" in said[1]
    assert "unresolved dependency" in said[1]
    assert "python -m lakehouse.engine.jvm" in said[2]
    assert len(said) == 3
    assert not list((tmp_path / "cache" / "jars").iterdir())


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("", "Java ended without a word"),
        (
            "Error occurred during initialization of VM\nToo small maximum heap\n",
            "Too small maximum heap",
        ),
        (
            "Traceback\n  x\npyspark.errors.AnalysisException: [X] no\n'Project x\n",
            "pyspark.errors.AnalysisException: [X] no",
        ),
        ("one\ntwo\n", "two"),
    ],
)
def test_reason_is_the_line_that_tells_most(output: str, told: str) -> None:
    assert jvm.reason(output) == told
