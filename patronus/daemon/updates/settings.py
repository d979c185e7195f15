# SPDX-License-Identifier: GPL-2.0-or-later
"""``[update]`` of the main file: where new versions come from, and when they may come by themselves. Pure."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator

from patronus.core.model import Configuration, Strict
from patronus.core.values import Certificates, Refused, metadata, parse_url, shown
from patronus.firewall.model.schedule import Schedule, TimeSpan

_ALLOWED = "https://host/folder or file:///folder"


def parse_source(value: Any) -> str:
    """Return the URL of a folder of releases. Raises Refused."""
    if isinstance(value, str) and value.startswith("file:///") and value.isprintable() and ".." not in value:
        return value
    text = parse_url(value, ("https",))
    parts = urlsplit(text)
    if parts.username is not None or parts.query or parts.fragment:
        raise Refused(f"{shown(value)} is more than a server's name and a folder", _ALLOWED)
    return text


SourceUrl = Annotated[
    str,
    PlainValidator(parse_source),
    metadata.text(_ALLOWED, "https://updates.example/patronus", format="uri"),
]


HealthUrl = Annotated[
    str,
    PlainValidator(parse_url),
    metadata.text("http://host/… or https://host/…", "http://192.168.1.10/alive", format="uri"),
]


_PROGRAM = "a list of words: the whole path of a program of the image, and its arguments"
_MOST_WORDS, _LONGEST = 32, 1000


def parse_command(value: Any) -> list[str]:
    """Return a program's path and its arguments; no shell ever reads them. Raises Refused."""
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_WORDS:
        raise Refused(f"{shown(value)} is no command", _PROGRAM)
    for word in value:
        if not isinstance(word, str) or not word.isprintable() or len(word) > _LONGEST:
            raise Refused(f"{shown(word)} is no word of a command", _PROGRAM)
    if not value[0].startswith("/") or value[0].endswith("/") or ".." in value[0].split("/"):
        raise Refused(f"{shown(value[0])} is not the whole path of a program", _PROGRAM)
    return value


Command = Annotated[
    list[str],
    PlainValidator(parse_command),
    metadata.Shape(
        {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": _MOST_WORDS,
            metadata.WRITTEN: _PROGRAM,
            "examples": [["/usr/bin/ping", "-c1", "192.168.1.10"]],
        }
    ),  # fmt: skip
]


class UpdateSettings(Strict):
    """Where new versions of the system come from."""

    source: SourceUrl | None = Field(
        default=None,
        description="folder of signed releases, `https://host/folder`, or `file:///folder` on a stick",
    )
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; else the well-known authorities",
    )
    automatic: bool = Field(
        default=False,
        description="whether new versions are installed by themselves, and the router restarts into them",
    )
    health: HealthUrl | None = Field(
        default=None,
        description="page that must answer (status 2xx) before a new version counts as healthy, "
        "`http://host/…` or `https://host/…`",
    )
    check: Command | None = Field(
        default=None,
        description="program that must end with 0 within 30 s before a new version counts as healthy, and "
        'its arguments, such as `["/usr/bin/ping", "-c1", "192.168.1.10"]`',
    )
    window: Schedule = Field(
        default=Schedule.model_construct(time=TimeSpan(120, 300)),  # builds no validator
        description="when that may happen; in no other hour",
    )


def settings_of(config: Configuration) -> UpdateSettings:
    """Return the part of the main file."""
    found = getattr(config.sections.get("patronus"), "update", None)
    return found if isinstance(found, UpdateSettings) else UpdateSettings()
