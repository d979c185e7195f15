# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration as typed values: sections, and the whole that features check and plan from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from patronus.core.late import Late
from patronus.core.problem import Location, Path


class Strict(Late):
    """Base of every model in the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def model_post_init(self, _: Any) -> None:
        """Share with others what is the same in all: there may be ten thousand of a kind.

        The set of the keys that were given takes 700 bytes. Values that pydantic put into a mapping of their
        own take 830 in a rule; set one by one, beside the keys that Python keeps for the class, 300.
        """
        put = object.__setattr__
        given = _shared(type(self), frozenset(self.__pydantic_fields_set__))
        put(self, "__pydantic_fields_set__", given)
        values = vars(self)
        object.__delattr__(self, "__dict__")
        for name, value in values.items():
            put(self, name, value)


@lru_cache(maxsize=1024)
def _shared(_: type[Strict], keys: frozenset[str]) -> set[str]:
    return set(keys)


@dataclass(frozen=True)
class Section:
    """One file of the configuration, named without its suffix: ``firewall/rules``.

    The suffix on disk is .yaml, .toml or .json; ``default_suffix`` is used for a file that we create.
    Every model has a default for each field: a file that does not exist is ``model()``.
    """

    path: str
    model: type[Strict]
    default_suffix: str = ".yaml"


M = TypeVar("M", bound=Strict)


@dataclass(frozen=True)
class Configuration:
    """The whole configuration: one model instance per section, and where each value stands in its file."""

    sections: Mapping[str, Strict]
    locations: Mapping[Path, Location] = field(default_factory=dict)

    def get(self, model: type[M]) -> M:
        """Return the section that has this model, or the model's defaults where no file gives it."""
        for value in self.sections.values():
            if isinstance(value, model):
                return value
        return model()

    def locate(self, path: Path) -> Location | None:
        """Return where the value at ``path`` stands, or the nearest enclosing value that has a place."""
        while path:
            if path in self.locations:
                return self.locations[path]
            path = path[:-1]
        return None

    def __iter__(self) -> Iterator[str]:
        return iter(self.sections)


def as_data(model: BaseModel) -> dict[str, Any]:
    """Return the JSON-ready data of a model as a user would write it: only what was given."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def section_models(sections: Iterable[Section]) -> dict[str, type[Strict]]:
    """Return path → model."""
    return {section.path: section.model for section in sections}
