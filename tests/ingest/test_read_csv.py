from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from lakehouse.errors import DataError, StepError
from lakehouse.sources.copy_into import CopyInto
from tests.ingest.feed import INGESTED, T0, Feed


def test_columns_arrive_as_text_with_bronzes_own(csv_feed: Feed) -> None:
    path = csv_feed.put("a.csv", "id,name\n007,Ann\n1.50,\n")
    read = csv_feed.read()
    assert read.columns == ["id", "name"]
    assert read.rows == [("007", "Ann"), ("1.50", None)]
    assert {read.types[c] for c in read.columns} == {"string"}
    assert read.full[0]["_source_file"] == str(path)
    assert read.full[0]["_source_modified"].replace(tzinfo=UTC) == T0
    assert read.full[0]["_ingested_at"].replace(tzinfo=UTC) == INGESTED
    assert (read.full[0]["_batch"], read.types["_batch"]) == (7, "bigint")
    assert read.rescued == [None, None]
    assert (read.types["_rescued_data"], read.out.new_columns) == ("string", {"id": "string", "name": "string"})
    assert (read.out.rows, read.out.rejected, read.out.rescued, read.out.bad) == (2, 0, 0, None)


def test_s3_a_replay_writes_identical_rows(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,n\n1,x\n2\n3,y\n")
    csv_feed.put("b.csv", "n,id\nz,4\n")
    keys: dict[str, Any] = {"loader": {"schema_hints": {"id": "int"}}, "known": {"id": "int", "n": "string"}}
    first, again = csv_feed.read(**keys), csv_feed.read(**keys)
    assert first.full == again.full
    assert first.bad == again.bad


def test_s4_a_file_that_is_gone_or_changed_is_left_out(csv_feed: Feed) -> None:
    for name in ("good.csv", "gone.csv", "longer.csv", "touched.csv"):
        csv_feed.put(name, "a\n1\n")
    files = csv_feed.request().files
    (csv_feed.root / "gone.csv").unlink()
    (csv_feed.root / "longer.csv").write_text("a\n1\n2\n")
    os.utime(csv_feed.root / "touched.csv", (5, 5))
    read = csv_feed.read(files=files)
    assert [row["_source_file"] for row in read.full] == [str(csv_feed.root / "good.csv")]
    assert set(read.failed) == {"gone.csv", "longer.csv", "touched.csv"}
    assert "gone" in read.failed["gone.csv"]
    assert "4 bytes then, 6 now" in read.failed["longer.csv"]


def test_s5_empty_and_header_only_files_load_with_no_row(csv_feed: Feed) -> None:
    csv_feed.put("zero.csv", "")
    csv_feed.put("blank.csv", "\n\n")
    csv_feed.put("header.csv", "a,b\n")
    read = csv_feed.read()
    assert (read.rows, read.failed, read.out.rows, dict(read.out.new_columns)) == ([], {}, 0, {})
    with_known = csv_feed.read(known={"a": "int"})
    assert (with_known.columns, with_known.types["a"], with_known.rows) == (["a"], "int", [])
    csv_feed.put("more.csv", "a,b\n1,\n")
    assert csv_feed.read().dicts() == [{"a": "1"}]


def test_s6_a_column_without_a_value_is_not_added(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,empty,some\n1,,\n2,,x\n")
    csv_feed.put("b.csv", "id,only_header\n")
    csv_feed.put("c.csv", "id,only_bad\n3,y,zz\n")
    read = csv_feed.read(known={"id": "string"})
    assert list(read.out.new_columns) == ["some"]
    assert read.dicts() == [{"id": "1", "some": None}, {"id": "2", "some": "x"}]
    assert read.raw == ["3,y,zz"]


def test_s9_columns_go_by_each_files_header(csv_feed: Feed) -> None:
    csv_feed.put("1.csv", "a,b,c\n1,2,3\n")
    csv_feed.put("2.csv", "c,a,b\n3,1,2\n")
    csv_feed.put("3.csv", "b,a\n2,1\n")
    csv_feed.put("4.csv", "d,a\n4,1\n")
    read = csv_feed.read()
    assert read.columns == ["a", "b", "c", "d"]
    assert sorted(read.rows, key=str) == sorted(
        [("1", "2", "3", None), ("1", "2", "3", None), ("1", "2", None, None), ("1", None, None, "4")], key=str
    )


def test_s9_without_a_header_columns_go_by_position(csv_feed: Feed) -> None:
    csv_feed.put("1.csv", "1,2\n3,4\n")
    csv_feed.put("2.csv", "5,6,7\n")
    read = csv_feed.read(options={})
    assert read.columns == ["_c0", "_c1", "_c2"]
    assert sorted(read.rows) == [("1", "2", None), ("3", "4", None), ("5", "6", "7")]


def test_s9_without_a_header_the_schema_names_the_positions(csv_feed: Feed) -> None:
    csv_feed.put("1.csv", "1,x\n2\n")
    csv_feed.put("2.csv", "3,y,surplus\n")
    read = csv_feed.read(options={}, schema={"id": "int", "name": "string"}, known={"id": "int", "name": "string"})
    assert sorted(read.rows) == [(1, "x"), (3, "y")]
    assert read.raw == ["2"]
    assert [json.loads(r)["_c2"] for r in read.rescued if r] == ["surplus"]


def test_s10_quotes_are_rfc_4180(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", 'a,b\n"q""t","x,y"\n"C:\\dir\\",2\n\'s\',"é"\n')
    assert csv_feed.read().rows == [('q"t', "x,y"), ("C:\\dir\\", "2"), ("'s'", "é")]


def test_s10_the_users_options_win(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a;b\n# no\n'q\\'t';NA\n")
    options = {"header": True, "sep": ";", "quote": "'", "escape": "\\", "comment": "#", "NULLVALUE": "NA"}
    assert csv_feed.read(options=options).dicts() == [{"a": "q't"}]
    assert csv_feed.read(options=options, known={"b": "string"}).dicts() == [{"a": "q't", "b": None}]


def test_s11_an_empty_field_is_null_and_a_quoted_one_is_text(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", 'a,b,c\n,"",x\n"",,x\n')
    assert csv_feed.read().rows == [(None, "", "x"), ("", None, "x")]


def test_s12_ragged_records_go_to_quarantine_with_their_text(csv_feed: Feed) -> None:
    path = csv_feed.put("a.csv", 'a,b\n1,2\n3\n4,5,6\n"un,closed\n\n7,8\n')
    read = csv_feed.read()
    assert read.rows == [("1", "2"), ("7", "8")]
    assert read.raw == ["3", "4,5,6", '"un,closed']
    assert {row["_source_file"] for row in read.bad} == {str(path)}
    assert read.bad[0]["_source_modified"].replace(tzinfo=UTC) == T0
    assert read.bad[0]["_failures"] == [
        {"name": "record", "column": None, "value": None, "message": "the record does not have 2 fields"}
    ]
    assert (read.bad[0]["_stage"], read.out.rows, read.out.rejected) == ("record", 2, 3)


def test_s12_bad_records_are_dropped_or_fail_when_asked(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a,b\n1,2\n3\n")
    dropped = csv_feed.read(on_bad_record="drop")
    assert (dropped.rows, dropped.out.bad, dropped.out.rejected) == ([("1", "2")], None, 1)
    with pytest.raises(DataError, match=r"1 bad record.*a\.csv.*'3'"):
        csv_feed.read(on_bad_record="fail")


def test_s12_records_are_judged_whatever_columns_are_asked_for(csv_feed: Feed) -> None:
    """Spark 4.1 with column pruning finds no short record in a query of the first column."""
    csv_feed.put("a.csv", "a,b\n1,2\n3\n4,5,6\n")
    assert csv_feed.read().out.frame.select("a").count() == 1


def test_s13_a_value_that_does_not_fit_its_hint_is_rescued(csv_feed: Feed) -> None:
    path = csv_feed.put("a.csv", "id,at,x\n1,2024-01-01 10:00:00,p\n1.5,yesterday,q\n,,r\n 3 ,2024-01-02,s\n")
    read = csv_feed.read(loader={"schema_hints": {"id": "int", "at": "timestamp"}})
    assert [row[0] for row in read.rows] == [1, None, None, 3]
    assert [str(row[1]) for row in read.rows] == ["2024-01-01 10:00:00", "None", "None", "2024-01-02 00:00:00"]
    assert [row[2] for row in read.rows] == ["p", "q", "r", "s"]
    assert [r and json.loads(r) for r in read.rescued] == [
        None,
        {"id": "1.5", "at": "yesterday", "_file_path": str(path)},
        None,
        None,
    ]
    assert read.out.rescued == 1
    assert dict(read.out.new_columns) == {"id": "int", "at": "timestamp", "x": "string"}


def test_s13_the_stored_type_rules(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id\n1\nx\n")
    read = csv_feed.read(known={"id": "bigint", "gone": "decimal(5,2)"})
    assert read.rows == [(1, None), (None, None)]
    assert read.types == {**read.types, "id": "bigint", "gone": "decimal(5,2)"}
    assert json.loads(read.rescued[1])["id"] == "x"


def test_s15_duplicate_header_names_get_their_position(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a,A,b,,\n1,2,3,4,5\n")
    read = csv_feed.read()
    assert read.dicts() == [{"a0": "1", "A1": "2", "b": "3", "_c3": "4", "_c4": "5"}]
    assert any("more than once" in warning for warning in read.out.warnings)


def test_s15_names_that_become_equal_make_the_file_bad(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "x y,x-y,b\n1,2,3\n")
    csv_feed.put("b.csv", "b\n3\n")
    read = csv_feed.read()
    assert read.rows == [("3",)]
    assert "'x y' and 'x-y'" in read.failed["a.csv"]


def test_s16_names_compare_without_case_and_keep_the_first_spelling(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "Id,New\n1,x\n")
    csv_feed.put("b.csv", "ID,NEW\n2,y\n")
    read = csv_feed.read(known={"iD": "string"})
    assert read.columns == ["iD", "New"]
    assert read.rows == [("1", "x"), ("2", "y")]


def test_s17_names_become_plain_and_the_comment_keeps_them(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "dep delay (min),2013,größe,名前,a.b,ok\n1,2,3,4,5,6\n")
    read = csv_feed.read()
    assert read.columns == ["dep_delay_min_", "_2013", "grosse", "u540du524d", "a_b", "ok"]
    assert read.rows == [("1", "2", "3", "4", "5", "6")]
    assert read.out.comments["dep_delay_min_"] == "dep delay (min)"
    assert "ok" not in read.out.comments
    again = csv_feed.read(known=dict.fromkeys(read.columns, "string"))
    assert (again.rows, dict(again.out.new_columns)) == (read.rows, {})


def test_s17_exact_names_stay(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "dep delay (min),a.b,`q`\n1,2,3\n")
    read = csv_feed.read(column_names="exact")
    assert read.dicts() == [{"dep delay (min)": "1", "a.b": "2", "`q`": "3"}]


def test_s18_a_column_that_stops_coming_is_null(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "b\n2\n")
    assert csv_feed.read(known={"a": "int", "b": "string", "s": "struct<x:string>"}).rows == [(None, "2", None)]


def test_s20_partition_folders_are_columns(csv_feed: Feed) -> None:
    csv_feed.put("d=2024-01-01/k=a%2Fb c/x.csv", "a\n1\n")
    csv_feed.put("d=__HIVE_DEFAULT_PARTITION__/x.csv", "a\n2\n")
    csv_feed.put("x.csv", "a\n3\n")
    read = csv_feed.read()
    assert read.dicts() == [
        {"a": "1", "d": "2024-01-01", "k": "a/b c"},
        {"a": "2", "d": None, "k": None},
        {"a": "3", "d": None, "k": None},
    ]
    hinted = csv_feed.read(loader={"schema_hints": {"d": "date"}}, source={"partition_columns": ["d"]})
    assert [str(row["d"]) for row in hinted.full] == ["2024-01-01", "None", "None"]
    assert csv_feed.read(source={"partition_columns": []}).columns == ["a"]


def test_s20_partition_columns_never_evolve(csv_feed: Feed) -> None:
    csv_feed.put("d=1/x.csv", "a,d\n1,2\n")
    read = csv_feed.read(known={"a": "string"})
    assert read.columns == ["a"]
    assert any("never evolve" in warning for warning in read.out.warnings)
    assert json.loads(read.rescued[0])["d"] == "2", "the file's own field says otherwise"
    assert csv_feed.read(known={"a": "string", "d": "int"}).rows == [("1", 1)]


def test_s24_with_a_schema_unknown_columns_are_rescued(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,new,Other\n1,x,\nq,,\n")
    keys: dict[str, Any] = {"schema": {"id": "int", "later": "date"}, "known": {"id": "int", "later": "date"}}
    read = csv_feed.read(**keys)
    assert read.rows == [(1, None), (None, None)]
    assert [json.loads(r).get("new") for r in read.rescued] == ["x", None]
    assert json.loads(read.rescued[1])["id"] == "q"
    added = csv_feed.read(**keys, loader={"schema_evolution_mode": "add_new_columns"})
    assert list(added.out.new_columns) == ["new"]


def test_a_null_in_a_column_that_is_not_nullable_is_a_bad_record(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,x\n1,a\n,b\nq,c\n")
    read = csv_feed.read(schema={"id": {"type": "int", "nullable": False}, "x": "string"})
    assert read.rows == [(1, "a")]
    assert [json.loads(raw) for raw in read.raw] == [{"x": "b"}, {"id": "q", "x": "c"}]
    assert read.bad[0]["_failures"][0]["name"] == "schema.id"


def test_modes_of_evolution(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,new\n1,x\n")
    known = {"id": "string"}
    rescue = csv_feed.read(known=known, loader={"schema_evolution_mode": "rescue"})
    assert (rescue.rows, json.loads(rescue.rescued[0])["new"]) == ([("1",)], "x")
    none = csv_feed.read(known=known, loader={"schema_evolution_mode": "none"})
    assert (none.rows, none.rescued) == ([("1",)], [None])
    kept = {"schema_evolution_mode": "none", "rescued_data_column": "_rescued_data"}
    assert csv_feed.read(known=known, loader=kept).out.rescued == 1
    with pytest.raises(StepError, match="a column that the table does not: new"):
        csv_feed.read(known=known, loader={"schema_evolution_mode": "fail_on_new_columns"})
    for mode in ("rescue", "none", "fail_on_new_columns"):
        assert csv_feed.read(loader={"schema_evolution_mode": mode}).rows == [("1", "x")], "the first batch makes them"


def test_fail_on_new_columns_lets_an_empty_one_pass(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,new\n1,\n")
    loader = {"schema_evolution_mode": "fail_on_new_columns"}
    assert csv_feed.read(known={"id": "string"}, loader=loader).rows == [("1",)]


def test_copy_into_adds_columns_only_with_merge_schema(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,new\n1,x\n")
    assert csv_feed.read(copy_into=CopyInto()).rows == [("1", "x")]
    with pytest.raises(StepError, match="merge_schema: true"):
        csv_feed.read(copy_into=CopyInto(), known={"id": "string"})
    assert csv_feed.read(copy_into=CopyInto(merge_schema=True), known={"id": "string"}).rows == [("1", "x")]


def test_fields_named_like_bronzes_own_are_rescued(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,_batch,_metadata,__raw,_rescued_data\n1,2,3,4,5\n6\n")
    read = csv_feed.read()
    assert read.dicts() == [{"id": "1", "_metadata": "3"}]
    rescued = json.loads(read.rescued[0])
    assert {k: rescued[k] for k in ("_batch", "__raw", "_rescued_data")} == {
        "_batch": "2",
        "__raw": "4",
        "_rescued_data": "5",
    }
    assert read.raw == ["6"]


@pytest.mark.parametrize(
    "name",
    ["a b.csv", "100%.csv", "%41.csv", "é ü.csv", "a+b#c?.csv", "[x]{1}*.csv", "名.csv", "a'b\"c&.csv", "x=1 y/z.csv"],
)
def test_the_source_file_is_the_path_as_it_is(csv_feed: Feed, name: str) -> None:
    path = csv_feed.put(name, "a,b\n1,2\n3\n")
    read = csv_feed.read(source={"partition_columns": [], "recursive_file_lookup": True})
    assert [row["_source_file"] for row in read.full] == [str(path)]
    assert [row["_source_file"] for row in read.bad] == [str(path)]


def test_line_ends_quotes_and_marks(csv_feed: Feed) -> None:
    csv_feed.put("crlf.csv", 'a,b\r\n1,"x"\r\n')
    csv_feed.put("cr.csv", "a,b\r2,y\r")
    csv_feed.put("bom.csv", b"\xef\xbb\xbfa,b\n3,z")
    csv_feed.put("mixed.csv", "a,b\n4,u\r\n5,v\n\n   \n6,w")
    read = csv_feed.read()
    assert sorted(read.rows) == [(str(i + 1), v) for i, v in enumerate("xyzuvw")]


def test_multi_line_records(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", '"a\nx",b\r\n1,"l1\r\nl2"\r\n2,"q""\nt"\r\n3\r\n')
    read = csv_feed.read(options={"header": True, "multiLine": True})
    assert read.columns == ["a_x", "b"]
    assert read.rows == [("1", "l1\r\nl2"), ("2", 'q"\nt')]
    assert len(read.raw) == 1


def test_encodings(csv_feed: Feed) -> None:
    csv_feed.put("u16.csv", "a,b\n1,é\n".encode("utf-16"))
    csv_feed.put("u8.csv", "a,b\n2,é\n")
    assert sorted(csv_feed.read().rows) == [("1", "é"), ("2", "é")]
    (csv_feed.root / "u16.csv").unlink()
    (csv_feed.root / "u8.csv").unlink()
    csv_feed.put("l1.csv", "größe,b\n1,é\n".encode("latin-1"))
    assert csv_feed.read(options={"header": True, "encoding": "ISO-8859-1"}).dicts() == [{"grosse": "1", "b": "é"}]
    with pytest.raises(StepError, match="encoding 'klingon'"):
        csv_feed.read(options={"header": True, "encoding": "klingon"})


def test_files_that_cannot_be_opened_fail_and_the_others_load(csv_feed: Feed) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919) for i in range(50_000)))
    csv_feed.put("whole.csv.gz", whole)
    for i in range(6):
        csv_feed.put(f"truncated é {i}.csv.gz", whole[: len(whole) // 2 + i])
    csv_feed.put("text.csv.gz", "a,b\n1,2\n")
    csv_feed.put("empty.csv.gz", b"")
    read = csv_feed.read()
    assert len(read.rows) == 50_000
    assert set(read.failed) == {*(f"truncated é {i}.csv.gz" for i in range(6)), "text.csv.gz"}
    with pytest.raises(StepError, match=r"text\.csv\.gz"):
        csv_feed.read(on_bad_file="fail")


def test_one_job_per_batch(csv_feed: Feed, jobs: Callable[[Callable[[], Any]], int]) -> None:
    from lakehouse.ingest.read import read_batch

    csv_feed.put("1.csv", "a,b\n1,2\n3\n")
    csv_feed.put("2.csv", "b,c\n1,2\n")
    request = csv_feed.request(loader={"schema_hints": {"a": "int"}}, known={"a": "int"})
    assert jobs(lambda: read_batch(csv_feed.spark, request)) == 1


def test_many_columns(csv_feed: Feed) -> None:
    names = [f"c{i}" for i in range(1500)]
    csv_feed.put("a.csv", ",".join(names) + "\n" + ",".join(map(str, range(1500))) + "\n")
    assert csv_feed.read().rows == [tuple(map(str, range(1500)))]
