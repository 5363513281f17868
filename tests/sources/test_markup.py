from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.sources import markup

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        (b"", "UTF-8"),
        (b"<row/>", "UTF-8"),
        (b"\xef\xbb\xbf<row/>", "UTF-8"),
        ("<row/>".encode("utf-16"), "UTF-16LE"),
        ("\ufeff<row/>".encode("utf-16-be"), "UTF-16BE"),
        ("<row/>".encode("utf-16-le"), "UTF-16LE"),
        ("<row/>".encode("utf-16-be"), "UTF-16BE"),
        ("\ufeff<row/>".encode("utf-32-le"), "UTF-32LE"),
        (b"<?xml version='1.0' encoding = 'iso-8859-1' ?><r>", "ISO-8859-1"),
        (b'\n<?xml version="1.0" encoding="windows-1252"?>', "WINDOWS-1252"),
        (b"<?xml version='1.0' encoding='UTF-16'?>", "UTF-8"),
        (b"<?xml version='1.0'?><r encoding='latin1'/>", "UTF-8"),
    ],
)
def test_encodings(beginning: bytes, found: str) -> None:
    assert markup.encoding(beginning) == found


def cut(spark: SparkSession, text: str, row_tag: str = "row", any_prefix: bool = False) -> list[tuple[str, bool]]:
    """The pieces, each with whether it is whole."""
    from pyspark.sql import functions as F

    rows = markup.rows(row_tag, any_prefix)
    frame = spark.createDataFrame([(text,)], "value string").select(
        F.explode(markup.pieces(F.col("value"), rows)).alias("piece")
    )
    return [(row[0], row[1]) for row in frame.select("piece", markup.whole(F.col("piece"), rows)).collect()]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("<r>\n<row><a>1</a></row>\n<row a='1'/><row/></r>", ["<row><a>1</a></row>", "<row a='1'/>", "<row/>"]),
        ("<rows><rowset><row><rowid>5</rowid></row></rowset></rows>", ["<row><rowid>5</rowid></row>"]),
        ("<r>\r\n<row\r\n a='1'\r\n>\r\n</row\r\n>\r\n</r>", ["<row\r\n a='1'\r\n>\r\n</row\r\n>"]),
        ("<r><!-- <row>no</row> --><row/><![CDATA[<row>no</row>]]><?x <row/> ?></r>", ["<row/>"]),
        ("<r><row><![CDATA[</row><row>]]><!-- </row> --></row></r>", ["<row><![CDATA[</row><row>]]><!-- </row> --></row>"]),
        ("<r><row>1<row>2<row/></row></row><row>3</row></r>", ["<row>1<row>2<row/></row></row>", "<row>3</row>"]),
        ("<r><row a=\"1>2/>\" b='\"'>x</row><row a='/'/></r>", ["<row a=\"1>2/>\" b='\"'>x</row>", "<row a='/'/>"]),
        ('<!DOCTYPE r [<!ENTITY x "<row/>"><!-- \' <row/> --><!ELEMENT row (a)>]>\n<r><row/></r>', ["<row/>"]),
        ("<row>1</row><row>2</row>", ["<row>1</row>", "<row>2</row>"]),
        ("<r>head<n>1</n><row/>\n<n>2</n><row/>tail</r>", ["<row/>", "<row/>"]),
        ("<row>" + "<a></a>" * 200 + "</row>", ["<row>" + "<a></a>" * 200 + "</row>"]),
        ("<r/>", []),
    ],
)  # fmt: skip
def test_rows_are_found(spark: SparkSession, text: str, whole: list[str]) -> None:
    assert cut(spark, text) == [(row, True) for row in whole]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("<r><row/><row>2", ["<row/>", "!<row>2"]),
        ("<r><row/><row><a/>", ["<row/>", "!<row><a/>"]),
        ("<r><row/><row", ["<row/>", "!<row"]),
        ("<r><row/><row>2</row", ["<row/>", "!<row>2</row"]),
        ("<r><row><a>1<row>2</row><row>3</row></r>", ["!<row><a>1", "<row>2</row>", "<row>3</row>"]),
        ("<r>1</a></row><row/></row></r>", ["!<r>1</a></row>", "<row/>", "!</row>"]),
        ("<r><row/>GARBAGE<row/></r>", ["<row/>", "!GARBAGE", "<row/>"]),
        ("no, markup\n1,2", ["!no, markup\n1,2"]),
        ("<r><row a=\"1>x</row><row b='2'/></r>", ['!<row a="1>x</row>', "<row b='2'/>"]),
        ("<r><row/><row><![CDATA[<row/><row/></r>", ["<row/>", "!<row><![CDATA[<row/><row/></r>"]),
        ("<r><row/><!-- <row/></r>", ["<row/>", "!<!-- <row/></r>"]),
        ("<row>" + "<a>" * 101 + "</a>" * 101 + "</row>", ["!<row>" + "<a>" * 101 + "</a>" * 101 + "</row>"]),
    ],
)
def test_what_may_have_been_a_row_is_a_piece_too(spark: SparkSession, text: str, pieces: list[str]) -> None:
    """`!` stands before those that are not whole."""
    assert [("" if whole else "!") + piece for piece, whole in cut(spark, text)] == pieces


def test_prefixes(spark: SparkSession) -> None:
    text = "<n:r><n:row><n:a/></n:row><row/><m:row/></n:r>"
    assert cut(spark, text, "n:row") == [("<n:row><n:a/></n:row>", True)]
    assert cut(spark, text) == [("<row/>", True)]
    assert len(cut(spark, text, any_prefix=True)) == 3


HOSTILE = {
    "rows that do not end": "<row><a>1</a>\n" * 20_000,
    "every second row does not end": "<row><a>1</a>\n<row><b/></row>" * 10_000,
    "ends only": "</row>x" * 20_000,
    "quotes that do not end": '<row a="\n' * 20_000,
    "brackets": "<" * 100_000,
    "ends that do not end": "<row>" + "</row" * 20_000,
    "comments that do not end": "<!-- " * 20_000,
    "sections that do not end": "<row><![CDATA[" * 20_000,
    "instructions that do not end": "<?x " * 20_000,
    "types that do not end": "<!DOCTYPE [" * 20_000,
    "blanks": "<row>" + " " * 100_000,
    "many tags": "<row>" + "<a/>" * 100_000 + "</row>",
    "a long text": "<row>" + "x" * 2_000_000 + "</row>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_for_ever(spark: SparkSession, name: str) -> None:
    """Looked at again from each of its signs, any of these takes minutes; overflowing the stack ends the JVM."""
    import time

    started = time.monotonic()
    cut(spark, HOSTILE[name])
    assert time.monotonic() - started < 20


def test_xml_is_told_from_other_texts(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    texts = ["<r/>", "<!-- x --><r><a>1</a></r>", "<r><a></r>", "text", "<" * 5, "<a>" * 3000 + "</a>" * 3000]
    frame = spark.createDataFrame([(i, text) for i, text in enumerate(texts)], "i int, value string")
    found = frame.select("i", markup.is_xml(F.col("value"))).orderBy("i").collect()
    assert [row[1] for row in found] == [True, True, False, False, False, False]


def test_asides_are_taken_out_but_not_of_sections(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    frame: Any = spark.createDataFrame([("<a>x<!-- y -->z<?p q?><![CDATA[<!-- k -->]]></a>",)], "value string")
    assert frame.select(markup.without_asides(F.col("value"))).first()[0] == "<a>xz<![CDATA[<!-- k -->]]></a>"
