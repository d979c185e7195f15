# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside addresses in outside answers (DNS rebinding): address records, and the hints of services. Pure."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv6Network

from patronus.core.embedded import WELL_KNOWN, extract
from patronus.network.dns.names import MalformedMessage, skip_plain_name
from patronus.network.dns.wire import CLASS_IN, RecordSpan, Response, Type

PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "::/127",
        "fc00::/7",
        "fe80::/10",
    )
)
HINTS = {4: 4, 6: 16}
"""Service parameters that hold addresses, and how long one is: ipv4hint, ipv6hint (RFC 9460 section 7.3)."""
_PARAMETER = struct.Struct("!HH")


def private_address(response: Response, translated: Sequence[IPv6Network] = (WELL_KNOWN,)) -> bool:
    """Return whether an answer, or what came with it, holds an address of an inside network.

    One of a prefix that is ``translated`` leads where its address of IPv4 is. A service record that cannot be
    read counts as one: a client may read it otherwise than we do.
    """
    return any(
        _holds_private(response.data, span, translated)
        for section in (response.answers, response.extras)
        for span in section
        if span.rclass == CLASS_IN
    )


def _holds_private(data: bytes, span: RecordSpan, translated: Sequence[IPv6Network]) -> bool:
    if span.rtype in {Type.A, Type.AAAA}:
        return is_private(data[span.data_at : span.end], translated)
    if span.rtype not in {Type.SVCB, Type.HTTPS}:
        return False
    try:
        return any(is_private(packed, translated) for packed in hinted(data[span.data_at : span.end]))
    except MalformedMessage:
        return True


def hinted(rdata: bytes) -> Iterator[bytes]:
    """Yield the addresses in a service record's data (RFC 9460 section 2.2). Raises MalformedMessage."""
    position, end = skip_plain_name(rdata, 2), len(rdata)
    while position < end:
        if position + _PARAMETER.size > end:
            raise MalformedMessage("a service parameter ends early")
        key, length = _PARAMETER.unpack_from(rdata, position)
        start = position + _PARAMETER.size
        position = start + length
        size = HINTS.get(key)
        if position > end or (size is not None and length % size):
            raise MalformedMessage("a service parameter has not its length")
        if size is not None:
            yield from (rdata[at : at + size] for at in range(start, position, size))


def is_private(packed: bytes, translated: Sequence[IPv6Network] = (WELL_KNOWN,)) -> bool:
    """Return whether the address is one that no outside name has a reason to give."""
    if len(packed) not in {4, 16}:
        return False
    for prefix in translated if len(packed) == 16 else ():
        if (within := extract(prefix, packed)) is not None:
            return is_private(within.packed)
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    return any(address in network for network in PRIVATE if network.version == address.version)
