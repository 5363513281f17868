from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lakehouse.errors import DataError, StepError
from lakehouse.sources.copy_into import CopyInto
from tests.ingest.feed import Feed, Read


def lines(*records: str) -> str:
    return "".join(record + "\n" for record in records)


def test_fields_arrive_as_the_text_they_were(json_feed: Feed) -> None:
    json_feed.put(
        "a.json",
        lines(
            '{"n":1.50,"e":1e5,"b":true,"s":"x","big":12345678901234567890.123456789,"t":"t\\u00e9"}',
            '{"n":null,"x":{"y": 1.50,"z":[1, 2.0]},"l":[1,"a"]}',
        ),
    )
    read = json_feed.read()
    assert read.columns == ["b", "big", "e", "l", "n", "s", "t", "x"]
    assert (read.types["x"], read.types["l"]) == ("struct<y:string,z:array<string>>", "array<string>")
    assert read.rows[0] == ("true", "12345678901234567890.123456789", "1e5", None, "1.50", "x", "té", None)
    assert (read.full[1]["x"], read.full[1]["l"]) == ({"y": "1.50", "z": ["1", "2.0"]}, ["1", "a"])
    assert (read.out.rows, read.out.rejected, read.out.bad) == (None, 0, None)


def test_s5_empty_files(json_feed: Feed) -> None:
    json_feed.put("zero.json", "")
    json_feed.put("blank.json", "\n \n")
    assert json_feed.read().rows == []
    assert json_feed.read(known={"a": "array<string>"}).types["a"] == "array<string>"
    json_feed.put("a.json", '{"a":["1"]}')
    assert json_feed.read().rows == [(["1"],)]


def test_s6_a_field_without_a_value_is_no_column(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"a":1,"nul":null,"deep":{"nul":null},"some":{"nul":null,"x":1}}', '{"a":2}'))
    read = json_feed.read()
    assert read.dicts()[0] == {"a": "1", "some": {"x": "1"}} or read.full[0]["some"] == {"x": "1"}
    assert read.columns == ["a", "some"]
    assert read.types["some"] == "struct<x:string>"


def test_empty_lists_are_values_of_a_column_that_is_there(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"a":1,"tags":[]}', '{"a":2,"tags":null}'))
    read = json_feed.read(known={"a": "string", "tags": "array<struct<k:string>>"})
    assert read.rows == [("1", []), ("2", None)]


def test_s12_broken_records_go_to_quarantine_with_their_text(json_feed: Feed) -> None:
    broken = ["xx", "5", '"s"', "null", '{"a":1', '{"a":"x\ty"}', "[1,2]", '[{"a":2},5]', '{"a":007}']
    path = json_feed.put("a.json", lines('{"a":1}', *broken, "", '{"a":2}'))
    read = json_feed.read()
    assert read.rows == [("1",), ("2",)]
    assert sorted(read.raw) == sorted(broken)
    assert read.bad[0]["_source_file"] == str(path)
    assert read.bad[0]["_failures"][0]["message"] == "the record is not one whole JSON object"
    assert (read.out.rows, read.out.rejected) == (2, len(broken))
    assert json_feed.read(on_bad_record="drop").out.rejected == len(broken)
    with pytest.raises(DataError, match="9 bad record"):
        json_feed.read(on_bad_record="fail")


def test_s12_what_stands_behind_an_object_is_not_lost(json_feed: Feed) -> None:
    """Spark's reader takes the first object of a line and forgets the rest of it."""
    broken = ['{"a":1} xyz', '{"a":1}{"a":2}', '{"a":1} {"a":2}', '{"a":1},{"a":2}', '[{"a":1}] x', "zz"]
    good = ['{"a":1.50,"b":"} x","c":{"d":1e5}}', '{"a":"} {","c":{"d":[{},{"e":1}]}},', '[{"a":1},{"a":[2.0, 3]}]']
    json_feed.put("a.json", lines(*broken, *good))
    read = json_feed.read()
    assert sorted(read.raw) == sorted(broken)
    assert [row[:2] for row in read.rows] == [("1.50", "} x"), ("} {", None), ("1", None), ("[2.0,3]", None)]
    assert read.rows[0][2] == {"d": "1e5"} or read.full[0]["c"] == {"d": "1e5"}


