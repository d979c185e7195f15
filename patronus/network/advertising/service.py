# SPDX-License-Identifier: GPL-2.0-or-later
"""The advertisements inside patronusd: tells the networks what is planned, keeps what they were told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Verb
from patronus.kernel.host import Host
from patronus.network.advertising.memory import Memory, compose
from patronus.network.advertising.plan import AdvertisingPlan, Network, plan
from patronus.network.advertising.server import Advertiser, Said
from patronus.network.advertising.verbs import NetworkInfo, NetworkList, PrefixInfo, Renumbered

TOLD = "advertised"
"""Key of the runtime state: role → the prefixes, routes, servers and domains that its hosts were told."""


class AdvertisingFeature(Feature[AdvertisingPlan, None]):
    """The router's word to the hosts of its networks."""

    name = "advertising"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._advertiser = Advertiser(host.clock)
        self._plan = AdvertisingPlan()

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> AdvertisingPlan:  # noqa: ARG002
        """Return what each network is told."""
        return plan(config, earlier)

    def steps(self, plan: AdvertisingPlan, running: AdvertisingPlan | None) -> Iterator[Step]:
        """Tell the networks, where the plan or a device has changed since."""
        before = self._plan
        if running is None:
            self._advertiser.memory = Memory.of(self._host.state.get(TOLD), self._host.clock.boottime())
        if plan == before and self._advertiser.serves(plan.networks):
            return
        yield Step(
            f"advertise on {', '.join(one.role for one in plan.networks) or 'no network'}",
            do=lambda: self._tell(plan),
            undo=lambda: self._tell(before),
        )

    def _tell(self, plan: AdvertisingPlan) -> None:
        """Speak from now on as planned. What is said is kept first: whoever heard it must be told its end."""
        before, self._plan = self._plan, plan
        coming = self._advertiser.memory.follow(plan.networks, self._host.clock.boottime()).as_data()
        if coming != (self._host.state.get(TOLD) or {}):
            self._host.state.put(TOLD, coming)
        self._advertiser.tell(plan.networks)
        for event in renumbered(before, plan):
            self._host.control.publish(event)

    def observe(self, plan: AdvertisingPlan) -> Iterator[Difference]:
        """Compare the devices that are spoken on with those that there are."""
        if not self._advertiser.serves(plan.networks):
            wanted = ", ".join(one.device for one in plan.networks) or "none"
            yield Difference("advertisements", wanted, ", ".join(self._advertiser.said()) or "none")

    def stop(self) -> None:
        """Speak no more; hosts go on with what they know."""
        self._advertiser.stop()

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verb on the networks."""
        return (Verb("advertising.List", Nothing, NetworkList, self.list, route="GET /advertising"),)

    def list(self, _: Caller, __: Nothing) -> NetworkList:
        """List the networks whose hosts are told about IPv6, and what they are told."""
        said = self._advertiser.said()
        return NetworkList(
            networks=[self._info(one, said.get(one.device, Said())) for one in self._plan.networks]
        )

    def _info(self, network: Network, said: Said) -> NetworkInfo:
        told = compose(network, self._advertiser.memory, b"", self._host.clock.boottime())
        return NetworkInfo(
            interface=network.role,
            device=network.device,
            default_router=told.lifetime_s > 0,
            prefixes=[
                PrefixInfo(prefix=str(one.prefix), preferred_s=one.preferred_s, valid_s=one.valid_s)
                for one in told.prefixes
            ],
            routes=[str(route) for route, lifetime_s in told.routes if lifetime_s],
            dns_servers=[str(server) for server, lifetime_s in told.servers if lifetime_s],
            domains=[domain for domain, lifetime_s in told.domains if lifetime_s],
            translators=[str(prefix) for prefix, lifetime_s in told.translators if lifetime_s],
            managed=told.managed,
            other=told.other,
            sent=said.sent,
            asked=said.asked,
            failure=said.failure,
        )


def renumbered(before: AdvertisingPlan, now: AdvertisingPlan) -> Iterator[Renumbered]:
    """Yield which networks have other prefixes than before."""
    old, new = _prefixes(before), _prefixes(now)
    for role in dict.fromkeys((*old, *new)):
        held, holds = old.get(role, ()), new.get(role, ())
        if set(held) != set(holds):
            yield Renumbered(role, holds, tuple(one for one in held if one not in holds))


def _prefixes(plan: AdvertisingPlan) -> dict[str, tuple[str, ...]]:
    return {one.role: tuple(str(item.prefix) for item in one.told.prefixes) for one in plan.networks}


def create(host: Host) -> AdvertisingFeature:
    """Make the feature; called once by the daemon."""
    return AdvertisingFeature(host)
