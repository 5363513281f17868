"""XML: rows found one by one, values as text, shapes of elements that differ between records."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from lakehouse.errors import DataError, StepError
from tests.ingest.feed import Feed, Read

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


@pytest.fixture
def feed(spark: SparkSession, tmp_path: Path) -> Feed:
    return Feed(spark, tmp_path / "in", "xml")


def rows(*inside: str) -> str:
    return "<?xml version='1.0'?>\n<all>\n" + "\n".join(f"<row>{text}</row>" for text in inside) + "\n</all>\n"


def rescued(read: Read) -> list[Any]:
    found = [json.loads(text) if text else None for text in read.rescued]
    for row in found:
        if row:
            assert row.pop("_file_path").endswith(".xml")
    return found


def column(read: Read, name: str = "a") -> list[Any]:
    return [row[name] for row in read.full]


def test_fail_on_new_columns_fails_for_a_nested_element(feed: Feed) -> None:
    feed.put("a.xml", rows("<a><x>1</x><x>2</x></a>", "<a><x>1</x><y>2</y></a>"))
    with pytest.raises(StepError, match=r"a column that the table does not: a\.y"):
        feed.read(known={"a": "struct<x:string>"}, loader={"schema_evolution_mode": "fail_on_new_columns"})


def test_values_arrive_as_the_text_they_were(feed: Feed) -> None:
    feed.put(
        "a.xml",
        rows(
            "<n>1.50</n><z>007</z><t> x </t><e/>",
            "<b>a<!-- c -->b<?p?><![CDATA[<c>&amp;]]>&lt;&#233;</b><amp>&amp;</amp>",
        ),
    )
    read = feed.read()
    assert read.dicts() == [
        {"amp": None, "b": None, "e": "", "n": "1.50", "t": "x", "z": "007"},
        {"amp": "&", "b": "ab<c>&amp;<é", "e": None, "n": None, "t": None, "z": None},
    ]
    assert (read.out.rows, read.out.rejected, rescued(read)) == (2, 0, [None, None])


def test_attributes_texts_beside_them_and_lists(feed: Feed) -> None:
    feed.put("a.xml", "<r><row id='7'><p cur='EUR'>5</p><i>1</i></row><row>text<p>6</p><i>1</i><i>2</i></row></r>")
    read = feed.read()
    assert (
        read.types
        | {"_id": "string", "_VALUE": "string", "i": "array<string>", "p": "struct<_VALUE:string,_cur:string>"}
        == read.types
    )
    assert [(r["_id"], r["_VALUE"], r["i"], r["p"]) for r in read.full] == [
        ("7", None, ["1"], {"_VALUE": "5", "_cur": "EUR"}), (None, "text", ["1", "2"], {"_VALUE": "6", "_cur": None}),
    ]  # fmt: skip


def test_options_of_the_reader(feed: Feed) -> None:
    feed.put("a.xml", "<n:all xmlns:n='u'><n:row n:k='1'><n:a> x </n:a><n:b>NA</n:b><c d='2'>3</c></n:row></n:all>")
    options = {
        "rowTag": "row",
        "ignoreNamespace": True,
        "ignoreSurroundingSpaces": False,
        "nullValue": "NA",
        "attributePrefix": "at_",
        "valueTag": "value",
    }
    assert feed.read(options=options).dicts() == [{"a": " x ", "at_k": "1", "c": ("2", "3")}]
    assert feed.read(options={"rowTag": "n:row"}).columns == ["_n_k", "c", "n_a", "n_b"]


def test_elements_of_several_shapes_lose_nothing(feed: Feed) -> None:
    """Spark's inference makes a text of these, with or without the attribute, as the order of records has it."""
    feed.put("a.xml", rows("<a>1</a>", "<a><b>2</b></a>", "<a x='3'><b>4</b></a>", "<a/>"))
    feed.put("b.xml", rows("<a><b>5</b></a>", "<a>6</a><a>7</a>"))
    read = feed.read()
    assert read.types["a"] == "array<struct<_VALUE:string,_x:string,b:string>>"
    found = [[tuple(part.values()) for part in value] for value in column(read)]
    assert found == [
        [("1", None, None)], [(None, None, "2")], [(None, "3", "4")], [(None, None, None)],
        [(None, None, "5")], [("6", None, None), ("7", None, None)],
    ]  # fmt: skip


