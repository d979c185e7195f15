# SPDX-License-Identifier: GPL-2.0-or-later
"""A prefix that addresses of IPv4 follow (RFC 6052 section 2.2), as an ``ipaddress.IPv6Network``."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from patronus.core.embedded import LENGTHS, RESERVED
from patronus.core.values import metadata
from patronus.core.values.addresses import parse_prefix
from patronus.core.values.refusal import Refused, shown

_ALLOWED = "a prefix of IPv6 of 32, 40, 48, 56, 64 or 96 bits, such as 64:ff9b::/96"


def parse_translation_prefix(value: Any) -> IPv6Network:
    """Return a prefix that addresses of IPv4 can follow. Raises Refused."""
    prefix = parse_prefix(value)
    if not isinstance(prefix, IPv6Network) or prefix.prefixlen not in LENGTHS:
        raise Refused(f"{shown(value)} is no prefix for addresses of IPv4", _ALLOWED)
    if prefix.network_address.packed[RESERVED]:
        hint = "bits 64 to 71 of such a prefix are 0"
        raise Refused(f"{shown(value)} is no prefix for addresses of IPv4", _ALLOWED, hint)
    return prefix


TranslationPrefix = Annotated[
    IPv6Network,
    PlainValidator(parse_translation_prefix),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_ALLOWED, "64:ff9b::/96", pattern="[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*/(32|40|48|56|64|96)"),
]
"""A prefix that addresses of IPv4 follow."""
