from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.sources import binary


@pytest.mark.parametrize(("name", "message"), [("pathGlobFilter", "path_glob_filter"), ("zzz", "it knows none")])
def test_it_knows_no_options_of_its_own(name: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        binary.Options.model_validate({"path": "x", "options": {name: "*.png"}})
