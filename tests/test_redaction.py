"""Values that are hidden, and the forms in which they could turn up."""

from __future__ import annotations

import json
import re
import traceback
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import redaction
from lakehouse.errors import LakehouseError, Position, Problem, Redacted, SpecError, StepError, without_secrets


def test_without_secrets_nothing_changes() -> None:
    error = ValueError("a")
    assert redaction.redacted("hunter22 ***") == "hunter22 ***"
    assert redaction.java_pattern() == ""
    assert not redaction.is_hidden("")
    assert without_secrets(error) is error


def test_a_long_value_is_hidden_inside_words_and_a_short_one_as_a_word() -> None:
    redaction.hide("hunter22")
    redaction.hide("sa")
    redaction.hide("")
    assert redaction.redacted("xhunter22x") == "x***x"
    assert redaction.redacted("user=sa;") == "user=***;"
    assert redaction.redacted("usa sample _sa") == "usa sample _sa"


def test_of_a_value_and_its_beginning_the_whole_one_goes() -> None:
    redaction.hide("hunter22")
    redaction.hide("hunter22-and-more")
    assert redaction.redacted("hunter22-and-more hunter22") == "*** ***"


@pytest.mark.parametrize("value", ['p"w\\d\n', "pä$$w{1} ör", "a/b+c==", "-----BEGIN-----\nabcdefghij\n-----END-----"])
def test_every_form_of_a_value_is_hidden(value: str) -> None:
    redaction.hide(value)
    forms = [value, json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value), quote(value, safe="")]
    for form in (*forms, quote_plus(value), *(line for line in value.splitlines() if len(line) > 7)):
        assert "***" in redaction.redacted(f"[{form}]"), form
        assert value.strip() not in redaction.redacted(f"[{form}]")


@given(st.text(min_size=1, max_size=20), st.text("0123 ,.;|", max_size=30), st.text("0123 ,.;|", max_size=30))
def test_no_value_survives_and_what_is_around_it_stays(value: str, before: str, after: str) -> None:
    redaction.forget()
    value = "".join("y" if sign in "0123 ,.;|" else sign for sign in value) + "x" * 8
    redaction.hide(value)
    text = redaction.redacted(f"{before}{value}{after}")
    assert value not in text
    assert text.startswith(before)
    assert text.endswith(after)
    assert "***" in text


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_the_pattern_for_java_finds_the_same_and_shows_nothing(value: str) -> None:
    redaction.forget()
    redaction.hide(value)
    pattern = redaction.java_pattern()
    # nothing but numbers of signs, and what stands beside a word; no brace, which would end the pattern in log4j
    assert re.fullmatch(r"(?:\\u[0-9a-f]{4}|\||\(\?<!\\w\)|\(\?!\\w\))*", pattern)
    if value.strip():
        assert re.search(pattern, f" {value} ")  # Java and Python read it alike


def test_texts_inside_maps_and_lists() -> None:
    redaction.hide("hunter22")
    found = redaction.redacted_in({"a hunter22": ["x hunter22", 1, {"b": ("hunter22", None)}]})
    assert found == {"a ***": ["x ***", 1, {"b": ["***", None]}]}


# --- errors -------------------------------------------------------------------------------------------------------


def test_our_own_errors_show_none() -> None:
    redaction.hide("hunter22")
    error = StepError("login with hunter22 failed", fix="take hunter22 away")
    assert (error.message, error.fix, error.args) == (
        "login with *** failed", "take *** away", ("login with *** failed",),
    )  # fmt: skip
    assert "hunter22" not in f"{error} {error!r}"


def failed(outer: type[Exception]) -> Exception:
    try:
        try:
            raise ValueError("hunter22 is wrong")
        except ValueError as error:
            raise outer("cannot log in") from error
    except Exception as error:
        return error


def shown(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


def test_what_an_error_came_from_is_kept_as_text() -> None:
    redaction.hide("hunter22")
    ours = without_secrets(failed(StepError))
    assert isinstance(ours, StepError)
    assert isinstance(ours.__cause__, Redacted)
    assert "hunter22" not in shown(ours)
    assert "ValueError: *** is wrong" in shown(ours)
    theirs = without_secrets(failed(RuntimeError))
    assert isinstance(theirs, Redacted)
    assert "RuntimeError: cannot log in" in str(theirs)
    assert "hunter22" not in shown(theirs)


def test_an_error_that_quotes_nothing_stays_as_it_is() -> None:
    redaction.hide("another-secret")
    error = failed(RuntimeError)
    assert without_secrets(error) is error


# --- problems -----------------------------------------------------------------------------------------------------


def problem(message: str, fix: str = "") -> Problem:
    (found,) = SpecError([Problem(Position("f", 1, 1), "wrong-value", message, fix)]).problems
    return found


def test_a_problem_names_the_variable_instead_of_quoting_its_value() -> None:
    redaction.came_from("/home/me", "${env:HOME}")
    redaction.came_from("ab", "${env:SHORT}")
    redaction.came_from("ada", "${env:USER}")
    found = problem("no file /home/me/x, nor 'ada' nor adam nor ab", "look into /home/me")
    assert found.message == "no file ${env:HOME}/x, nor '${env:USER}' nor adam nor ab"
    assert found.fix == "look into ${env:HOME}"


def test_another_project_knows_nothing_of_it() -> None:
    redaction.came_from("/home/me", "${env:HOME}")
    redaction.reading_begins()
    assert problem("no file /home/me").message == "no file /home/me"
    redaction.hide("hunter22")
    assert isinstance(StepError("hunter22"), LakehouseError)
    assert problem("no hunter22").message == "no ***"
