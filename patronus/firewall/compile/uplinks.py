# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections stay on the uplink that they began on: their marks, by which the routing tables are chosen.

prerouting  -150  marks           what comes from inside has its connection's mark when its way is chosen;
                                  what comes in by an uplink has only the bits that rules have set
forward     -10   uplink/hidden   rules see the bits that rules have set
forward     10    uplink/kept     what passed keeps the uplink that it came in by, else the one it leaves by
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.route_table import UPLINK_BITS, uplink_mark
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Chain, Hook, NftRule

MANGLE = Hook("filter", "prerouting", -150, "accept")
HIDDEN = Hook("filter", "forward", -10, "accept")
KEPT = Hook("filter", "forward", 10, "accept")
_OTHERS = say.ALL_BITS & ~UPLINK_BITS


def marks_chain(uplinks: Mapping[str, int], hidden: int = 0) -> Chain:
    """Return what gives every packet its connection's mark, before its route is looked up.

    ``hidden`` are bits of the connection's mark that are no packet's.
    """
    restored = NftRule("marks", say.restore_mark(say.ALL_BITS & ~hidden))
    if not uplinks:
        return Chain((restored,), MANGLE)
    ours = say.mark_packet(say.bits_of_connection(_OTHERS & ~hidden))
    return Chain((NftRule("marks", (say.arrives_on(uplinks), ours, say.ACCEPT)), restored), MANGLE)


def uplink_chains(uplinks: Mapping[str, int]) -> dict[str, Chain]:
    """Return the chains that keep connections on their uplink; ``uplinks`` is device → number."""
    if not uplinks:
        return {}
    found = say.match(say.bits_of_packet(UPLINK_BITS), 0, "!=")
    hide = NftRule("uplinks", (found, say.mark_packet(say.bits_of_packet(_OTHERS))))
    return {"uplink/hidden": Chain((hide,), HIDDEN), "uplink/kept": Chain(tuple(_kept(uplinks)), KEPT)}


def _kept(uplinks: Mapping[str, int]) -> Iterator[NftRule]:
    known = say.match(say.bits_of_connection(UPLINK_BITS), 0, "!=")
    yield NftRule("uplinks", (known, say.ACCEPT))
    for place in (say.arrives_on, say.leaves_by):
        for device, number in sorted(uplinks.items()):
            mark = say.mark_connection(uplink_mark(number).value)
            yield NftRule("uplinks", (place([device]), mark, say.ACCEPT))
