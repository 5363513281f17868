"""The help as a newcomer reads it, and what it costs to print."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from lakehouse.cli import app
from lakehouse.cli.program import ORDER

COMMANDS = tuple(c.name or c.callback.__name__ for c in app.registered_commands if c.callback)


def text(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--help"], prog_name="lakehouse")
    assert done.exit_code == 0
    return done.stdout


def test_commands_are_listed_in_order_and_no_sentence_is_cut() -> None:
    assert set(ORDER) == set(COMMANDS)
    listed = text().partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == list(ORDER)
    assert [line for line in listed if not re.search(r"[^.]\.$", line)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_of_this_command_and_their_options_exist(command: str) -> None:
    told = text(command)
    known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", told.partition("Examples:")[0]))
    lines = [line.strip() for line in told.partition("Examples:\n")[2].splitlines()]
    assert lines
    own = [line for line in lines if line.startswith(f"lakehouse {command}")]
    assert own
    for line in own:
        assert set(re.findall(r"(?<=\s)--?[a-z][\w-]*", line.partition("&&")[0])) <= known, line
    assert max(map(len, told.splitlines())) <= 80


def test_help_imports_nothing_heavy() -> None:
    """A start of Python costs 15 ms, Typer 40; each of these would cost more than both."""
    code = """
import sys
from lakehouse.cli import main
for arguments in ([], *([command] for command in sys.argv[1:])):
    sys.argv = ["lakehouse", *arguments, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    heavy = ["sqlglot", "pyarrow", "deltalake", "yaml", "rich", "pyspark", "lakehouse.api", "lakehouse.spec"]
    if not arguments:
        heavy.append("pydantic")  # with which Typer reads the options before a command
    found = [name for name in heavy if name in sys.modules]
    assert not found, (arguments, found)
"""
    done = subprocess.run([sys.executable, "-c", code, *COMMANDS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
