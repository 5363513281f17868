"""The commands as a person or a program meets them: words, exit codes, what goes where."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakehouse import cli
from lakehouse.control.locks import locked
from lakehouse.names import TableName

COMMANDS = ("validate", "plan", "run", "show", "quarantine", "replay", "files", "history", "lineage", "expectations",
            "init", "schema", "maintain")  # fmt: skip
PIPELINE = """pipeline: p
variables: {limit: 1}
bronze:
  a: {source: {format: csv, path: landing, options: {header: true}}}
silver:
  s: {from: bronze.a}
gold:
  g: {sql: SELECT count(*) AS n FROM silver.s WHERE x > :limit}
"""
BROKEN = """pipeline: p
bronze:
  a: {source: {format: csv, paht: landing}}
gold:
  g:
    sql: |
      SELECT *
      FROM bronze.b WHERE )
"""


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """`main` takes SIGTERM for itself; a test process wants it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "p.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def empty_bronze(folder: Path, lake: str = "lake") -> None:
    """bronze.a as a run leaves it that found no files, so that silver.s has nothing to do."""
    schema = pa.schema([("x", pa.string()), ("_batch", pa.int64())])
    path = str(folder / lake / "bronze" / "a")
    DeltaTable.create(path, schema, configuration={"lakehouse.id": "id-a"}, raise_if_key_not_exists=False)


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: object
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process."""

    def call(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["lakehouse", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Said(end.value.code or 0, *capsys.readouterr())

    return call


def child(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, timeout=50, env={**os.environ, **environment},
    )  # fmt: skip


MAIN = "from lakehouse.cli import main; main()"


# --- words --------------------------------------------------------------------------------------------------------


def test_without_a_command_the_commands_are_listed(said: Call) -> None:
    found = said()
    assert found.code == 2
    assert all(re.search(rf"^  {command} +\S", found.out + found.err, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_explains_itself(said: Call, command: str, flag: str) -> None:
    found = said(command, flag)
    assert (found.code, found.err) == (0, "")
    assert f"Usage: lakehouse {command}" in found.out
    assert "--json" in found.out or command == "schema", "which prints nothing else"
    assert "\x1b" not in found.out
    for option in re.findall(r"^  (?:-\w, )?(--\w[\w-]*)(.*)$", found.out, re.MULTILINE):
        assert option[1].strip() or option[0] == "--help", f"{option[0]} says nothing"


def test_every_command_is_tested_and_in_the_readme() -> None:
    names = {c.name or c.callback.__name__ for c in cli.app.registered_commands if c.callback}
    assert names == set(COMMANDS)
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name in names if f"`lakehouse {name}" not in readme] == []


# --- 0 ------------------------------------------------------------------------------------------------------------


def test_validate_says_what_it_looked_at(folder: Path, said: Call) -> None:
    found = said("validate")
    assert (found.code, found.err) == (0, "")
    assert found.out == "ok: 3 tables in 1 pipeline(s), no problems\n"
    assert json.loads(said("validate", "--json").out) == []


def test_nothing_to_do_is_done(folder: Path, said: Call) -> None:
    empty_bronze(folder)
    found = said("run", "--select", "layer:silver")
    assert (found.code, found.err) == (0, "")
    assert "idle      silver.s                            no new rows in bronze.a" in found.out
    assert "Spark was not needed" in found.out


def test_looking_at_what_is_not_there_yet(folder: Path, said: Call) -> None:
    assert said("files", "bronze.a").out == "files of bronze.a: no rows\n"
    assert said("history").out == "history: no rows\n"
    assert said("history", "silver.s").code == 0


def test_plan_shows_every_layer_and_the_fix_of_a_refusal(folder: Path, said: Call) -> None:
    found = said("plan")
    assert found.code == 0
    lines = found.out.splitlines()
    assert [line for line in lines if line in ("bronze", "silver", "gold")] == ["bronze", "silver", "gold"]
    assert any(re.match(r"  refuses bronze.a +the source's path /.*/landing does not exist", line) for line in lines)
    assert "          fix    make the folder, or correct `path`" in lines
    assert lines[-1] == "0 of 3 steps have something to do; nothing was run"
    (folder / "landing").mkdir()
    (folder / "landing" / "1.csv").write_text("x\n1\n")
    found = said("plan")
    assert "          reads  batch 1: 1 file, 4 bytes" in found.out
    assert found.out.endswith("1 of 3 steps have something to do, 2 more if those bring rows; nothing was run\n")
    assert said("plan", "--mermaid").out.startswith("flowchart LR\n  subgraph bronze\n")


@pytest.mark.parametrize(
    "arguments",
    [("plan",), ("run", "-s", "silver.s"), ("history",), ("history", "gold.g"), ("validate",)],
)
def test_json_is_json_and_nothing_else(folder: Path, said: Call, arguments: tuple[str, ...]) -> None:
    empty_bronze(folder)
    found = said(*arguments, "--json")
    assert (found.code, found.err) == (0, "")
    assert isinstance(json.loads(found.out), dict | list)


def test_a_run_in_json_has_its_steps(folder: Path, said: Call) -> None:
    empty_bronze(folder)
    ran = json.loads(said("run", "-s", "silver.s", "--json").out)
    assert (ran["status"], [s["step"] for s in ran["steps"]], ran["used_spark"]) == ("idle", ["silver.s"], False)
    (row,) = json.loads(said("history", "--json").out)
    assert row["run_id"] == ran["run_id"]
    assert ran["run_id"] in said("history").out


def test_a_pipe_gets_no_escape_codes(folder: Path, said: Call) -> None:
    for arguments in (
        ("plan",),
        ("run",),
        ("run", "-s", "bronze.a"),
        ("history",),
        ("files", "bronze.a"),
        ("validate",),
    ):
        found = said(*arguments)
        assert "\x1b" not in found.out + found.err, arguments


def test_lineage_is_plain_lines_in_a_pipe_and_json_for_programs(folder: Path, said: Call) -> None:
    found = said("lineage", "gold.g.n")
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines() == [
        "gold.g.n",
        "  comes from",
        "    no column: count(*)",
        "  rows of gold.g depend on",
        "    silver.s.x  filter",
        "  goes into",
        "    nothing",
    ]
    up = json.loads(said("lineage", "silver.s.X", "--upstream", "--json").out)
    assert [use["from"] for use in up["upstream"]] == [
        {"table": "bronze.a", "column": "x"}, {"source": "landing", "column": "x"},
    ]  # fmt: skip
    assert "downstream" not in up
    assert said("lineage", "bronze.a", "--downstream").out.splitlines()[-3:] == [
        "      silver.s.x  identity",
        "        rows of gold.g  filter",
        "  every other field of landing, by its own name",
    ]
    assert said("lineage", "gold.g", "--upstream", "--downstream").out == said("lineage", "gold.g").out
    assert not (folder / "lake").exists()


def test_state_selectors(folder: Path, said: Call) -> None:
    assert said("plan", "-s", "state:failed").out.strip() == "0 of 0 steps have something to do; nothing was run"
    assert said("run", "--select", "state:failed").code == 0, "that nothing has failed is no mistake"
    empty_bronze(folder)
    assert said("run", "-s", "bronze.a").code == 1
    assert said("run", "-s", "silver.s").code == 0
    steps = json.loads(said("plan", "-s", "state:failed+1", "--json").out)["steps"]
    assert [step["step"] for step in steps] == ["bronze.a", "silver.s"]
    steps = json.loads(said("plan", "-s", "state:changed", "--exclude", "state:failed+", "--json").out)["steps"]
    assert steps == []


def test_var_and_env(folder: Path, said: Call) -> None:
    assert said("validate", "--var", "limit=2").code == 0
    (folder / "configs").mkdir()
    (folder / "configs" / "prod.yaml").write_text("lake: ./elsewhere\n")
    empty_bronze(folder, "elsewhere")
    assert said("run", "--env", "prod", "-s", "silver.s").code == 0
    assert (folder / "elsewhere" / "_lakehouse").is_dir()
    assert not (folder / "lake").exists()


# --- 1 ------------------------------------------------------------------------------------------------------------


def test_a_failed_step_is_1_and_tells_how_to_go_on(folder: Path, said: Call) -> None:
    found = said("run", "pipelines")
    assert (found.code, found.err) == (1, "")
    assert re.search(r"^bronze.a failed: the source's path /.*/landing does not exist$", found.out, re.MULTILINE)
    assert "  fix: make the folder, or correct `path`" in found.out
    assert "skipped   silver.s" in found.out
    assert found.out.endswith(
        "mend what failed and run again: lakehouse run pipelines; what is done is not done twice\n"
    )
    assert said("run").out.endswith("run again: lakehouse run; what is done is not done twice\n")
    assert json.loads(said("history", "--json").out)[0]["status"] == "failed"


def test_a_failed_run_in_json_is_1_too(folder: Path, said: Call) -> None:
    found = said("run", "--json")
    assert found.code == 1
    first = json.loads(found.out)["steps"][0]
    assert (first["status"], first["fix"]) == ("failed", "make the folder, or correct `path`")


# --- 2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_problems_are_2_with_file_line_column_and_caret(folder: Path, said: Call, command: str) -> None:
    (folder / "pipelines" / "p.yaml").write_text(BROKEN)
    found = said(command)
    assert (found.code, found.out) == (2, "")
    lines = found.err.splitlines()
    head = re.match(r"pipelines/p.yaml:3:(\d+): unknown-key: ", lines[0])
    assert head, lines[0]
    assert lines[1] == "    " + BROKEN.splitlines()[2]
    assert lines[2].index("^") - 4 == int(head[1]) - 1 == BROKEN.splitlines()[2].index("paht")
    assert lines[3] == "  fix: did you mean 'path'?"
    assert re.fullmatch(r"\d problems? found; nothing was done", lines[-1])


def test_a_mistake_inside_a_query_is_shown_below_its_character(folder: Path, said: Call) -> None:
    (folder / "pipelines" / "p.yaml").write_text(BROKEN.replace("paht", "path"))
    found = said("validate")
    assert found.code == 2
    assert found.err.splitlines() == [
        "pipelines/p.yaml:8:27: sql-syntax: the SQL does not parse: unexpected ')'",
        "          FROM bronze.b WHERE )",
        "                              ^",
        "",
        "1 problem found; nothing was done",
    ]


def test_problems_as_json(folder: Path, said: Call) -> None:
    (folder / "pipelines" / "p.yaml").write_text(BROKEN)
    found = said("validate", "--json")
    assert found.code == 2
    first = json.loads(found.out)[0]
    assert first.keys() == {"file", "line", "column", "code", "message", "fix"}
    assert (first["file"], first["line"], first["code"]) == ("pipelines/p.yaml", 3, "unknown-key")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "silver.t"), r"unknown-table: there is no table 'silver.t' in this project\n  fix: did you mean 'silver.s'"),
        (("files", "bronze.b"), "unknown-table: there is no table 'bronze.b'"),
        (("quarantine", "nothing"), "unknown-table: there is no table 'nothing'"),
        (("history", "silver.t"), "unknown-table: there is no table 'silver.t'"),
        (("files", "silver.s"), "silver.s is not a Bronze table, so it has no ledger of files"),
        (("plan", "--select", "silver.t"), r"--select:1:1: selector: no table or task matches 'silver.t'; did you mean"),
        (("run", "--exclude", "tags:x"), r"--exclude:1:1: selector: 'tags' is not a selector method; did you mean 'tag'"),
        (("run", "--var", "limit"), "--var:1:1: variable: 'limit' is not of the form name=value"),
        (("run", "--var", "limt=3"), "unknown-variable: no pipeline and no config has the variable 'limt'"),
        (("run", "--env", "prod"), "unknown-environment"),
        (("run", "nowhere.yaml"), "no-such-file: there is no such file or folder"),
        (("run", "--log-level", "loud"), "'loud' is not one of 'error', 'warning', 'info', 'debug'"),
        (("lineage", "silver.t.x"), r"COLUMN:1:1: unknown-table: there is no table 'silver.t' in this project\n  fix: did you mean 'silver.s'"),
        (("lineage", "gold.g.nn"), r"COLUMN:1:1: unknown-column: gold.g has no column 'nn'\n  fix: did you mean 'n'"),
        (("plan", "--select", "state:new"), "--select:1:1: selector: 'new' is not a state; there are failed, changed"),
        (("files", "bronze.a", "--status", "gone"), "'gone' is not one of 'loaded', 'failed'"),
        (("history", "--rows", "0"), "'--rows' / '-n': Input should be greater than or equal to 1"),
        (("show",), "Missing argument 'TABLE'"),
        (("rnu",), "No such command 'rnu'"),
        (("run", "--selct", "x"), "No such option: --selct"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_2(folder: Path, said: Call, arguments: tuple[str, ...], message: str) -> None:
    found = said(*arguments)
    assert (found.code, found.out) == (2, "")
    assert re.search(message, found.err), found.err
    assert not (folder / "lake").exists(), "nothing was run"


def test_outside_of_a_project_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Call) -> None:
    monkeypatch.chdir(tmp_path)
    found = said("run")
    assert found.code == 2
    assert "pipelines:1:1: no-such-file: there is no such file or folder" in found.err


# --- 3, 4 ---------------------------------------------------------------------------------------------------------


def land(folder: Path) -> None:
    (folder / "landing").mkdir()
    (folder / "landing" / "1.csv").write_text("x\n1\n")


def test_no_java_is_3_with_what_to_install(folder: Path) -> None:
    land(folder)
    # Java is found in the system's folders too, whatever PATH and JAVA_HOME say
    nowhere = "import lakehouse.engine.jvm as jvm; jvm._java_homes = lambda: iter(())\n"
    done = child(nowhere + MAIN, "run", PATH="/nowhere")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "bronze.a failed: Spark needs Java 17 or newer, and there is none" in done.stdout
    assert "fix: install Java 17 or newer (on Debian and Ubuntu: `apt-get install" in done.stdout
    assert "Traceback" not in done.stderr


def test_nobody_reads_any_more_and_the_command_ends_as_it_would_have(folder: Path) -> None:
    land(folder)
    nowhere = "import lakehouse.engine.jvm as jvm; jvm._java_homes = lambda: iter(())\n"
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", nowhere + MAIN, "run"],
            stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=50, env={**os.environ, "PATH": "/nowhere"},
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (3, "")


def test_a_control_plane_of_a_newer_version_is_3(folder: Path, said: Call) -> None:
    empty_bronze(folder)
    assert said("run", "-s", "silver.s").code == 0
    DeltaTable(str(folder / "lake" / "_lakehouse" / "runs")).alter.set_table_properties(
        {"lakehouse.format": "99"}, raise_if_not_exists=False
    )
    found = said("history")
    assert (found.code, found.out) == (3, "")
    assert re.match(r"error: the control table .*/runs has format 99, .*\n  fix: use a newer version", found.err)


def test_a_lock_that_is_taken_is_4_with_its_holder(folder: Path, said: Call) -> None:
    with locked(str(folder / "lake" / "_lakehouse"), [TableName("gold", "g")], run="run-7"):
        found = said("run")
        assert (found.code, found.out) == (4, "")
        assert re.match(r"error: gold.g is being written by run run-7 on \S+ \(process \d+\) since 20", found.err)
        empty_bronze(folder)
        assert said("run", "-s", "silver.s").code == 0, "a run takes the locks of its own tables only"
        assert said("plan").code == 0, "looking needs no lock"
    assert said("run").code == 1


# --- 130, 143 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_while_spark_starts_ends_the_run_in_order(
    folder: Path, said: Call, number: int, code: int, word: str
) -> None:
    land(folder)
    java = folder / "java"  # a Java that tells that it was started, and then does not get anywhere
    (java / "bin").mkdir(parents=True)
    (java / "release").write_text('JAVA_VERSION="17.0.1"\n')
    wait = f"for i in $(seq 600); do [ -e {folder}/signalled ] && break; sleep 0.05; done"
    (java / "bin" / "java").write_text(f"#!/bin/sh\necho >> {folder}/started\n{wait}\n")
    (java / "bin" / "java").chmod(0o755)
    # a background job of a shell ignores interrupts, and its children do too
    heard = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MAIN}"
    process = subprocess.Popen(
        [sys.executable, "-c", heard, "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "JAVA_HOME": str(java)},
    )  # fmt: skip
    try:
        until = time.monotonic() + 30
        while not (folder / "started").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(number)
        time.sleep(0.2)
        (folder / "signalled").touch()
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code, out + err
    assert err == f"{word}; run again to go on where this stopped\n"
    assert "completed" not in out
    assert json.loads(said("history", "--json").out)[0]["status"] == "failed"
    with locked(str(folder / "lake" / "_lakehouse"), [TableName("bronze", "a")], run="next"):
        pass


def test_a_defect_is_told_with_its_traceback_and_without_secrets(said: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse import api, redaction

    def broken(*arguments: object, **options: object) -> None:
        try:
            raise ValueError("login with hunter22")
        except ValueError as error:
            raise RuntimeError("a defect") from error

    monkeypatch.setattr(api, "history", broken)
    redaction.hide("hunter22")
    found = said("history")
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith("Traceback (most recent call last):")
    assert "ValueError: login with ***\n" in found.err
    assert found.err.endswith("RuntimeError: a defect\n")


# --- what is imported ---------------------------------------------------------------------------------------------


def test_looking_imports_no_spark(folder: Path) -> None:
    land(folder)
    code = """
