"""Where the rows of an XML text are, as regular expressions of Java's: Spark's own reader loses rows in silence.

The text is cut into pieces from its beginning to its end, so nothing is passed over: whole rows, rows that do not end,
ends without a beginning, and what stands around them. No group repeats in a way that Java would do by recursion, and
no piece is looked at more often than rows may lie in each other.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

_DEEPEST = 100
"""A row whose elements lie deeper in each other is bad: Spark's reader hangs at 300 and takes the JVM down at 600."""
_ROWS_IN_ROWS = 8
_COMMENT, _CDATA, _INSTRUCTION = r"<!--.*?-->", r"<!\[CDATA\[.*?\]\]>", r"<\?.*?\?>"
_OPENS = r"!--|!\[CDATA\[|\?"
"""What begins one of them."""
_ATTRIBUTES = r"""(?:"[^"<]*+"|'[^'<]*+'|[^"'<>/]|/(?!>))*+"""
_TAG = r"""</[^<>]*+>|<[^\s<>/!?"'=](?:"[^"<]*+"|'[^'<]*+'|[^"'<>])*+>"""
_DOCTYPE = (
    r"""<!DOCTYPE(?:[^\[>"']|"[^"]*+"|'[^']*+')*+"""
    rf"""(?:\[(?:{_COMMENT}|{_INSTRUCTION}|"[^"]*+"|'[^']*+'|[^\]"'])*+\]\s*+)?+>"""
)
_DECLARED = re.compile(rb"""\A\s*<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32LE"), (codecs.BOM_UTF32_BE, "UTF-32BE"), (codecs.BOM_UTF8, "UTF-8"),
          (codecs.BOM_UTF16_LE, "UTF-16LE"), (codecs.BOM_UTF16_BE, "UTF-16BE"), (b"<\0", "UTF-16LE"),
          (b"\0<", "UTF-16BE"))  # fmt: skip


def encoding(beginning: bytes) -> str:
    """The encoding of a text that begins so: by its first bytes, else as it declares, else UTF-8."""
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            return name
    found = _DECLARED.match(beginning[:1000])
    declared = found[1].decode().upper() if found else "UTF-8"
    # one that were so could not be read up to this declaration
    return "UTF-8" if declared.startswith(("UTF-16", "UTF-32", "UCS-", "ISO-10646-UCS")) else declared


_ROOT = re.compile(
    rf"""\A\ufeff?(?:\s++|{_COMMENT}|{_INSTRUCTION}|{_DOCTYPE})*+<([^\s<>/!?"'=]++){_ATTRIBUTES}(/?)>""", re.DOTALL
)


def unclosed(beginning: str, end: str) -> str:
    """The name of the outermost element of a text that begins and ends so, if its own end is not there; else empty."""
    root = _ROOT.match(beginning)
    if root is None or root[2] or re.search(rf"</{re.escape(root[1])}\s*>", end):
        return ""
    return root[1]


@dataclass(frozen=True)
class Rows:
    """The patterns of the rows that are elements of one name."""

    row: str
    """A whole one."""
    piece: str
    """Any piece of a text; its first group has what is a row or may have been one."""


def rows(row_tag: str, any_prefix: bool) -> Rows:
    """The patterns for rows of this name; `any_prefix`: with any namespace's prefix or none."""
    name = rf"(?:[^\s<>/:\"'=]++:)?+\Q{row_tag}\E" if any_prefix else rf"\Q{row_tag}\E"
    start, end = rf"<{name}(?=[\s/>])", rf"</{name}\s*+>"
    aside = rf"[^<]++|{_COMMENT}|{_CDATA}|{_INSTRUCTION}|<(?!/?{name}[\s/>]|{_OPENS})"
    inside = aside
    for _ in range(_ROWS_IN_ROWS):
        row = rf"{start}{_ATTRIBUTES}(?:/>|>(?:{inside})*+{end})"
        inside = rf"{aside}|{row}"
    # an aside that does not end takes all that follows with it: to look for its end again and again takes for ever
    endless = rf"<{name}(?:(?=[\s/>])(?:{aside})*+(?:{end}|<(?:{_OPENS}).*)?+|\z)"
    stray = rf"(?:{aside})*+(?:{end}|<(?:{_OPENS}).*)"
    garbage = rf"\s*+[^<\s][^<]*+(?={start}|\z)"
    prolog = rf"\A(?:\s++|{_COMMENT}|{_INSTRUCTION})*+{_DOCTYPE}"
    return Rows(f"(?s){row}", f"(?s){prolog}|({row}|{endless}|{stray}|{garbage})|(?:{aside})++")


def pieces(text: Column, rows: Rows) -> Column:
    """The rows of the text and what may have been one, in order: an array of texts."""
    from pyspark.sql import functions as F

    found = F.regexp_extract_all(text, F.lit(rows.piece), F.lit(1))
    return F.filter(found, lambda piece: piece != "")


def whole(piece: Column, rows: Rows) -> Column:
    """Whether a piece is a row that the parser may look at."""
    return piece.rlike(rf"\A(?:{rows.row})\z") & ~_deep(piece)


def is_xml(text: Column) -> Column:
    """Whether the text, in which no row was found, is XML without one."""
    from pyspark.sql import functions as F

    # of a field that is nowhere, so that nothing of the text is kept
    read = F.from_xml(
        text, "`\ufdd0` string, __broken string", {"rowTag": "x", "columnNameOfCorruptRecord": "__broken"}
    )
    return ~_deep(text) & read.getField("__broken").isNull()


def without_asides(piece: Column) -> Column:
    """The piece without comments and instructions, which would cut a text in two."""
    from pyspark.sql import functions as F

    cleaned = F.regexp_replace(piece, rf"(?s)({_CDATA})|{_COMMENT}|{_INSTRUCTION}", "$1")
    return F.when(piece.rlike("<[!?]"), cleaned).otherwise(piece)


def with_attribute(piece: Column, name: str) -> Column:
    """The piece with an empty attribute of this name in each of its elements."""
    from pyspark.sql import functions as F

    return F.regexp_replace(piece, r"""<([^\s<>/!?"'=]+)""", f'<$1 {name}=""')


def _deep(text: Column) -> Column:
    """Whether elements lie deeper in each other than is safe."""
    from pyspark.sql import functions as F

    tags = F.regexp_extract_all(F.regexp_replace(text, rf"(?s){_CDATA}|{_COMMENT}", ""), F.lit(f"(?s){_TAG}"), F.lit(0))
    steps = F.transform(tags, lambda tag: F.when(tag.startswith("</"), -1).when(tag.endswith("/>"), 0).otherwise(1))
    depths = F.aggregate(
        steps,
        F.struct(F.lit(0).alias("now"), F.lit(0).alias("most")),
        lambda at, step: F.struct(
            (at["now"] + step).alias("now"), F.greatest(at["most"], at["now"] + step).alias("most")
        ),
        lambda at: at["most"],
    )
    many = F.length(text) - F.length(F.replace(text, F.lit("<"), F.lit(""))) > _DEEPEST
    return F.when(many, depths > _DEEPEST).otherwise(False)
