# SPDX-License-Identifier: GPL-2.0-or-later
"""Several fields of a packet as one key: what loads them side by side, and the keys that a map holds.

A key is of addresses, a protocol and ports, in this order, what is not asked for left out: so of its numbers
the first is the protocol. Each field takes registers of 32 bits.
Source: linux/netfilter/nf_tables.h, enum nft_registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from patronus.kernel import nft_fields as fields
from patronus.kernel.nft_attributes import Unknown, masked
from patronus.kernel.nft_fields import PAYLOAD
from patronus.kernel.nft_sets import packed

_WORD = 4
_WIDE, _NARROW = 1, 8
"""The first register of 128 bits, and the first of 32."""


def family_of(key: Any) -> str | None:
    """Return whose addresses are in a key, ``ip`` or ``ip6``; None where there are none. Raises Unknown."""
    for part in parts_of(key):
        if (protocol := _field(part)[0]) in ("ip", "ip6"):
            return protocol
    return None


def parts_of(key: Any) -> Sequence[Any]:
    """Return the fields of a key, one or several."""
    found: Sequence[Any] = key.get("concat", (key,))
    return found


def loaded(key: Any) -> bytes:
    """Return what loads a key into the registers from the first on. Raises Unknown."""
    return b"".join(_loads(key))


def _loads(key: Any) -> Iterator[bytes]:
    place = 0
    for part in parts_of(key):
        register = _NARROW + place if place % 4 else _WIDE + place // 4
        protocol, name = _field(part)
        if protocol == "meta":
            yield fields.meta(name, register)
            length = 1
        else:
            base, offset, length = PAYLOAD[protocol, name]
            yield fields.payload(base, offset, length, register)
        if "&" in part:
            yield masked(packed(part["&"][1], length), bytes(length), register)
        place += -(-length // _WORD)


def _field(part: Mapping[str, Any]) -> tuple[str, str]:
    """Return the header and the field of a part. Raises Unknown."""
    said = part["&"][0] if "&" in part else part
    if said == {"meta": {"key": "l4proto"}}:
        return "meta", "l4proto"
    field = said.get("payload", {})
    found = field.get("protocol"), field.get("field")
    if found not in PAYLOAD:
        raise Unknown(f"a key of {part}")
    return found
