"""Typed values -> YAML text that reads back as the same values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from lakehouse.names import LAYERS
from lakehouse.spec.pipeline import Pipeline
from lakehouse.spec.scalars import needs_quotes
from lakehouse.spec.variables import LATE

_OPENED = re.compile(rf"\$?\$\{{(?:{LATE})\}}|\$\{{")
_WIDE = 100


def to_yaml(pipeline: Pipeline, for_each: Mapping[tuple[str, str], Mapping[str, Any]] | None = None) -> str:
    """The pipeline as a file: what was set, in the order of the language.

    `for_each` has, for (layer, table), values that its expressions use as `:name`.
    """
    written = pipeline.model_dump(mode="json", by_alias=True, exclude_unset=True)
    written["variables"] = pipeline.variables
    order = [field.alias or name for name, field in type(pipeline).model_fields.items()]
    ordered = {key: escaped(written[key]) for key in order if key in written and written[key] not in (None, {}, [])}
    for layer in LAYERS:
        for table, keys in ordered.get(layer, {}).items():
            match keys.get("from"):
                case [{"table": only, **more}] if not more:
                    keys["from"] = only
            values = (for_each or {}).get((layer, table))
            if values:
                own = {"for_each": {name: [escaped(value)] for name, value in values.items()}}
                ordered[layer][table] = own | keys
    text: str = yaml.dump(
        ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE, default_flow_style=None
    )
    return text


def escaped(value: Any) -> Any:
    """The value with every `${` that is no reference to run time written `$${`."""
    if isinstance(value, str):
        return _OPENED.sub(lambda match: match.group() if len(match.group()) > 2 else "$${", value)
    if isinstance(value, Mapping):
        return {escaped(key): escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(item) for item in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.2 would not read as text; writes lines as a block; makes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|" if not re.search(r"[\x85\u2028\u2029\r\t]|[ \t]\n|\A[\s]", text) else '"'
    elif needs_quotes(text) or text == "<<":
        style = "'"
    if re.search(r"[\x85\u2028\u2029\ufeff]", text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
