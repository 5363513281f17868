from __future__ import annotations

from pydantic._internal._docs_extraction import extract_docstrings_from_cls


def undescribed(model):
    """Fields of the model that have neither a description nor a docstring under them, here or in a base."""
    told = {
        name
        for cls in model.__mro__
        if "lakehouse" in cls.__module__
        for name in extract_docstrings_from_cls(cls, use_inspect=True)
    }
    return [
        name for name, field in model.model_fields.items() if not (field.description or name in told or name == "root")
    ]
