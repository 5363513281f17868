"""What Spark's JSON reader makes a row of, and yet is not one whole object: it has to be seen in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

LIST = r"^\s*\["
EMPTY_NAME = "__lakehouse_empty"
"""Stands for a field without a name while fields are inferred: Spark's inference leaves it out."""

# what may be no object: a null or an empty text, alone or in a list; a list in a list; two objects
_BEGINS = (
    r'^(?:\s*(?:null\b|"")|\s*\[(?:[\s\S]*[\[,])?\s*(?:(?:null|"")\s*[,\]]|\[)'
    r"|\s*\{[^\[]*\}\s*,\s*\{)"
)
# what follows a closed object or list and is no separator or other end; a second separator
_GOES_ON = r"[}\]]\s*(?:[^\s,}\]]|,\s*,)"
# one half of a pair of surrogates without the other, which Java writes as `?`; an even number of backslashes before it
# means themselves
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rf"(?<!\\)(?:\\\\)*{_HIGH}(?!{_LOW})|(?<!\\)(?<!{_HIGH})(?:\\\\)*{_LOW}"
_CLOSED_TWICE = r"[}\]]\s*[}\]]\s*,?\s*$"
_END = 200
"""Signs at the end of a record in which a second bracket that closes is looked for."""
_LONG = 1 << 16
_UNNAMED = r"""(?<!\\)(?:""|'')(\s*:)"""


def unseen(text: Column, how: Mapping[str, str], decoded: bool) -> Column:
    """Whether a record is not one whole object or list of objects in a way that Spark's reader does not report.

    That is text behind it, which the reader drops; null and empty texts, of which it makes a row or says nothing; signs
    that no text has, for which it puts others. `how` are the reader's options; `decoded` says that the text was decoded
    from another encoding than UTF-8. Exact where the record looks so, and cheap where it does not.
    """
    from pyspark.sql import functions as F

    # each on a line of its own, so that a comment does not take the bracket; both, as one closes what the other opened
    one = F.regexp_replace(text, r"\s*,\s*$", "")
    in_list, in_object = F.concat(F.lit("["), one, F.lit("\n]")), F.concat(F.lit('{"":'), one, F.lit("\n}"))
    objects = F.from_json(in_list, "array<map<string,string>>", how)
    lists = F.from_json(in_list, "array<array<map<string,string>>>", how)
    rows = F.when(F.size(lists) == 1, lists.getItem(0))
    whole = F.when(text.rlike(LIST), rows.isNotNull() & ~F.exists(rows, lambda row: row.isNull())).otherwise(
        (F.size(objects) == 1) & objects.getItem(0).isNotNull()
    )
    whole = whole & (F.size(F.from_json(in_object, "map<string,string>", how)) == 1)
    no_text = F.contains(text, F.lit("\ufffd")) if decoded else ~F.is_valid_utf8(text)
    half = F.contains(text, F.lit("\\u")) & text.rlike(_HALF)
    closed = F.octet_length(F.replace(text, F.lit("}"), F.lit("")))
    ends_there = F.when(  # not to count signs is twice as fast, and a long text is not copied for it
        F.octet_length(text) < _LONG, F.endswith(text, F.lit("}")) & (closed == F.octet_length(text) - 1)
    ).otherwise(F.instr(text, "}") == F.length(text))
    suspect = text.rlike(_BEGINS) | text.rlike(_GOES_ON) | _uneven(text)
    return (
        F.when(no_text | half, True)
        .when(ends_there, False)
        .when(~suspect, False)
        .otherwise(~F.coalesce(whole, F.lit(False)))
    )


def _uneven(text: Column) -> Column:
    """Whether more is closed than was opened, as far as counting tells: behind `{"a":1}` the reader drops `}` too."""
    from pyspark.sql import functions as F

    def without(sign: str) -> Column:
        return F.octet_length(F.replace(text, F.lit(sign), F.lit("")))

    end = F.substring(text, -_END, _END)
    ends_in_list = F.rtrim(end, F.lit(" ,\t\r\n")).endswith("]")
    lists = F.when(ends_in_list, ~text.rlike(LIST) | (without("[") > without("]")))
    uneven = (without("{") > without("}")) | F.coalesce(lists, F.lit(False))
    return F.when(end.rlike(_CLOSED_TWICE), uneven).otherwise(False)  # a long text is copied only where it has to be


def named(text: Column) -> Column:
    """The JSON with `EMPTY_NAME` as the name of fields that have none."""
    from pyspark.sql import functions as F

    some = F.contains(text, F.lit('""')) | F.contains(text, F.lit("''"))
    return F.when(some, F.regexp_replace(text, _UNNAMED, f'"{EMPTY_NAME}"$1')).otherwise(text)
