# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/mdns``: networks whose hosts find each other's printers, screens and speakers."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from patronus.core.model import Section, Strict
from patronus.core.values import InterfaceId, Refused, metadata, shown, text_of

_ALLOWED = "a kind of service, such as _ipp._tcp"
_SERVICE = re.compile(r"_[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?\._(?:tcp|udp)")


def parse_service(value: Any) -> str:
    """Return the name of a kind of service (RFC 6763 section 7). Raises Refused."""
    text = text_of(value, "a kind of service", _ALLOWED).lower().removesuffix(".local")
    if _SERVICE.fullmatch(text) is None:
        raise Refused(f"{shown(value)} is not a kind of service", _ALLOWED)
    return text


ServiceKind = Annotated[str, PlainValidator(parse_service), metadata.text(_ALLOWED, "_ipp._tcp")]


class Mdns(Strict):
    """Multicast DNS that is repeated between networks; off with fewer than two."""

    between: tuple[InterfaceId, ...] = Field(
        default=(), description="interfaces whose hosts find each other", examples=[["lan", "iot"]]
    )
    only: tuple[ServiceKind, ...] = Field(
        default=(), description="kinds of services that are repeated; left out: all"
    )


SECTION = Section("network/mdns", Mdns)