def test_one_of_a_list_fits_a_column_of_plain_values(feed: Feed) -> None:
    feed.put("a.xml", rows("<a>1</a>", "<a>1</a><a>2</a>", "<a>x</a>", "<a/>", ""))
    read = feed.read(known={"a": "string"})
    assert column(read) == ["1", '["1","2"]', "x", "", None]
    assert rescued(read) == [None] * 5
    read = feed.read(known={"a": "int"})
    assert column(read) == [1, None, None, None, None]
    assert rescued(read) == [None, {"a": '["1","2"]'}, {"a": "x"}, None, None]


def test_a_text_fits_though_others_have_attributes(feed: Feed) -> None:
    feed.put("a.xml", rows("<a>1</a>", "<a x='2'>5</a>", "<a/>", ""))
    assert column(feed.read(known={"a": "string"})) == ["1", '{"_VALUE":"5","_x":"2"}', "", None]
    read = feed.read(known={"a": "int"})
    assert column(read) == [1, None, None, None]
    assert rescued(read) == [None, {"a": '{"_VALUE":"5","_x":"2"}'}, None, None]


def test_one_element_is_a_list_where_the_table_has_lists(feed: Feed) -> None:
    feed.put("a.xml", rows("<a><b>1</b></a>", "<a/>", ""))
    assert column(feed.read(known={"a": "array<struct<b:array<int>>>"})) == [[{"b": [1]}], [{"b": None}], None]


def test_s13_what_does_not_fit_inside_rescues_the_whole_field(feed: Feed) -> None:
    feed.put("a.xml", rows("<a><b>1</b></a>", "<a><b>x</b></a>", "<a><b/></a>"))
    read = feed.read(loader={"schema_hints": {"a": "struct<b:int>"}})
    assert column(read) == [{"b": 1}, None, {"b": None}]
    assert rescued(read) == [None, {"a": '{"b":"x"}'}, None]


def test_new_elements_become_columns_at_the_end_and_nested_ones_too(feed: Feed) -> None:
    feed.put("a.xml", rows("<z>1</z><a><y>2</y><b>3</b></a>"))
    known = {"z": "string", "a": "struct<b:string>"}
    read = feed.read(known=known)
    assert (read.types["a"], read.out.changed_columns) == (
        "struct<b:string,y:string>",
        {"a": "struct<b:string,y:string>"},
    )
    feed.put("b.xml", rows("<c>1</c>", "<c>1</c><c>2</c>", "<a><b>3</b></a>"))
    read = feed.read(known=known, loader={"schema_evolution_mode": "rescue"})
    assert {name: read.types[name] for name in read.columns} == known
    expected = [{"a": '{"b":"3","y":"2"}'}, {"c": "1"}, {"c": '["1","2"]'}, None]
    assert sorted(rescued(read), key=str) == sorted(expected, key=str)


def test_a_text_where_the_table_has_parts(feed: Feed) -> None:
    feed.put("a.xml", rows("<a>1</a>", "<a/>"))
    read = feed.read(known={"a": "struct<b:string>"})
    assert (read.types["a"], column(read)) == (
        "struct<b:string,_VALUE:string>",
        [{"b": None, "_VALUE": "1"}, {"b": None, "_VALUE": None}],
    )
    read = feed.read(known={"a": "struct<b:string>"}, loader={"schema_evolution_mode": "rescue"})
    assert (column(read), rescued(read)) == ([None, {"b": None}], [{"a": "1"}, None])


def test_s16_names_that_differ_by_case_are_one(feed: Feed) -> None:
    feed.put("a.xml", rows("<ID>1</ID>", "<id>2</id><ID>3</ID>"))
    assert column(feed.read(known={"id": "string"}), "id") == ["1", '["2","3"]']


def test_s17_names_that_become_the_same_are_rescued(feed: Feed) -> None:
    feed.put("a.xml", rows("<a-b>1</a-b><a.b>2</a.b><é>3</é>"))
    read = feed.read()
    assert (read.dicts(), rescued(read)) == ([{"a_b": "1", "e": "3"}], [{"a.b": "2"}])


def test_s12_bad_records_go_to_quarantine_with_their_text(feed: Feed) -> None:
    bad = [
        "<row><a>1</b></row>",
        "<row><a>&none;</a></row>",
        "<row x='1' x='2'/>",
        "<row><a>\x01</a></row>",
        "<row><a>2",
    ]
    feed.put("a.xml", "<r><row><a>0</a></row>" + "".join(bad))
    read = feed.read()
    assert read.rows == [("0",)]
    assert read.raw == bad
    assert read.bad[0]["_failures"][0]["message"] == "the record is not one whole element <row>"
    with pytest.raises(DataError, match="5 bad record"):
        feed.read(on_bad_record="fail")


