"""Every code is listed, used, and explained in docs/problems.md; the examples there are what is really printed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lakehouse
from lakehouse.cli import app
from lakehouse.errors import SpecError
from lakehouse.spec import codes
from lakehouse.spec.render import render

ROOT = Path(lakehouse.__file__).parent
PAGE = ROOT.parent / "docs" / "problems.md"
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
NO_CODES = {"utf-8-sig"}
MADE = {"unknown-format", "unknown-provider", "cleanse.<rule>"}
"""Codes that are put together from parts."""
UNSHOWN = {
    "file-too-large", "nesting-too-deep", "missing-table", "not-utf-8", "unreadable-file",
}  # fmt: skip
"""Codes without an example: no short file has them, or something else is found first."""


def modules(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        found = ROOT / folder
        for path in [found] if found.is_file() else sorted(found.rglob("*.py")):
            if path.name != "codes.py":
                yield ast.parse(path.read_text())


def problem_codes() -> set[str]:
    """Words with a hyphen wherever problems are made, and the code of every `Problem(…)` and `say(…)`."""
    found: set[str] = set()
    for tree in modules("spec", "planning", "api.py", "cli"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEBAB.fullmatch(node.value):
                found.add(node.value)
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                place = {"Problem": 1, "say": 0}.get(name)
                if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                    found.add(node.args[place].value)
    return found - NO_CODES


def error_codes() -> set[str]:
    """Whatever is given as `code=…` of an error, or to `_refusal`."""
    found: set[str] = set()
    for tree in modules(""):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            values = [k.value for k in node.keywords if k.arg == "code"]
            if getattr(node.func, "id", "") == "_refusal":
                values += node.args[1:2]
            found |= {v.value for v in values if isinstance(v, ast.Constant) and v.value}
    return {"cleanse.<rule>" if code.startswith("cleanse.") else code for code in found}


def test_every_code_of_a_problem_is_listed_and_used() -> None:
    assert problem_codes() | MADE - codes.ERRORS.keys() == codes.PROBLEMS.keys()


def test_every_code_of_an_error_is_listed_and_used() -> None:
    assert error_codes() | MADE - codes.PROBLEMS.keys() == codes.ERRORS.keys()


def test_no_code_means_two_things() -> None:
    assert not codes.CODES.keys() & codes.PLANNING.keys()
    assert not codes.PROBLEMS.keys() & codes.ERRORS.keys()


# --- the page -----------------------------------------------------------------------------------------------------

SECTION = re.compile(r"^### (?P<code>\S+)\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(?P<kind>yaml|console|text)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(?P<code>[^`]+)` \| (?P<meaning>[^|]+) \| [^|]+ \|$", re.MULTILINE)


def sections() -> dict[str, str]:
    return {m["code"]: m["body"] for m in SECTION.finditer(PAGE.read_text(encoding="utf-8"))}


def blocks(body: str, kind: str) -> list[str]:
    return [m["text"] for m in BLOCK.finditer(body) if m["kind"] == kind]


def printed(body: str, folder: Path) -> str:
    """What the command of the example prints about its files."""
    for index, text in enumerate(blocks(body, "yaml")):
        named = re.match(r"# (\S+/\S+)\n", text)
        path = folder / (named[1] if named else "pipelines/flights.yaml")
        assert named or index == 0, "all files but the first begin with their path"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (command,) = blocks(body, "console") or ["$ lakehouse validate"]
    result = CliRunner().invoke(app, shlex.split(command)[2:])
    assert isinstance(result.exception, SpecError), (result.output, result.exception)
    return render(result.exception.problems)


def test_the_page_has_every_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    errors = {m["code"]: m["meaning"] for m in ROW.finditer(text.partition("## Violations")[0])}
    assert sections().keys() == codes.PROBLEMS.keys()
    assert errors == codes.ERRORS
    for code, body in sections().items():
        assert body.startswith(f"\n{codes.PROBLEMS[code]}\n"), code
        assert BLOCK.sub("", body).replace(codes.PROBLEMS[code], "").strip(), f"{code}: what to do is missing"
    assert {code for code, body in sections().items() if not blocks(body, "text")} == UNSHOWN


@pytest.mark.parametrize("code", sorted(sections().keys() - UNSHOWN))
def test_examples_print_what_the_page_says(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    body = sections()[code]
    found = printed(body, tmp_path)
    assert re.search(rf": {code}: ", found), found
    (expected,) = blocks(body, "text")
    if request.config.getoption("--golden", default=False):
        text = PAGE.read_text(encoding="utf-8")
        new = body.replace(f"```text\n{expected}```", f"```text\n{found}\n```")
        PAGE.write_text(text.replace(f"### {code}\n{body}", f"### {code}\n{new}"), encoding="utf-8")
    else:
        assert found == expected.rstrip("\n")
