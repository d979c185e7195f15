# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom to ask: everybody's servers, those that a policy has in their place, or those of a domain. Pure.

A source is what tells the answers of such servers from all others: part of their key in the cache.
It goes by what the file says of the servers, not by the addresses that an uplink was given, so that answers
outlive a new lease and none outlives other servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from patronus.network.dns.config import Policy, ServerConfig, UpstreamServer
from patronus.network.dns.health import Upstreams
from patronus.network.dns.names import parents, wire_name

EVERYONES = b""


class Sources:
    """Servers by source. Those of a policy are asked for its clients alone, and no others for them.

    Those of a domain are asked for its names whoever asks, and no others for these.
    """

    def __init__(self) -> None:
        self.everyones = Upstreams(())
        self._own: dict[bytes, Upstreams] = {}
        self._policies: dict[bytes, list[str]] = {}
        self._domains: dict[bytes, tuple[str, ...]] = {}
        self._by_domain: dict[bytes, bytes] = {}

    def replace(self, config: ServerConfig) -> None:
        """Take other servers; what is known of those that stay is kept."""
        self.everyones.replace(config.upstreams, fastest_first=config.fastest_first)
        earlier, self._own, self._policies = self._own, {}, {}
        for policy in config.policies:
            source = source_of(policy)
            if source != EVERYONES:
                own = self._own[source] = earlier.get(source) or Upstreams(())
                own.replace(policy.upstreams, fastest_first=config.fastest_first)
                self._policies.setdefault(source, []).append(policy.id)
        self._domains, self._by_domain = {}, {}
        for item in config.forwards:
            source = bytes.fromhex(item.source)
            own = self._own[source] = earlier.get(source) or Upstreams(())
            own.replace(item.upstreams, fastest_first=config.fastest_first)
            self._domains[source] = item.domains
            self._by_domain |= dict.fromkeys(map(wire_name, item.domains), source)

    def of_name(self, name: bytes) -> bytes | None:
        """Return the source of the longest domain that the name, in lower-case wire form, lies in."""
        if not self._by_domain:
            return None
        return next((self._by_domain[parent] for parent in parents(name) if parent in self._by_domain), None)

    def of(self, source: bytes) -> Upstreams:
        """Return the servers of a source that there is."""
        return self.everyones if source == EVERYONES else self._own[source]

    def report(self, now_s: float) -> Iterator[dict[str, Any]]:
        """Yield how each server does, everybody's first; JSON-ready."""
        for source, upstreams in ((EVERYONES, self.everyones), *self._own.items()):
            for server in upstreams.servers:
                policies, domains = self._policies.get(source, []), list(self._domains.get(source, ()))
                yield {**_report(upstreams, server, now_s), "policies": policies, "domains": domains}


def source_of(policy: Policy) -> bytes:
    """Return the policy's source. Raises ValueError."""
    return bytes.fromhex(policy.source)


def _report(upstreams: Upstreams, server: UpstreamServer, now_s: float) -> dict[str, Any]:
    health = upstreams.health(server)
    return {
        "id": server.id,
        "address": server.address,
        "port": server.port,
        "answered": health.answered,
        "takes_ms": round(1000 * health.takes_s, 1) or None,
        "protocol": server.protocol,
        "problem": health.problem or None,
        "healthy": health.bad_until_s <= now_s,
    }
