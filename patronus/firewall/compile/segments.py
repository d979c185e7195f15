# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP segments that fit through a narrow link: hosts are told so when a connection begins.

A link that carries less than Ethernet, as PPPoE does, lets big packets fall, and the errors that say so are
lost on many ways (RFC 2923 section 2.1). So the largest segment that each end announces (RFC 9293 section
3.7.1) is lowered in the packets that open a connection through it

forward     -10   segments   and never raised: the kernel sees to that
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.firewall.addresses import VERSIONS
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Chain, Hook, NftRule

OPENING = Hook("filter", "forward", -10, "accept")
_HEADERS = {4: 20 + 20, 6: 40 + 20}
"""Bytes of the headers of IP and TCP without options."""


def segment_chains(narrow: Mapping[str, int]) -> dict[str, Chain]:
    """Return the chain for links that carry less than Ethernet; ``narrow`` is device → MTU in bytes."""
    return {"segments": Chain(tuple(_rules(narrow)), OPENING)} if narrow else {}


def _rules(narrow: Mapping[str, int]) -> Iterator[NftRule]:
    for device, mtu in sorted(narrow.items()):
        for place in (say.arrives_on, say.leaves_by):
            for version in VERSIONS:
                size = say.largest_segment(mtu - _HEADERS[version])
                yield NftRule("segments", (place([device]), say.version_is(version), *say.opens_tcp(), size))
