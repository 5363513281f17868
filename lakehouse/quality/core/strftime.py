"""Python's formats for dates and times as a regular expression, with the days that a month has.

What `datetime.strptime` reads, in English: it takes one digit where two are usual, any case in names, and any white
space for a blank.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_SHORT_MONTHS, _SHORT_DAYS = [name[:3] for name in _MONTHS], [name[:3] for name in _DAYS]
_FRACTION = r"(?:\.[0-9]{1,6})?"
_DIRECTIVES = {
    "d": "3[0-1]|[1-2][0-9]|0[1-9]|[1-9]| [1-9]",
    "f": "[0-9]{1,6}",
    "H": "2[0-3]|[0-1][0-9]|[0-9]",
    "I": "1[0-2]|0[1-9]|[1-9]",
    "m": "1[0-2]|0[1-9]|[1-9]",
    "M": "[0-5][0-9]|[0-9]",
    "S": "6[0-1]|[0-5][0-9]|[0-9]",
    "y": "[0-9][0-9]",
    "Y": "[0-9][0-9][0-9][0-9]",
    "z": f"[+-](?:2[0-3]|[0-1][0-9])(?:[0-5][0-9](?:[0-5][0-9]{_FRACTION})?|:[0-5][0-9](?::[0-5][0-9]{_FRACTION})?)"
    "|(?-i:Z)",
    "A": "|".join(sorted(_DAYS, key=len, reverse=True)),
    "a": "|".join(_SHORT_DAYS),
    "B": "|".join(sorted(_MONTHS, key=len, reverse=True)),
    "b": "|".join(_SHORT_MONTHS),
    "p": "am|pm",
}
_NUMBERED = "dmYyS"


def problem_of(text: str) -> str | None:
    """Why the format cannot be used; None when it can."""
    found = re.findall(r"%(.?)", text, re.DOTALL)
    known = [*_DIRECTIVES, "%"]
    for word in found:
        if word not in known:
            able = " ".join(f"%{directive}" for directive in sorted(known, key=str.casefold))
            return f"`%{word}` is not among the parts of a format that are checked here: {able}"
    twice = [word for word in found if word != "%" and found.count(word) > 1]
    if twice:
        return f"`%{twice[0]}` stands in the format twice"
    return None


@dataclass(frozen=True)
class Parts:
    """A format as a regular expression of Java's, and the number of the group of each of its parts."""

    pattern: str
    groups: dict[str, int]

    def matches(self, value: Column) -> Column:
        """Whether the text is a date or time in the format."""
        from pyspark.sql import functions as F

        # nothing is extracted where nothing is found, too
        found = (F.regexp_extract(value, self.pattern, 0) == value) & value.rlike(self.pattern)
        if "S" in self.groups:
            found = found & (self._number(value, "S") < 60)  # a leap second is no time of Python's
        if "Y" in self.groups:
            found = found & (self._number(value, "Y") > 0)
        if "d" not in self.groups:
            return found
        return found & (self._number(value, "d") <= self._days(value))

    def _number(self, value: Column, part: str) -> Column:
        from pyspark.sql import functions as F

        return F.trim(F.regexp_extract(value, self.pattern, self.groups[part])).try_cast("int")

    def _month(self, value: Column) -> Column:
        from pyspark.sql import functions as F

        if "m" in self.groups:
            return self._number(value, "m")
        word = next((part for part in "Bb" if part in self.groups), None)
        if word is None:
            return F.lit(1)
        name = F.lower(F.substring(F.regexp_extract(value, self.pattern, self.groups[word]), 1, 3))
        return F.array_position(F.array(*(F.lit(month) for month in _SHORT_MONTHS)), name).cast("int")

    def _days(self, value: Column) -> Column:
        """Days of the month; without a year those of 1900, as Python has it."""
        from pyspark.sql import functions as F

        year = F.lit(1900)
        if "Y" in self.groups:
            year = self._number(value, "Y")
        elif "y" in self.groups:  # 1969 to 2068
            year = self._number(value, "y") + F.when(self._number(value, "y") < 69, 2000).otherwise(1900)
        leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
        month = self._month(value)
        return F.when(month == 2, F.when(leap, 29).otherwise(28)).when(month.isin(4, 6, 9, 11), F.lit(30)).otherwise(31)


def parts_of(text: str) -> Parts:
    """The format, which has no `problem_of` it, compiled."""
    groups: dict[str, int] = {}
    pattern = ""
    for literal_text, directive in re.findall(r"([^%]+)|%(.)", text, re.DOTALL):
        if literal_text:
            pieces = re.split(r"\s+", literal_text)
            pattern += r"[\s\h\x1c-\x1f]+".join(_escaped(piece) for piece in pieces)
        elif directive == "%":
            pattern += "%"
        else:
            groups[directive] = len(groups) + 1
            pattern += f"({_DIRECTIVES[directive]})"
    return Parts(f"(?iu)^{pattern}", groups)


def _escaped(text: str) -> str:
    return re.sub(r"([^\w])", r"\\\1", text)
