# SPDX-License-Identifier: GPL-2.0-or-later
"""``[time]`` of the main file, and what is known of the clock."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from patronus.core.model import Strict
from patronus.core.values import (
    InterfaceId,
    Refused,
    metadata,
    parse_address,
    parse_domain_name,
    shown,
    text_of,
)
from patronus.core.verb import Result

MOST_SERVERS = 8
_ALLOWED = "an address or a domain name"


def parse_server(value: Any) -> str:
    """Return the address or name of a time server. Raises Refused."""
    text = text_of(value, "a time server", _ALLOWED)
    if ":" not in text and not text.replace(".", "").isdigit():
        return parse_domain_name(text)
    address = parse_address(text)
    if address.is_unspecified or address.is_multicast:
        raise Refused(f"{shown(value)} is not the address of one server", _ALLOWED)
    return str(address)


class TimeSettings(Strict):
    """Who sets the clock."""

    servers: tuple[
        Annotated[str, PlainValidator(parse_server), metadata.text(_ALLOWED, "192.0.2.1", "ntp.example")], ...
    ] = Field(
        default=(),
        max_length=MOST_SERVERS,
        description="NTP servers, the preferred one first; without any, those that the uplinks' DHCP gave",
    )
    serve: tuple[InterfaceId, ...] = Field(
        default=(),
        description="interfaces whose hosts may ask this router for the time; DHCP tells them so",
        examples=[["lan"]],
    )
    nts: bool = Field(
        default=False,
        description="believe only servers that prove themselves (NTS), none that DHCP gave",
    )


class Timekeeping(Result):
    """Whether the clock can be believed."""

    synchronised: bool = Field(description="whether a time server has set the clock since the boot")
    servers: list[str] = Field(description="NTP servers that are asked")
    serves: list[str] = Field(description="interfaces whose hosts may ask this router")