def test_nothing_outside_of_the_file_is_read(feed: Feed, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    entity = f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{tmp_path}/secret"><!ENTITY y "<row>1</row>">]>'
    feed.put("a.xml", entity + "<r><row><a>&x;</a></row><row><a>&y;</a></row><row><a>1</a></row></r>")
    feed.put("b.xml", f"<r><row>{entity}<a>&x;</a></row></r>")
    read = feed.read()
    assert read.rows == [("1",)]
    assert len(read.raw) == 3
    assert "secret" not in str(read.full)


FAILED = -1


@dataclass(frozen=True)
class Case:
    """A file, and what is in it, counted by hand."""

    content: bytes | str
    good: int
    """Rows that load; FAILED when the file cannot be taken as a whole."""
    bad: int = 0


def check(feed: Feed, cases: dict[str, Case]) -> None:
    read = feed.read()
    good = Counter(row["_source_file"].rsplit("/", 1)[-1] for row in read.full)
    bad = Counter(row["_source_file"].rsplit("/", 1)[-1] for row in read.bad)
    names = {name: f"{name}.{feed.kind}" for name in cases}
    seen = {n: (FAILED, 0) if file in read.failed else (good[file], bad[file]) for n, file in names.items()}
    assert seen == {name: (case.good, case.bad) for name, case in cases.items()}


CASES = {
    "whole": Case(rows("<a>1</a>", "<a>2</a>"), 2),
    "one line": Case("<r><row/><row></row><row a='1'/></r>", 3),
    "truncated last row": Case(rows("<a>1</a>", "<a>2</a>")[:-20], 1, 1),
    "truncated between elements": Case("<r><row><a>1</a></row><row><a>2</a>", 1, 1),
    "truncated in the root": Case("<r><row/>", 1),
    "garbage between": Case("<r><row/>garbage<row/></r>", 2, 1),
    "start lost": Case("<r>1</a></row><row/></r>", 1, 1),
    "garbage": Case(bytes(range(256)) * 50, 0, 1),
    "text": Case("a,b\n1,2\n", 0, 1),
    "no row": Case("<r><x/></r>", 0),
    "not well formed and no row": Case("<r><x></r>", 0, 1),
    "empty": Case("", 0),
    "blank": Case(" \n", 0),
    "two roots": Case("<row/><row/>", 2),
    "text around": Case("before<r><row/></r>after", 1),
    "comment": Case("<r><!-- <row/> --><row><!-- </row> --></row></r>", 1),
    "CDATA": Case("<r><row><![CDATA[</row><row>]]></row></r>", 1),
    "nested": Case("<r><row>1<row>2</row></row></r>", 1),
    "longer names": Case("<rows><row><rows/><row2/></row></rows>", 1),
    "UTF-16": Case(rows("<a>é</a>").encode("utf-16"), 1),
    "UTF-16 without mark": Case(rows("<a>é</a>").encode("utf-16-be"), 1),
    "declared": Case("<?xml version='1.0' encoding='ISO-8859-1'?><row>é</row>".encode("latin-1"), 1),
    "wrong encoding": Case(rows("é", "x").encode("latin-1"), 1, 1),
    "unknown encoding": Case("<?xml version='1.0' encoding='klingon'?><row/>", FAILED),
    "BOM": Case("\ufeff<row/>", 1),
    "NUL bytes": Case(rows("\x00", "x"), 1, 1),
    "mixed line ends": Case("<r>\r\n<row\r\na='1'/>\n<row>\r</row >\r</r>", 2),
    "deep": Case("<r><row>" + "<a>" * 2000 + "</a>" * 2000 + "</row><row/></r>", 1, 1),
    "long": Case(rows("<a>" + "x" * 20_000_000 + "</a>", "x"), 2),
    "entity": Case('<!DOCTYPE r [<!ENTITY x "y">]><r><row>&x;</row><row/></r>', 1, 1),
}


def test_rows_loaded_and_rows_quarantined_are_the_records_that_there_are(feed: Feed) -> None:
    for name, case in CASES.items():
        feed.put(f"{name}.xml", case.content)
    check(feed, CASES)


def test_a_file_that_is_cut_behind_a_row_loads_with_a_warning(feed: Feed) -> None:
    feed.put("whole.xml", "<?xml version='1.0'?><!-- <a> --><r x='/'><row><a>1</a></row></r >\n<!-- end -->")
    feed.put("one.xml", "<row><a>2</a></row>")
    feed.put("none.xml", "<r/>")
    assert feed.read().out.warnings == []
    cut = [
        feed.put(f"{name}.xml", text.encode(name)) for name in ("UTF-8", "UTF-16") for text in [rows("<a>3</a>")[:-8]]
    ]
    cut.append(feed.put("long.xml", rows(*["<a>4</a>"] * 9000)[:-8]))
    read = feed.read()
    assert len(read.rows) == 2 + 2 + 9000
    named = {w.partition(" ends before its outermost element <all> does")[0] for w in read.out.warnings}
    assert named == {str(path) for path in cut}


@pytest.mark.parametrize("name", ["garbage", "empty", "text", "no row", "UTF-16", "deep", "truncated last row"])
def test_one_file_alone(feed: Feed, name: str) -> None:
    feed.put(f"{name}.xml", CASES[name].content)
    check(feed, {name: CASES[name]})


def test_compressed_files_of_any_encoding(feed: Feed) -> None:
    packed = gzip.compress(rows("<a>é</a>").encode("utf-16"))
    feed.put("a.xml.gz", packed)
    feed.put("truncated.xml.gz", gzip.compress(random.Random(1).randbytes(500_000))[:-1000])
    feed.put("no gzip.xml.gz", "<row/>")
    feed.put("b.xml", "<?xml version='1.0' encoding='windows-1252'?><row><a>€</a></row>".encode("cp1252"))
    read = feed.read()
    assert sorted(read.rows) == [("é",), ("€",)]
    assert set(read.failed) == {"truncated.xml.gz", "no gzip.xml.gz"}


NAMES = ("a", "b", "c", "d-e")
TEXTS = (
    "1",
    "x y",
    "&amp;",
    "&lt;b&gt;",
    "<![CDATA[<a>1</a>]]>",
    "é",
    "007",
    "<!-- c -->q",
    "p<!-- <row/> -->q",
    "]",
    "'",
)


def element(pick: random.Random, name: str, depth: int) -> str:
    attributes = "".join(f" {n}='{pick.choice(('1', '', 'a&amp;b', 'x>y'))}'" for n in "kl" if pick.random() < 0.25)
    parts = [element(pick, pick.choice(NAMES), depth - 1) for _ in range(pick.choice((0, 0, 1, 2, 3)) if depth else 0)]
    for _ in range(1 if not parts else pick.choice((0, 0, 0, 1, 2))):
        parts.insert(pick.randrange(len(parts) + 1), pick.choice((*TEXTS, "")))
    return f"<{name}{attributes}>{''.join(parts)}</{name}>" if parts != [""] else f"<{name}{attributes}/>"


def values(node: ET.Element) -> list[str]:
    """All texts and attributes of an element, by Python's own parser."""
    texts = [node.text, *(child.tail for child in node), *node.attrib.values()]
    return [t.strip() for t in texts if t and t.strip()] + [v for child in node for v in values(child)]


def loaded(value: Any) -> list[str]:
    """The same of what was loaded, also out of the JSON that an element becomes in a column of texts."""
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) > 1:
        value = json.loads(value)
    if isinstance(value, dict | list):
        return [v for item in (value.values() if isinstance(value, dict) else value) for v in loaded(item)]
    return [value] if value else []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", ["add_new_columns", "rescue"])
def test_no_value_of_any_record_is_lost(feed: Feed, seed: int, mode: str) -> None:
    """Random elements, read as they are, then into the columns that other random elements made."""
    pick = random.Random(seed)
    first, second = ([element(pick, "row", pick.choice((1, 2, 3))) for _ in range(count)] for count in (3, 40))
    known: dict[str, str] = {}
    for name, records in (("a.xml", first), ("b.xml", second)):
        path = feed.put(name, f"<all>{' '.join(records)}</all>")
        read = feed.read(known=known, loader={"schema_evolution_mode": mode if known else "add_new_columns"})
        assert read.raw == []
        whole = [re.sub("<!--.*?-->", "", record) for record in records]
        expected = Counter(str(sorted(values(ET.fromstring(record)))) for record in whole)
        stored = [loaded([row[name] for name in read.columns]) for row in read.full]
        aside = [loaded(row) for row in rescued(read)]
        assert Counter(str(sorted(a + b)) for a, b in zip(stored, aside, strict=True)) == expected
        known = {name: read.types[name] for name in read.columns}
        path.unlink()
