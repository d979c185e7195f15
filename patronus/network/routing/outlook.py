# SPDX-License-Identifier: GPL-2.0-or-later
"""Where packets go now and where they will once a change runs. Pure: what the kernel says now is asked.

Where the coming tables lead by the very route that leads there now, the kernel's own answer stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from patronus.core.fib import Fib
from patronus.core.link import Address, Hop, IpAddress, Link, RouteQuery
from patronus.network.routing.foreseen import Coming


@dataclass(frozen=True)
class Outlook:
    """Two states of the router. ``step`` asks the kernel, ``fib`` and ``links`` are what it has now."""

    step: Callable[[RouteQuery], Hop]
    fib: Fib
    links: Mapping[str, Link]
    coming: Coming
    _known: dict[RouteQuery, Hop | None] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Return the addresses that the router will have."""
        return self.coming.addresses

    def before(self, query: RouteQuery) -> Hop:
        """Return the next step of a packet now. Raises LookupError."""
        return self.step(query)

    def after(self, query: RouteQuery) -> Hop:
        """Return its next step once the change runs. Raises LookupError."""
        if query not in self._known:
            self._known[query] = self._after(query)
        found = self._known[query]
        if found is None:
            raise LookupError(f"no route leads to {query.destination}")
        return found

    def device_after(self, query: RouteQuery) -> str | None:
        """Return the device by which it will leave, None for the router's own. Raises LookupError."""
        return self.after(query).device

    def _after(self, query: RouteQuery) -> Hop | None:
        now, then = self.fib.find(query), self.coming.fib.find(query)
        try:
            if now == then or query.destination.is_link_local:
                return self.step(query)
            return then.leads(query, self._now(query)) if then is not None else None
        except LookupError:
            return None

    def _now(self, query: RouteQuery) -> Hop | None:
        try:
            return self.step(query)
        except LookupError:
            return None

    def loses(self, address: IpAddress) -> bool:
        """Return whether an address is one of the router's now, and will not be."""
        query = RouteQuery(address)
        now = self._now(query)
        if now is None or now.device is not None:
            return False
        try:
            return self.after(query).device is not None
        except LookupError:
            return True

    def same_wire(self, now: str, then: str) -> bool:
        """Return whether the hosts behind a device are behind another one, or the same, afterwards.

        A card that joins a bridge or bond has its hosts behind that; one that leaves takes them along.
        """
        if now == then:
            return now not in self.coming.remade
        return then in _masters(now, self.coming.links) or now in _masters(then, self.links)

    def to_peer(self, device: str) -> bool:
        """Return whether a device leads to one other alone, which hands on what is for the rest."""
        link = self.links.get(device)
        return link is not None and link.to_peer


def _masters(device: str, links: Mapping[str, Link]) -> Iterator[str]:
    link = links.get(device)
    while link is not None and link.master is not None:
        yield link.master
        link = links.get(link.master)
