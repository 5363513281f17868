"""The project's own files agree with each other, and importing the library costs what it should."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import lakehouse._version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONSTRAINTS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_are_names_and_versions_only() -> None:
    assert [line for line in CONSTRAINTS if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", line)] == []
    assert len({canonical(line.split("==")[0]) for line in CONSTRAINTS}) == len(CONSTRAINTS)


def test_every_dependency_is_pinned() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = {
        canonical(re.split(r"[<>=!~;\[ ]", line)[0])
        for lines in (PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"], *extras)
        for line in lines
    }
    assert wanted <= {canonical(line.split("==")[0]) for line in CONSTRAINTS}


def test_spark_and_delta_are_a_closed_pair() -> None:
    pair = {"pyspark==4.1.4", "delta-spark==4.4.0"}
    assert pair <= set(PROJECT["project"]["dependencies"])
    assert pair <= {line.replace("_", "-") for line in CONSTRAINTS}


def test_version_is_a_version_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", lakehouse._version.__version__)


@pytest.mark.parametrize("name", ["py.typed", "engine/log4j2.properties", "scaffold/template/pipelines/shop.yaml"])
def test_files_that_are_not_python_are_in_the_package(name: str) -> None:
    assert files("lakehouse").joinpath(name).is_file()


def test_git_ignores_no_file_of_the_template_because_then_the_wheel_would_lack_it() -> None:
    paths = [str(path) for path in (ROOT / "lakehouse" / "scaffold").rglob("*") if "__pycache__" not in path.parts]
    found = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if found.returncode == 128:
        pytest.skip("not a checkout")
    assert found.stdout == ""


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_help_has_a_line_for_every_target() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = {line.split()[1] for line in said.stdout.splitlines()}
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    assert listed == set(declared.group(1).split())


def test_ci_is_check_and_test() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "exec make check test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_importing_any_module_starts_no_spark_and_imports_no_pyspark() -> None:
    code = """
import importlib, pkgutil, sys
import lakehouse
for module in pkgutil.walk_packages(lakehouse.__path__, "lakehouse."):
    # what reads files is itself imported only when there are files to read
    readers = [f"lakehouse.ingest.{name}" for name in ("read", "counting", "values", "decoding", "new_types", "select", "texts")]
    if not module.name.endswith("__main__") and module.name not in readers:
        importlib.import_module(module.name)
        found = [name for name in ("pyspark", "delta", "py4j", "great_expectations", "pandas") if name in sys.modules]
        assert not found, f"{module.name} imports {found}"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# scripts/venv with a Python, an apt-get and a user made of paper ---------------------------------------------------

PYTHON = """#!/bin/sh
case "$*" in
    *version_info\\ \\<*) exit 0;;
    *venv\\"*) echo python3.11-venv;;
    *) test -e {installed} || {{ echo "ensurepip is not available"; exit 1; }}; mkdir -p .venv;;
esac
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "venv", tmp_path / "scripts")
    (tmp_path / "bin").mkdir()
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def venv(project: Path, user: int, **environment: str) -> subprocess.CompletedProcess[str]:
    script(project / "bin" / "id", f"#!/bin/sh\necho {user}\n")
    script(
        project / "bin" / "apt-get",
        f'#!/bin/sh\ncase "$*" in *install*python3.11-venv) touch {project}/installed;; esac\n',
    )
    script(project / "bin" / "python3", PYTHON.format(installed=project / "installed"))
    environment = {"PATH": f"{project}/bin:/usr/bin:/bin", **environment}
    return subprocess.run([project / "scripts" / "venv"], env=environment, capture_output=True, text=True, check=False)


def test_root_installs_the_missing_venv_package(fresh: Path) -> None:
    done = venv(fresh, 0)
    assert (done.returncode, done.stdout) == (0, "installing python3.11-venv from the system's packages\n"), done.stderr
    assert (fresh / ".venv").is_dir()
    assert not (fresh / ".venv.log").exists()


def test_who_is_not_root_is_told_what_to_install(fresh: Path) -> None:
    done = venv(fresh, 1000)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].endswith("install python3.11-venv (apt-get install python3.11-venv)")
    assert not (fresh / ".venv").exists()


def test_without_a_python_that_is_new_enough_there_is_one_sentence(fresh: Path) -> None:
    done = venv(fresh, 0, PYTHON="/nowhere/python3")
    assert done.returncode == 3
    assert done.stderr.startswith("error: lakehouse needs Python 3.11 or newer")
    assert len(done.stderr.splitlines()) == 1
