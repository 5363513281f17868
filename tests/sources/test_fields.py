from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.names import is_identifier
from lakehouse.sources.fields import Wanted, plain_name


@pytest.mark.parametrize(
    ("came", "plain"),
    [
        ("ok_1", "ok_1"),
        ("dep delay (min)", "dep_delay_min_"),
        ("a.b", "a_b"),
        ("2013", "_2013"),
        ("Größe é", "Grosse_e"),
        ("名", "u540d"),
        ("", "_"),
        ("$id", "_id"),
        ("a\nb`c", "a_b_c"),
    ],
)
def test_s17_plain_names(came: str, plain: str) -> None:
    assert plain_name(came) == plain


@given(st.text(max_size=20))
def test_s17_a_plain_name_needs_no_backticks_and_stays(came: str) -> None:
    plain = plain_name(came)
    assert is_identifier(plain)
    assert plain_name(plain) == plain


def test_s16_the_stored_spelling_is_kept() -> None:
    wanted = Wanted({"dep_delay": ("Dep_Delay", "int")})
    assert (wanted.name("dep delay"), wanted.type("DEP DELAY")) == ("Dep_Delay", "int")
    assert (wanted.name("Other x"), wanted.type("other")) == ("Other_x", None)
    assert Wanted({}, exact=True).name("a b") == "a b"