def test_the_long_way_gives_the_same_rows(json_feed: Feed) -> None:
    good = [
        '{"n":1.50,"s":"1.50","e":-1E-5,"t":"é \\" 7 \\\\","o":{"x":1.0,"y":["1",2.50,null],"z":{"w":false}},"l":[]}',
        '{"n":{"a":1.50},"l":[{"k":"v 1"},{"k":2.0,"m":1}],"o":null}',
        "  [{\"n\":1},{'n':'q','o':{'x':'NaN'}}]  ",
        '{"n":1,"n":2.0}',
        '{"n":-0.0,"s":"\\ue000","big":123456789012345678901234567890.10,"o":{}}',
        "{}",
    ]
    json_feed.put("a.json", lines(*good))
    short = json_feed.read()
    json_feed.put("b.json", lines("{} trailing"))
    long = json_feed.read()
    assert (long.columns, long.types) == (short.columns, short.types)
    assert [_without(row) for row in long.full] == [_without(row) for row in short.full]
    assert (short.raw, long.raw) == ([], ["{} trailing"])


def _without(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_source_file"}


def test_s13_a_value_that_does_not_fit_its_hint_is_rescued(json_feed: Feed) -> None:
    path = json_feed.put("a.json", lines('{"a":1,"d":"2024-01-01"}', '{"a":1.5,"d":"x"}', '{"a":"z"}', '{"a":{"b":1}}'))
    read = json_feed.read(loader={"schema_hints": {"a": "int", "d": "date"}})
    assert [row[0] for row in read.rows] == [1, None, None, None]
    assert [r and json.loads(r) for r in read.rescued] == [
        None,
        {"a": "1.5", "d": "x", "_file_path": str(path)},
        {"a": "z", "_file_path": str(path)},
        {"a": '{"b":1}', "_file_path": str(path)},
    ]


def test_s13_a_clash_of_shapes_rescues_the_whole_field(json_feed: Feed) -> None:
    json_feed.put(
        "a.json", lines('{"o":{"x":1}}', '{"o":"text"}', '{"o":{"x":{"y": 2.50}}}', '{"o":[1]}', '{"o":null}', "{}")
    )
    read = json_feed.read(known={"o": "struct<x:string>"})
    assert [row["o"] for row in read.full] == [{"x": "1"}, None, {"x": '{"y":2.50}'}, None, None, None]
    assert [r and json.loads(r)["o"] for r in read.rescued] == [None, "text", None, "[1]", None, None]
    fresh = json_feed.read()
    assert [row[0] for row in fresh.rows] == ['{"x":1}', "text", '{"x":{"y": 2.50}}', "[1]", None, None]
    assert fresh.types["o"] == "string"


def test_nested_hints_have_types(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"o":{"x":1,"l":[1.5]}}', '{"o":{"x":"no"}}', '{"o":{"x":2,"new":1}}'))
    read = json_feed.read(loader={"schema_hints": {"o": "struct<x: int, l: array<double>>"}})
    assert [row["o"] for row in read.full][:2] == [{"x": 1, "l": [1.5], "new": None}, None]
    assert json.loads(read.rescued[1])["o"] == '{"x":"no"}'
    assert read.types["o"] == "struct<x:int,l:array<double>,new:string>"
    kept = json_feed.read(known={"o": "struct<x:int>"}, loader={"schema_evolution_mode": "rescue"})
    assert [row["o"] for row in kept.full] == [None, None, None]
    assert sum(r is not None for r in kept.rescued) == 3


def test_s15_s17_names_are_made_plain_inside_too(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"a b":{"c d":1,"e.f":[{"g h":2}]},"x.y":3,"$id":4}')
    read = json_feed.read()
    assert read.full[0]["a_b"] == {"c_d": "1", "e_f": [{"g_h": "2"}]}
    assert (read.full[0]["x_y"], read.full[0]["_id"]) == ("3", "4")
    again = json_feed.read(known={n: read.types[n] for n in read.columns})
    assert (again.rows, dict(again.out.new_columns), dict(again.out.changed_columns)) == (read.rows, {}, {})


def test_s16_the_exact_spelling_wins_and_the_other_is_rescued(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"id":1,"ID":2}', '{"ID":3}', '{"id":4}', '{"Id":5,"ID":6,"x":1.50}'))
    read = json_feed.read(known={"id": "int", "x": "string"})
    assert [row[0] for row in read.rows] == [1, 3, 4, 6]
    assert [r and {k: v for k, v in json.loads(r).items() if k != "_file_path"} for r in read.rescued] == [
        {"ID": "2"},
        None,
        None,
        {"Id": "5"},
    ]
    assert read.rows[3][1] == "1.50"


def test_s16_other_case_alone_is_the_same_column(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"ID":3,"New":{"A":1}}')
    read = json_feed.read(known={"id": "string", "new": "struct<a:string>"})
    assert read.full[0]["id"] == "3"
    assert read.full[0]["new"] == {"a": "1"}


def test_s16_spellings_that_differ_inside_rescue_the_field(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"o":{"id":1,"ID":2}}', '{"o":{"id":3}}'))
    read = json_feed.read(known={"o": "struct<id:string>"})
    assert [row["o"] for row in read.full] == [None, {"id": "3"}]
    assert json.loads(read.rescued[0])["o"] == '{"id":1,"ID":2}'


def test_s18_nested_fields_that_stop_coming_are_null(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"o":{"b":1}}')
    read = json_feed.read(known={"o": "struct<a:string,b:string>", "p": "struct<q:string>"})
    assert read.full[0]["o"] == {"a": None, "b": "1"}
    assert read.full[0]["p"] is None


def test_new_nested_fields_go_to_the_end(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"o":{"a":1,"z":2},"l":[{"a":1,"k":2}]}'))
    read = json_feed.read(known={"l": "array<struct<k:string>>", "o": "struct<z:string>"})
    assert dict(read.out.changed_columns) == {
        "l": "array<struct<k:string,a:string>>",
        "o": "struct<z:string,a:string>",
    }
    assert read.full[0]["o"] == {"z": "2", "a": "1"}
    assert read.full[0]["l"] == [{"k": "2", "a": "1"}]


def test_s20_partition_folders_are_columns(json_feed: Feed) -> None:
    json_feed.put("d=1/a.json", '{"a":1}')
    json_feed.put("d=2/a.json", '{"a":2}')
    assert json_feed.read(loader={"schema_hints": {"d": "int"}}).dicts() == [{"a": "1", "d": 1}, {"a": "2", "d": 2}]


def test_s24_with_a_schema_unknown_fields_are_rescued(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"a":1,"new":{"x": 1.50},"b":2}', '{"a":2}'))
    read = json_feed.read(schema={"a": "int"}, known={"a": "int"})
    assert (read.columns, read.rows) == (["a"], [(1,), (2,)])
    first = json.loads(read.rescued[0])
    assert (first["new"], first["b"], read.rescued[1]) == ('{"x": 1.50}', "2", None)


def test_modes_of_evolution(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"a":1,"new":2}')
    with pytest.raises(StepError, match="new"):
        json_feed.read(known={"a": "string"}, loader={"schema_evolution_mode": "fail_on_new_columns"})
    none = json_feed.read(known={"a": "string"}, loader={"schema_evolution_mode": "none"})
    assert (none.rows, none.rescued) == ([("1",)], [None])
    assert json_feed.read(loader={"schema_evolution_mode": "rescue"}).columns == ["a", "new"]


def test_fail_on_new_columns_fails_for_nested_fields_too(json_feed: Feed) -> None:
    known = {"a": "struct<x:string,l:array<struct<y:string>>>"}
    json_feed.put("a.json", '{"a":{"x":1,"X":2,"new":null,"l":[{"y":1,"new":null}]}}')
    loader = {"schema_evolution_mode": "fail_on_new_columns"}
    assert json_feed.read(known=known, loader=loader).rows == [(None,)], "two spellings of one name are no new field"
    json_feed.put("b.json", '{"a":{"x":1,"more":{"z":2},"l":[{"y":1},{"new":3}]}}')
    with pytest.raises(StepError, match=r"columns that the table does not: a\.l\.element\.new, a\.more"):
        json_feed.read(known=known, loader=loader)
    with pytest.raises(StepError, match=r"a\.more\n.*merge_schema: true"):
        json_feed.read(known=known, copy_into=CopyInto())
    rescue = json_feed.read(known=known, loader={"schema_evolution_mode": "rescue"})
    assert (rescue.rows, rescue.out.rescued_rows()) == ([(None,), (None,)], 2)


def test_not_nullable(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"a":1}', '{"b":2}', "zz"))
    read = json_feed.read(schema={"a": {"type": "int", "nullable": False}, "b": "string"})
    assert read.rows == [(1, None)]
    assert read.raw == ['{"b":"2"}', "zz"]


def test_names_that_are_bronzes_own(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"_batch":1,"__corrupt":2,"_metadata":3,"_id":4,"__raw":5}', "zz"))
    read = json_feed.read()
    assert read.dicts() == [{"_id": "4", "_metadata": "3"}]
    assert {k: v for k, v in json.loads(read.rescued[0]).items() if k != "_file_path"} == {
        "_batch": "1",
        "__corrupt": "2",
        "__raw": "5",
    }
    assert read.raw == ["zz"]


def test_whole_files_with_multi_line(json_feed: Feed) -> None:
    options = {"multiLine": True}
    json_feed.put("object.json", '\ufeff{\n "a": 1.50\n}\n')
    json_feed.put("array.json", '[\n {"a": 2},\n {"a": 3}\n]')
    json_feed.put("broken.json", '{"a": ')
    assert sorted(json_feed.read(options=options).rows) == [("1.50",), ("2",), ("3",)]
    json_feed.put("lines.json", lines('{"a":4}', '{"a":5}'))
    read = json_feed.read(options=options)
    assert sorted(read.rows) == [("1.50",), ("2",), ("3",)]
    assert sorted(read.raw) == ['{"a": ', '{"a":4}\n{"a":5}\n'], "Spark would read one record of the two"


def test_encodings(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"a":"é","n":1.50}\r\n{"a":"ü"}\n'.encode("utf-16"))
    read = json_feed.read(options={"encoding": "UTF-16"})
    assert read.rows == [("é", "1.50"), ("ü", None)]
    json_feed.put("a.json", b'\xef\xbb\xbf{"a":"b"}\n')
    assert json_feed.read().rows == [("b",)]


def test_files_that_cannot_be_opened_fail_and_the_others_load(json_feed: Feed) -> None:
    whole = gzip.compress(lines(*(f'{{"a":{i * 7919}}}' for i in range(50_000))).encode())
    json_feed.put("whole.json.gz", whole)
    for i in range(5):
        json_feed.put(f"truncated %é {i}.json.gz", whole[: len(whole) // 2 + i])
    json_feed.put("text.json.gz", '{"a":1}')
    read = json_feed.read()
    assert len(read.rows) == 50_000
    assert set(read.failed) == {*(f"truncated %é {i}.json.gz" for i in range(5)), "text.json.gz"}


def test_deep_and_long_records_do_not_take_spark_down(json_feed: Feed) -> None:
    deep = '{"a":' * 2000 + "1" + "}" * 2000
    long = '{"a":"' + "x" * 25_000_000 + '"}'
    json_feed.put(
        "a.json", lines('{"a":1}', '{"a":' * 400 + "1" + "}" * 400, deep, '{"b":' + "[" * 2000 + "]" * 2000 + "}")
    )
    read = json_feed.read()
    assert (read.rows, len(read.raw)) == ([("1",)], 3)
    json_feed.put("a.json", lines(long, '{"a":2}'))
    rows = json_feed.read().rows
    assert [len(row[0]) for row in rows] == [25_000_000, 1]


def test_one_job_for_a_clean_batch(json_feed: Feed, jobs: Callable[[Callable[[], Any]], int]) -> None:
    from lakehouse.ingest.read import read_batch

    json_feed.put("a.json", lines('{"a":1,"o":{"x":1}}'))
    json_feed.put("b.json", lines('{"a":1,"new":[1]}'))
    request = json_feed.request(loader={"schema_hints": {"a": "int"}}, known={"a": "int"})
    assert jobs(lambda: read_batch(json_feed.spark, request)) == 1
    json_feed.put("c.json", "zz\n")
    request = json_feed.request(known={"a": "int"})
    assert jobs(lambda: read_batch(json_feed.spark, request)) == 2


def test_s3_a_replay_writes_identical_rows(json_feed: Feed) -> None:
    json_feed.put("a.json", lines('{"a":1,"b":{"c":1}}', "zz", '{"a":"x"}'))
    keys: dict[str, Any] = {"loader": {"schema_hints": {"a": "int"}}}
    first: Read = json_feed.read(**keys)
    again: Read = json_feed.read(**keys)
    assert (first.full, first.bad) == (again.full, again.bad)


def test_nested_values_of_declared_types_fit_exactly_or_are_rescued(json_feed: Feed) -> None:
    kind = "struct<m:decimal(10,2),at:timestamp,f:double,i:int,b:boolean,l:array<date>>"
    good = '{"m":1.20,"at":"2024-01-02T03:04:05.678901Z","f":1e3,"i":"5","b":true,"l":["2024-01-01",null]}'
    json_feed.put(
        "a.json", f'{{"id":0,"s":{good}}}\n' + "".join(f'{{"id":{i},"s":{bad}}}\n' for i, bad in enumerate(BAD, 1))
    )
    read = json_feed.read(loader={"schema_hints": {"id": "int", "s": kind}})
    found = {row["id"]: row["s"] for row in read.full}
    assert found[0]["m"] == Decimal("1.20")
    assert found[0]["at"].astimezone(UTC) == datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert (found[0]["f"], found[0]["i"], found[0]["b"], found[0]["l"]) == (1000.0, 5, True, [date(2024, 1, 1), None])
    assert [found[i] for i in range(1, len(BAD) + 1)] == [None] * len(BAD)
    assert [json.loads(text)["s"] if text else None for text in read.rescued] == [None, *BAD]


BAD = [
    '{"m":1.234}',
    '{"i":1.5}',
    '{"i":99999999999}',
    '{"l":["2024-01-01","soon"]}',
    '{"b":"perhaps"}',
    '{"at":"03:04"}',
]
