"""What is told while a run goes on: lines in a pipe, a live table in a terminal, silence where it is asked for."""

from __future__ import annotations

import pytest

from lakehouse.engine.results import Event, Status, StepResult
from lakehouse.names import TableName
from lakehouse.report.progress import Progress, figures, finished_line
from tests.report.consoles import pipe, step, terminal, text

NAME = TableName("silver", "s")


def finished(result: StepResult) -> Event:
    return Event("step finished", result.name, result.reason, result)


def test_a_pipe_gets_a_line_per_finished_step_without_escape_codes() -> None:
    console = pipe()
    with Progress(console) as progress:
        progress(Event("step started", NAME, "merge from bronze.s"))
        progress(Event("step note", NAME, "batch 1 of 2"))
        progress(finished(step("silver.s", rows_read=1234, rows_written=1230, rows_rejected=4, seconds=1.25)))
        progress(finished(step("gold.g", Status.IDLE, reason="no input changed")))
    assert text(console).splitlines() == [
        "  completed silver.s                     1.2 s  1,234 read, 1,230 written, 4 rejected",
        "  idle      gold.g                              no input changed",
    ]


def test_notes_of_the_run_and_retries_are_told() -> None:
    console = pipe()
    with Progress(console) as progress:
        progress(Event("run note", None, "Spark started in 3.1 s"))
        progress(Event("step retrying", NAME, "lost executor; again in 10 s"))
    assert text(console).splitlines() == [
        "    Spark started in 3.1 s",
        "  silver.s  lost executor; again in 10 s",
    ]


def test_a_terminal_shows_what_is_running_and_takes_it_away_at_the_end() -> None:
    console = terminal()
    progress = Progress(console)
    with progress:
        progress(Event("step started", NAME, "merge from bronze.s"))
        progress(Event("step note", NAME, "batch 1 of 2"))
        console.print(progress._draw())
        assert "batch 1 of 2" in text(console)
        assert "merge from" not in text(console), "the newest note counts"
        progress(finished(step("silver.s", rows_read=1)))
    before = text(console)
    console.print(progress._draw())
    assert "silver.s" not in text(console)[len(before) :]
    assert "\x1b[" in before


def test_a_note_of_a_step_that_is_not_running_is_no_error() -> None:
    console = pipe()
    with Progress(console) as progress:
        progress(Event("step note", NAME, "late"))
        progress(Event("step finished", NAME, "without a result"))
    assert text(console) == ""


def test_quiet_says_nothing() -> None:
    console = terminal()
    with Progress(console, quiet=True) as progress:
        progress(Event("step started", NAME, "x"))
        progress(Event("run note", None, "x"))
        progress(finished(step("silver.s")))
    assert text(console) == ""


def test_the_terminal_is_given_back_after_an_error() -> None:
    console = terminal()
    with pytest.raises(KeyboardInterrupt), Progress(console):
        raise KeyboardInterrupt
    assert text(console).rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in text(console), "the cursor is shown again"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, ""),
        ({"rows_read": 0, "rows_written": 0}, "0 read, 0 written"),
        ({"files_read": 1, "rows_read": 10, "rows_written": 10}, "1 file, 10 read, 10 written"),
        ({"files_read": 1000, "rows_written": 5}, "1,000 files, 5 written"),
        ({"files_read": 0, "rows_updated": 0, "rows_rejected": 0, "rows_dropped": 0, "rows_rescued": 0}, ""),
        (
            {"rows_updated": 2, "rows_rejected": 3, "rows_dropped": 4, "rows_rescued": 5},
            "2 updated, 3 rejected, 4 dropped, 5 with rescued values",
        ),
        (
            {
                "rows_filtered": 1,
                "rows_superseded": 2,
                "rows_late": 3,
                "rows_equal": 4,
                "rows_deleted": 5,
                "rows_left_out": 6,
            },
            "1 filtered, 2 superseded, 3 late, 4 equal, 5 deleted, 6 left out",
        ),
        ({"rows_filtered": 0, "rows_late": 0}, ""),
    ],
)
def test_figures_leave_out_what_is_zero(counts: dict[str, int], expected: str) -> None:
    assert figures(step("silver.s", **counts)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.COMPLETED, "  completed silver.s                     2.0 s  7 read"),
        (Status.FAILED, "  failed    silver.s                     2.0 s  because"),
        (Status.SKIPPED, "  skipped   silver.s                            because"),
        (Status.IDLE, "  idle      silver.s                            because"),
    ],
)
def test_a_finished_line_has_figures_or_the_reason(status: Status, expected: str) -> None:
    assert finished_line(step("silver.s", status, reason="because", rows_read=7, seconds=2.0)).plain == expected


def test_brackets_in_a_message_are_text_and_no_markup() -> None:
    console = pipe()
    with Progress(console) as progress:
        progress(Event("run note", None, "column [bold]x[/bold] is array<int>"))
        progress(finished(step("silver.s", Status.FAILED, reason="[/] is no markup")))
    assert "column [bold]x[/bold] is array<int>" in text(console)
    assert "[/] is no markup" in text(console)
