# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether other routes, addresses or links would take the way from who uses the router now. Pure.

A host that is reached straight on its link is lost where another way is taken to it. One behind another
router may be reached as well by another one: of that nobody can be certain, so it is said of the
committer's own session alone, and of connections whose translated address means nothing on the other way.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.connection import Tracked
from patronus.core.link import Hop, IpAddress, RouteQuery
from patronus.firewall.judge.way import mark_before_routing
from patronus.firewall.policy import Policy
from patronus.firewall.tracking.flows import way_back
from patronus.network.routing.outlook import Outlook


def lost(policy: Policy, one: Tracked, outlook: Outlook, *, strict: bool = False) -> str | None:
    """Return why an open connection would find its way no more, None where it does or nobody can tell.

    ``policy`` is the one that runs. ``strict``: another way is a lost one. The router's own go on.
    """
    try:
        return next(_reasons(policy, one, outlook, strict=strict), None)
    except LookupError:
        return None


def lost_way(query: RouteQuery, outlook: Outlook, *, strict: bool = False) -> str | None:
    """Return why packets would not get where they get now. Raises LookupError where they get nowhere."""
    now, who = outlook.before(query), query.destination
    if now.device is None:
        return None
    try:
        then = outlook.after(query)
    except LookupError:
        return f"no route leads to {who}"
    if then.device is None:
        return f"{who} is an address of the router's own"
    same_wire = outlook.same_wire(now.device, then.device)
    if same_wire and now.gateway == then.gateway:
        return None
    straight = now.gateway is None and not outlook.to_peer(now.device)
    if now.device == then.device and not same_wire:
        return f"{now.device} is made anew, on another link or with another tag"
    return f"{who} is reached {_spoken(then)}, not {_spoken(now)}" if straight or strict else None


def _reasons(policy: Policy, one: Tracked, outlook: Outlook, *, strict: bool) -> Iterator[str]:
    def device_of(query: RouteQuery) -> str | None:
        return outlook.before(query).device

    way, back = one.connection.original, one.connection.reply
    answers = way_back(policy, one, device_of)
    arrives_on = device_of(answers)
    if arrives_on is None:
        return
    for address in dict.fromkeys((way.destination, back.source, back.destination)):
        if outlook.loses(address):
            yield gone(address)
    if found := lost_way(answers, outlook, strict=strict):
        yield found
    query = RouteQuery(
        back.source, way.source, arrives_on, mark_before_routing(policy, arrives_on, 0, one.mark),
        way.protocol, way.source_port, back.source_port,
    )  # fmt: skip
    if found := lost_way(query, outlook):
        yield found
    if back.destination != way.source:
        now, then = outlook.before(query), outlook.after(query)
        if (
            now.device is not None
            and then.device is not None
            and not outlook.same_wire(now.device, then.device)
        ):
            yield f"it leaves {_spoken(then)}, where nobody answers to {back.destination}"


def gone(address: IpAddress) -> str:
    """Return what is said of an address that the router will not have."""
    return f"{address} is not the router's any more"


def _spoken(hop: Hop) -> str:
    return f"by {hop.gateway} on {hop.device}" if hop.gateway is not None else f"straight on {hop.device}"
