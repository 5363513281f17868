"""The open leaves, found in their folders: a file is an entry, its name is the word in YAML."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import BaseModel, Field, create_model, model_validator

from lakehouse.model import Model


def every_module(package: str) -> dict[str, ModuleType]:
    """Name -> module of everything in a package."""
    names = [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    return {name: importlib.import_module(f"{package}.{name}") for name in sorted(names)}


def modules(package: str) -> dict[str, ModuleType]:
    """Word -> module of every leaf in a package: the modules that have a class `Options`."""
    return {name: leaf for name, leaf in every_module(package).items() if hasattr(leaf, "Options")}


class OneKey(Model):
    """A map with exactly one key, which says what it is: `- trim: [carrier]`."""

    @model_validator(mode="after")
    def _one(self) -> OneKey:
        if len(self.model_fields_set) != 1:
            written = ", ".join(f"`{_alias(self, name)}`" for name in sorted(self.model_fields_set)) or "no key"
            raise ValueError(f"one key is expected, not {written}; start a new entry of the list for each")
        return self

    @property
    def word(self) -> str:
        """The one key that is written."""
        (name,) = self.model_fields_set
        return _alias(self, name)

    @property
    def args(self) -> Any:
        """What stands under the key."""
        (name,) = self.model_fields_set
        return getattr(self, name)


def _alias(model: BaseModel, name: str) -> str:
    return type(model).model_fields[name].alias or name


def one_field_each(
    name: str, doc: str, options: dict[str, tuple[type[BaseModel], str]], base: type[Model], *, nullable: bool
) -> type[Any]:
    """A model with an optional field per word, which has a type and a description.

    With `nullable` a null may be written, and says that the word is not used.
    """
    fields: dict[str, Any] = {
        word: (kind | None if nullable else kind, Field(None, description=" ".join(description.split())))
        for word, (kind, description) in options.items()
    }
    return create_model(name, __base__=base, __module__=__name__, __doc__=doc, **fields)


SOURCES = modules("lakehouse.sources")
"""Format -> module of every source."""

WAYS = modules("lakehouse.write")
"""Key of a table -> module of every way to write."""

PROVIDERS = modules("lakehouse.secrets")
"""Word -> module of every provider of secrets."""

if TYPE_CHECKING:
    from lakehouse.sources.base import Source as SourceBase

    class Source(SourceBase):
        """Any of the sources; `format` tells which."""

        format: str

        def __getattr__(self, name: str) -> Any: ...

    class Provider(Model):
        """Any of the providers of secrets; `provider` tells which."""

        provider: str
        options: Any

    class Ways(Model):
        """A field per way to write, None where it is not the one."""

        def __getattr__(self, name: str) -> Any: ...

    class CleanseRule(OneKey):
        """A field per cleansing rule, exactly one of which is written."""

        def __getattr__(self, name: str) -> Any: ...

else:
    from lakehouse.cleanse.base import RULES

    every_module("lakehouse.cleanse")
    Source = Annotated[Union[tuple(leaf.Options for leaf in SOURCES.values())], Field(discriminator="format")]  # noqa: UP007
    Provider = Annotated[
        Union[tuple(leaf.Options for leaf in PROVIDERS.values())], Field(discriminator="provider")  # noqa: UP007
    ]
    Ways = one_field_each(
        "Ways",
        "How a table is written.",
        {word: (leaf.Options, leaf.__doc__) for word, leaf in WAYS.items()},
        Model,
        nullable=True,
    )
    CleanseRule = one_field_each(
        "CleanseRule",
        "One cleansing rule.",
        {word: (RULES[word].args, RULES[word].summary) for word in sorted(RULES)},
        OneKey,
        nullable=False,
    )
