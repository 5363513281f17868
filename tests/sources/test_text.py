from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.sources import text


def test_it_knows_how_lines_end_and_whole_files() -> None:
    options = text.Options.model_validate({"path": "x", "options": {"lineSep": "|", "wholeText": True}})
    assert options.flag("wholetext")
    with pytest.raises(ValidationError, match="it knows lineSep, wholetext"):
        text.Options.model_validate({"path": "x", "options": {"zzz": 1}})
