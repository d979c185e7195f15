# SPDX-License-Identifier: GPL-2.0-or-later
"""How upstream servers do, and in which order they are asked for that. Pure; the time is handed in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from patronus.network.dns.config import UpstreamServer
from patronus.network.dns.cookies import CLIENT_SIZE, Jar

TRY_TIMES_S = (0.8, 1.2, 1.6, 2.4)
"""How long each try waits before the next begins; answers to earlier ones still count. Together 6 s."""
BAD_TIME_S = 30.0
"""How long a server that failed is asked only after the others."""
FAILURES = 3
SMOOTHING = 0.125
"""How much the newest answer counts in the time that a server takes (as in RFC 6298)."""
FADING = 0.98
"""A time that is not measured again shrinks so with each question: in the end its server is asked."""
LEAST_S, MOST_S = 0.05, sum(TRY_TIMES_S)
"""A server that failed takes at least so long, and however often it did no longer than anybody waits."""


@dataclass
class Health:
    """How a server has been doing; ``problem`` is why it last did not answer, until it does.

    ``takes_s`` is how long it takes for an answer, smoothed; 0 where nobody knows. ``jar`` has its cookies.
    """

    failures: int = 0
    bad_until_s: float = 0.0
    answered: int = 0
    problem: str = ""
    takes_s: float = 0.0
    jar: Jar = field(default_factory=lambda: Jar(secrets.token_bytes(CLIENT_SIZE)))

    def failed(self, now_s: float, problem: str) -> None:
        """Count a question without an answer."""
        self.problem = problem
        self.takes_s = min(max(2 * self.takes_s, LEAST_S), MOST_S)
        self.failures += 1
        if self.failures >= FAILURES:
            self.bad_until_s = now_s + BAD_TIME_S

    def declined(self, problem: str) -> None:
        """Take in an error that may be the name's alone."""
        self.problem = problem

    def worked(self, after_s: float) -> None:
        """Count an answer that came after so long: the server is well."""
        self.failures, self.bad_until_s, self.problem = 0, 0.0, ""
        self.answered += 1
        self.takes_s += (after_s - self.takes_s) * (SMOOTHING if self.takes_s else 1.0)


class Upstreams:
    """The servers to ask and how they do; those that do not answer come last.

    Else the order is that of the file, or the one that takes least time comes first.
    """

    def __init__(self, servers: Sequence[UpstreamServer], *, fastest_first: bool = False) -> None:
        self.servers = tuple(servers)
        self._fastest_first = fastest_first
        self._health: dict[tuple[str, int], Health] = {}

    def health(self, server: UpstreamServer) -> Health:
        """Return how the server does, whatever carries the questions to it."""
        return self._health.setdefault((server.address, server.port), Health())

    def replace(self, servers: Sequence[UpstreamServer], *, fastest_first: bool) -> None:
        """Take other servers; what is known of those that stay is kept."""
        self._fastest_first = fastest_first
        known = {(server.address, server.port) for server in servers}
        self.servers = tuple(servers)
        self._health = {key: health for key, health in self._health.items() if key in known}

    def order(self, now_s: float) -> list[UpstreamServer]:
        """Return the servers in the order in which to ask them."""
        found = sorted(self.servers, key=lambda server: self.health(server).bad_until_s > now_s)
        if self._fastest_first:
            found.sort(key=lambda server: self._slowness(server, now_s))
            for server in found[1:]:
                self.health(server).takes_s *= FADING
        return found

    def _slowness(self, server: UpstreamServer, now_s: float) -> tuple[bool, float]:
        health = self.health(server)
        return health.bad_until_s > now_s, health.takes_s
