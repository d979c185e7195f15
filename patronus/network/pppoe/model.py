# SPDX-License-Identifier: GPL-2.0-or-later
"""What an interface says of its provider: ``pppoe: {parent, user, password: {secret: …}}``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from patronus.core.model import Strict
from patronus.core.secret import SecretRef
from patronus.core.values import InterfaceId, Refused, metadata, shown, text_of
from patronus.network.pppoe.words import MOST_CHARACTERS, is_word

OVERHEAD = 8
"""Bytes that PPPoE and PPP add to each packet (RFC 2516 section 7)."""
LARGEST = 1500
"""What a session carries at most (RFC 4638 section 2)."""
_ALLOWED = f"one line of printable text, at most {MOST_CHARACTERS} characters"


def parse_word(value: Any) -> str:
    """Return a word that the provider gave. Raises Refused."""
    text = text_of(value, "a word of a provider", _ALLOWED)
    if not is_word(text):
        raise Refused(f"{shown(value)} is not one line of printable text", _ALLOWED)
    return text


Word = Annotated[
    str, PlainValidator(parse_word), metadata.text(_ALLOWED, "line-7@provider.example", pattern=r"\S.*")
]


class Pppoe(Strict):
    """An uplink that dials in, with the name and password that the provider gave."""

    parent: InterfaceId = Field(description="interface towards the modem; it has no address of its own")
    user: Word = Field(description="name at the provider")
    password: SecretRef = Field(description="password at the provider")
    service: Word | None = Field(
        default=None, description="service to ask for, where the provider has several (Service-Name)"
    )
    concentrator: Word | None = Field(
        default=None, description="the one access concentrator to take (AC-Name); left out: the first"
    )
    dns: bool = Field(default=True, description="whether to ask the provider for DNS servers")
