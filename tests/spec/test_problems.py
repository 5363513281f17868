"""Every kind of problem, with its place, its words and its way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakehouse.spec import codes
from tests.spec.golden import FOLDER as GOLDEN
from tests.spec.golden import printed, rewrite, written

CASES = sorted(GOLDEN.glob("*.yaml"))
_CODE = re.compile(r"^\S+(?: \w+)?:\d+:\d+: ([a-z0-9-]+): ", re.MULTILINE)


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDEN_USER", "ada")
    monkeypatch.setenv("GOLDEN_PASSWORD", "hidden")
    monkeypatch.delenv("GOLDEN_USERS", raising=False)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_golden_problems(case: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files, call, expected = written(case)
    found = printed(files, call, tmp_path)
    if request.config.getoption("--golden", default=False):
        rewrite(case, found)
    else:
        assert found.rstrip() == expected.rstrip()


def test_every_code_has_a_golden_case_and_a_meaning() -> None:
    shown = {code for case in CASES for code in _CODE.findall(written(case)[2])}
    elsewhere = {"unreadable-file", "file-too-large", "not-utf-8", "no-pipelines", "no-such-file", "several-projects"}
    elsewhere |= {"file-exists", "full-refresh", "missing-table", "selector", "variable"}
    assert shown - codes.PROBLEMS.keys() == set()
    assert codes.PROBLEMS.keys() - shown == elsewhere, (
        "shown by tests of their own in test_files.py, test_nodes.py, test_variables.py, and where plans are tested"
    )


def test_every_code_in_the_source_is_listed() -> None:
    folder = Path(codes.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "codes.py")
    used = set(re.findall(r'"((?:[a-z0-9]+-)+[a-z0-9]+)"', source))
    assert codes.CODES.keys() - used - {"unknown-format", "unknown-provider"} == set()


def test_place_line_caret_and_fix() -> None:
    text = written(GOLDEN / "misspelt.yaml")[2].split("\n\n")[0].splitlines()
    assert re.match(r"pipelines/p.yaml:\d+:\d+: unknown-key: ", text[0])
    column = int(text[0].split(":")[2])
    assert text[2].index("^") - 4 == column - 1
    assert text[3].startswith("  fix: did you mean")
