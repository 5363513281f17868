"""Columns by where they come from, also of frames that may have any."""

from __future__ import annotations

from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import Column, Edge, Field, Frame, united
from lakehouse.quality.flow import Flow, Kind, changed, same, value

A, B = TableName("bronze", "a"), TableName("bronze", "b")
OPEN = Frame(passing={A: "string"})


def closed(table: TableName, *names: str) -> Frame:
    return Frame({n: Column(frozenset({Edge(Field(table, n), Kind.IDENTITY)}), "int") for n in names})


def told(column: Column | None) -> set[str]:
    assert column is not None
    return {f"{e.field} {e.kind}" for e in column.edges}


def test_a_field_reads_as_people_write_it() -> None:
    assert [str(Field(A, "x")), str(Field("./landing/a", "x"))] == ["bronze.a.x", "./landing/a:x"]
    assert [str(Field(A, None)), str(Field("./l", None))] == ["every column of bronze.a", "every field of ./l"]


def test_names_ignore_case_and_keep_their_first_spelling() -> None:
    frame = closed(A, "Id").after(Flow({"ID": changed("iD")}))
    assert list(frame.columns) == ["Id"]
    assert told(frame.get("id")) == {"bronze.a.Id transformation"}


def test_what_passes_is_there_unless_it_is_gone() -> None:
    frame = OPEN.after(Flow({"new": same("old")}, gone=frozenset({"old"})))
    assert told(frame.get("new")) == {"bronze.a.old identity"}
    assert frame.get("OLD") is None
    assert told(frame.get("other")) == {"bronze.a.other identity"}
    assert told(frame.after(Flow({"old": value("1")})).get("old")) == set()


def test_only_some_are_left_and_those_that_are_carried_along() -> None:
    frame = closed(A, "x", "y", "_batch").after(Flow(only=("Y",)))
    assert list(frame.columns) == ["y", "_batch"]
    assert not frame.is_open
    assert not OPEN.after(Flow(only=("x",))).is_open


def test_later_things_see_earlier_ones() -> None:
    frame = OPEN
    for flow in (Flow({"a": value("x + 1")}), Flow({"b": value("sum(a)")}), Flow(rows=frozenset({("b", Kind.FILTER)}))):
        frame = frame.after(flow)
    assert told(frame.get("b")) == {"bronze.a.x aggregation"}
    assert frame.rows == {Edge(Field(A, "x"), Kind.FILTER)}


def test_a_type_goes_with_a_value_that_is_not_changed() -> None:
    frame = closed(A, "x").after(Flow({"y": same("x"), "z": changed("x"), "both": same("x", "y")}))
    assert [frame.columns[n].type for n in "xyz"] == ["int", "int", None]


def test_a_family_begins_with_a_prefix_and_gives_way_to_what_is_known() -> None:
    frame = closed(A, "s", "s_own").after(Flow(gone=frozenset({"s"}), families={"s_": "s"}))
    assert told(frame.get("S_Field")) == {"bronze.a.s transformation"}
    assert told(frame.get("s_own")) == {"bronze.a.s_own identity"}
    assert frame.get("t") is None


def test_after_something_unknown_every_column_comes_from_everything() -> None:
    frame = closed(A, "x").after(Flow(rows=frozenset({("x", Kind.FILTER)}))).blur([A, B])
    assert told(frame.get("anything")) == {
        "every column of bronze.a transformation", "every column of bronze.b transformation",
    }  # fmt: skip
    assert frame.rows


def test_frames_are_united_by_name() -> None:
    frame = united([closed(A, "x", "y"), closed(B, "Y", "z")])
    assert list(frame.columns) == ["x", "y", "z"]
    assert told(frame.get("y")) == {"bronze.a.y identity", "bronze.b.Y identity"}
    either = united([closed(A, "x"), Frame(passing={B: None})])
    assert told(either.get("x")) == {"bronze.a.x identity", "bronze.b.x identity"}
    assert told(either.get("w")) == {"bronze.b.w identity"}