import sys
from lakehouse.cli import main
for arguments in (["validate"], ["plan"], ["plan", "--json"], ["history"], ["files", "bronze.a"], ["lineage", "gold.g"],
                  ["plan", "-s", "state:failed state:changed"]):
    sys.argv = ["lakehouse", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
    found = [m for m in ("pyspark", "delta", "py4j") if m in sys.modules]
    assert not found, (arguments, found)
"""
    done = child(code)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_validate_data_shows_problems_and_ends_with_1(
    folder: Path, said: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakehouse import DataCheck, DataProblem, api

    asked: list[tuple[str, int | None]] = []
    found = DataCheck("bronze.a", 2, 3, {"x": "string"}, [DataProblem("record", "it is none", None, "/in/a.csv", "xx")])

    def answer(_: object, table: str, *, rows: int | None) -> DataCheck:
        asked.append((table, rows))
        return found

    monkeypatch.setattr(api, "validate_data", answer)
    told = said("validate", "--data", "bronze.a", "--rows", "7")
    assert (told.code, asked) == (1, [("bronze.a", 7)])
    assert "/in/a.csv" in told.out
    assert told.out.splitlines()[-1] == "1 problem: 3 rows of 2 new files would load into bronze.a; new column x string"
    assert json.loads(said("validate", "--data", "bronze.a", "--json").out)["problems"][0]["sample"] == "xx"
    found = DataCheck("bronze.a", 1, 1)
    told = said("validate", "--data", "bronze.a")
    assert (told.code, told.out) == (0, "ok: 1 row of 1 new file would load into bronze.a\n")
