"""JSON Schema of a pipeline file and of a config, from the models, for editors and other programs."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaError, SchemaValidator

from lakehouse.spec.environment import Environment
from lakehouse.spec.leaves import OneKey
from lakehouse.spec.models import Pipeline, Table
from lakehouse.spec.words import descriptions

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{.+\}", "description": "A variable, which keeps its type."}
_DURATION = {"type": "string", "pattern": r"^(\s*\d+(\.\d+)?\s*[a-z]+\s*)+$|\$\{.+\}", "examples": ["1 hour", "90s"]}
_SHORT_FORMS: tuple[tuple[object, JsonSchemaValue], ...] = (
    ("a", {"type": "string"}),
    ("int", {"type": "string"}),
    ("a.b", {"type": "string"}),
    (True, {"const": True}),
    (["a"], {"type": "array", "items": {"type": ["string", "object"]}}),
    ({"a": True}, {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}),
)
"""What a validator that runs first may turn into the long form, each with a sample to try."""


def json_schema(of: Literal["pipeline", "config"] = "pipeline") -> dict[str, Any]:
    """The schema of a pipeline file, or of a file in `configs`."""
    root: type[BaseModel] = Pipeline if of == "pipeline" else Environment
    schema = root.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    if of == "pipeline":
        _for_each(schema["$defs"][Table.__name__])
    return {"$schema": DIALECT, **schema}


def schema_text(of: Literal["pipeline", "config"] = "pipeline") -> str:
    """The schema as a file."""
    return json.dumps(json_schema(of), indent=1, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Adds what pydantic's own leaves out: descriptions, short forms, and `${x}` where no text can stand."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        built = super().model_schema(schema)
        short: list[JsonSchemaValue] = []
        if "properties" not in built and "anyOf" in built:
            # a validator before the fields takes short forms; the long one gets what was put beside both
            long, *short = built.pop("anyOf")
            built = long | built
        model: type[BaseModel] = schema["cls"]
        told = descriptions(model)
        properties = built.get("properties", {})
        for key, field in properties.items():
            shown = {k: v for k, v in field.items() if k != "title"}
            if key in told:
                shown["description"] = told[key]
            properties[key] = _or_nothing(_or_variable(shown))
        if issubclass(model, OneKey):
            built |= {"minProperties": 1, "maxProperties": 1}
            for field in properties.values():
                field.pop("default", None)
        if short:
            about: JsonSchemaValue = {k: built.pop(k) for k in ("title", "description") if k in built}
            return {**about, "anyOf": [built, *short]}
        return built

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        if "json_schema_input_schema" in schema or inner.get("type") == "string":
            return inner
        try:
            validator = SchemaValidator(schema)
        except SchemaError:  # it refers to definitions elsewhere
            return inner
        short: list[JsonSchemaValue] = []
        for sample, form in _SHORT_FORMS:
            known = inner.get("type") == form.get("type") and sample != {"a": True}
            if form not in short and not known and _takes(validator, sample):
                short.append(form)
        return {"anyOf": [inner, *short]} if short else inner

    def timedelta_schema(self, schema: Any) -> JsonSchemaValue:
        return dict(_DURATION)


def _takes(validator: SchemaValidator, sample: object) -> bool:
    try:
        validator.validate_python(sample)
    except ValidationError:
        return False
    return True


def _or_variable(field: dict[str, Any]) -> dict[str, Any]:
    choices = field.get("anyOf", [field])
    kinds = {"integer", "number", "boolean", "array", "object"}
    has_text = any(c.get("type") == "string" and "pattern" not in c and "enum" not in c for c in choices)
    if has_text or not any(c.get("type") in kinds or "$ref" in c or "enum" in c for c in choices):
        return field
    if "anyOf" in field:
        return {**field, "anyOf": [*field["anyOf"], _VARIABLE]}
    outer = {k: v for k, v in field.items() if k in ("description", "default", "available")}
    return {**outer, "anyOf": [{k: v for k, v in field.items() if k not in outer}, _VARIABLE]}


def _or_nothing(field: dict[str, Any]) -> dict[str, Any]:
    """`null` takes a default away, at any depth."""
    choices = field.get("anyOf")
    if choices is None:
        outer = {k: v for k, v in field.items() if k in ("description", "default", "available")}
        return {**outer, "anyOf": [{k: v for k, v in field.items() if k not in outer}, {"type": "null"}]}
    return field if {"type": "null"} in choices else {**field, "anyOf": [*choices, {"type": "null"}]}


def _for_each(table: dict[str, Any]) -> None:
    """`for_each` is resolved before there is a Table, so the model does not have it."""
    table["properties"]["for_each"] = {
        "type": "object",
        "description": "Makes a table for each value: `{name: [a, b]}`, or a map that gives each its own values.",
        "additionalProperties": {"anyOf": [{"type": "array"}, {"type": "object"}, _VARIABLE]},
        "minProperties": 1,
    }
