from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lakehouse.cleanse.base import RULES, describe
from lakehouse.errors import StepError

from .described import undescribed
from .helpers import apply


def values(frame, *rules, column="t"):
    return [r[column] for r in apply(frame, *rules).collect()]


def texts(spark, *given):
    return spark.createDataFrame([(t,) for t in given], "t string").coalesce(1)


def test_s37_trim_takes_all_whitespace(spark):
    frame = texts(spark, " a ", "\ta\r\n", "\u00a0a b\u00a0", "\u3000\u2003a\u2028", "a", "", " \t", None, "\ufeffa")
    assert values(frame, {"trim": "t"}) == ["a", "a", "a b", "a", "a", "", "", None, "\ufeffa"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=1, max_size=20
    )
)
def test_s37_trim_is_pythons_strip(spark, given_texts):
    assert values(texts(spark, *given_texts), {"trim": ["t"]}) == [t.strip() for t in given_texts]


def test_lower_and_upper(spark):
    frame = texts(spark, "äB", None)
    assert values(frame, {"upper": "T"}) == ["ÄB", None]
    assert values(frame, {"lower": "t"}) == ["äb", None]


def test_rules_about_text_refuse_other_types(spark):
    frame = spark.createDataFrame([(1,)], "n int")
    for word in ("trim", "lower", "upper"):
        with pytest.raises(StepError, match=f"{word}: column 'n' is int"):
            apply(frame, {word: "n"})


def test_an_unknown_column_names_the_nearest(spark):
    with pytest.raises(StepError, match="trim: there is no column 'tailnun' here; did you mean 'tailnum'"):
        apply(spark.createDataFrame([("a",)], "tailnum string"), {"trim": "tailnun"})


def test_s38_null_if_is_exact_and_as_text_at_its_place(spark):
    frame = texts(spark, "", "NA", " NA", "na", "x", None)
    assert values(frame, {"null_if": {"columns": ["t"], "values": ["", "NA"]}}) == [None, None, " NA", "na", "x", None]
    assert values(frame, {"trim": "t"}, {"null_if": {"columns": "t", "values": ["", "NA"]}}) == [
        None,
        None,
        None,
        "na",
        "x",
        None,
    ]


def test_s38_null_if_keeps_the_type(spark):
    frame = spark.createDataFrame([(-999, -999.0, True), (5, 5.0, False)], "n int, d double, b boolean").coalesce(1)
    out = apply(frame, {"null_if": {"columns": ["n", "d", "b"], "values": [-999, True]}})
    assert out.dtypes == frame.dtypes
    assert [tuple(r) for r in out.collect()] == [(None, -999.0, None), (5, 5.0, False)]


def test_fill_null_in_the_columns_type(spark):
    frame = spark.createDataFrame([(None, None, None)], "n int, d decimal(5,2), t string")
    out = apply(frame, {"fill_null": {"n": 0, "d": 1.5, "T": "x"}})
    assert out.dtypes == frame.dtypes
    assert tuple(out.first()) == (0, Decimal("1.50"), "x")


def test_fill_null_refuses_a_value_that_does_not_fit(spark):
    with pytest.raises(StepError, match=r"fill_null: n: 'x' does not fit int"):
        apply(spark.createDataFrame([(None,)], "n int"), {"fill_null": {"n": "x"}})


def test_fill_null_does_not_hide_a_value_that_failed_a_cast(spark):
    frame = texts(spark, "x", None)
    assert values(frame, {"cast": {"t": "int"}}, {"fill_null": {"t": 0}}) == [None, 0]


def test_replace_all_at_once(spark):
    frame = texts(spark, "a", "b", "c", None, "A")
    assert values(frame, {"replace": {"columns": "t", "values": {"a": "b", "b": "a", "c": None}}}) == [
        "b",
        "a",
        None,
        None,
        "A",
    ]
    numbers = spark.createDataFrame([(1,), (2,)], "t int").coalesce(1)
    assert values(numbers, {"replace": {"columns": "t", "values": {"1": 9}}}) == [9, 2]


def test_mask(spark):
    frame = texts(spark, "1234567890", "1234", "12", "", None)
    assert values(frame, {"mask": {"columns": "t", "keep_last": 4}}) == ["******7890", "****", "**", "", None]
    assert values(frame, {"mask": {"columns": "t"}}) == ["**********", "****", "**", "", None]
    assert values(spark.createDataFrame([(12345,)], "t int"), {"mask": {"columns": "t", "keep_last": 2}}) == ["***45"]


def test_rules_refuse_what_they_do_not_know():
    for word, args in (
        ("null_if", {"columns": "a", "value": "x"}),
        ("mask", {"columns": []}),
        ("trim", []),
        ("trim", "__input"),
        ("filter", "a >"),
        ("filter", "rand() > 0.5"),
        ("cast", {"a": "itn"}),
        ("drop", "_batch"),
        ("derive", {"a": "sum(b)"}),
        ("derive", {"a": "row_number() over (order by b)"}),
        ("derive", {"a": "explode(b)"}),
    ):
        with pytest.raises(ValidationError):
            RULES[word].args.model_validate(args)


def test_describe():
    assert describe({"filter": "year >= 2013"}) == "filter: year >= 2013"
    assert describe({"null_if": {"columns": "a", "values": ["", 1]}}) == "null_if: {columns: [a], values: [, 1]}"


def test_every_rule_has_a_summary_and_described_arguments():
    for word, rule in RULES.items():
        assert rule.summary, word
        assert rule.args.__doc__, word
        assert not undescribed(rule.args), word
