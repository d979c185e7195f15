# SPDX-License-Identifier: GPL-2.0-or-later
"""How the configuration names a secret without holding it, and a plan without knowing it. Pure.

A file says ``private_key: {secret: wg-home}``; its model has a field ``private_key: SecretRef``. The plan
holds a ``SecretHandle``: name and version, so that it changes when somebody writes the secret anew, and can
be logged, compared and shown. The bytes are read in the step that needs them, by
``host.secrets.read(handle.name)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from patronus.core.model import Configuration, Strict
from patronus.core.problem import Path
from patronus.core.shape import fields
from patronus.core.values import Refused, shown, text_of

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ALLOWED = "a-z, 0-9, _ and -, at most 63 characters, not starting with _ or -"


def parse_secret_name(value: Any) -> str:
    """Return the name of a secret that a person gave: ``wg-home``. Raises Refused."""
    text = text_of(value, "a secret's name", _ALLOWED)
    if not _NAME.fullmatch(text):
        raise Refused(f"{shown(value)} is not a secret's name", _ALLOWED)
    return text


SecretName = Annotated[
    str,
    PlainValidator(parse_secret_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"}),
]
"""The name of a secret that a person gave the router."""


class SecretRef(Strict):
    """A secret by name: ``{secret: wg-home}``."""

    secret: SecretName = Field(description="name of a secret that was given with `patronus secret set`")


@dataclass(frozen=True)
class SecretHandle:
    """A secret in a plan. ``version`` changes with each write; None: nobody has given the secret yet."""

    name: str
    version: str | None


@dataclass(frozen=True)
class Named:
    """Where the configuration names a secret."""

    path: Path
    name: str


def named_secrets(config: Configuration) -> list[Named]:
    """Return all places in which the configuration names a secret, in the order of the sections."""
    return [
        Named(path, reference.secret)
        for section in config
        if can_name(type(config.sections[section]))
        for path, reference in _references((section,), config.sections[section])
    ]


def _references(path: Path, value: Any) -> Iterator[tuple[Path, SecretRef]]:
    if isinstance(value, SecretRef):
        yield path, value
    elif isinstance(value, BaseModel):
        for key in value.model_fields_set & type(value).model_fields.keys():
            written = type(value).model_fields[key].alias or key
            yield from _references((*path, written), getattr(value, key))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _references((*path, str(key)), item)
    elif isinstance(value, tuple | list):
        for position, item in enumerate(value):
            yield from _references((*path, position), item)


@cache
def can_name(model: type[BaseModel]) -> bool:
    """Return whether a file of this model can name a secret: most cannot, and need not be looked through."""
    return any(part is SecretRef for part in _parts(model, frozenset()))


def _parts(annotation: Any, seen: frozenset[Any]) -> Iterator[Any]:
    """Yield the models that an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            yield annotation
            for field in fields(annotation).values():
                yield from _parts(field.annotation, seen | {annotation})
        return
    for argument in getattr(annotation, "__args__", ()):
        yield from _parts(argument, seen)
