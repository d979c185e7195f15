# SPDX-License-Identifier: GPL-2.0-or-later
"""What pppd says, line by line, to how a session stands and why it ended. Pure.

The provider's own words are never repeated: it may write what it likes into them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from patronus.network.pppoe.report import Report
from patronus.network.pppoe.task import Task

REFUSED = "authentication failed: the provider refuses the user name or the password"
_ADDRESS = re.compile(
    r"(local +IP|remote IP|primary +DNS|secondary DNS) address (\d+\.\d+\.\d+\.\d+)\s*", re.ASCII
)
_CONCENTRATOR = re.compile(r"Connected to ([0-9A-Fa-f:]{17}) via interface .*")
_MEANINGS: tuple[tuple[str, str], ...] = (
    (r"(PAP|CHAP) authentication failed|E=691|peer reports auth\w+ failure", REFUSED),
    (r"No response to PAP|CHAP authentication timed out", "the provider does not answer the log-in"),
    (r"peer refused to authenticate", "the provider wants another way to log in"),
    (r"PADS: .*Service-Name-Error", "the provider does not know the service {service}"),
    (r"PAD[OS]: (System|Generic)-Error", "the provider's access concentrator has a fault"),
    (r"Discovery phase 1|waiting for PADO", "no access concentrator{concentrator} answers on {parent}"),
    (r"Discovery phase 2|waiting for PADS", "the access concentrator opens no session"),
    (r"No such device|Network is down|interface \S+ not found", "{parent} is missing or down"),
    (r"kernel (does not support|lacks)|Address family not supported", "this kernel has no PPPoE"),
    (r"has MTU of \d+ -- should be", "{parent} carries too small packets"),
    (r"LCP: timeout sending Config-Requests", "the access concentrator does not answer (LCP)"),
    (r"Peer refused to agree to (our|his)|Could not determine \w+ IP", "the provider gives no address"),
    (r"No response to \d+ echo-requests", "the provider has fallen silent"),
    (r"(LCP|IPCP) terminated by peer", "the provider has ended the session"),
    (r"No network protocols running", "the provider offers no protocol that is asked for"),
    (r"Modem hangup|Hangup", "the session was hung up"),
)  # fmt: skip
"""What a line means, the most telling first."""
_KNOWN = tuple((re.compile(pattern), meaning) for pattern, meaning in _MEANINGS)
_STATUSES = {
    1: "pppd met a fault of its own", 2: "pppd does not take its options", 4: "this kernel has no PPPoE",
    10: "the provider agrees to nothing that is asked for", 15: "the provider has fallen silent",
    16: "the session was hung up", 19: REFUSED,
}  # fmt: skip
"""Exit statuses of pppd(8), for what no line has told."""


@dataclass(frozen=True)
class Session:
    """One run of pppd: how it stands, and the places in the table of what its lines meant."""

    task: Task
    report: Report = field(default_factory=Report)
    meant: frozenset[int] = frozenset()

    def hear(self, line: str, now_s: float) -> Session:
        """Return the session after one more line; ``now_s`` is CLOCK_BOOTTIME."""
        if found := _ADDRESS.fullmatch(line):
            return self._given(found[1], IPv4Address(found[2]), now_s)
        if line.startswith("local  LL address"):
            return replace(self, report=replace(self._risen(now_s), ipv6=True))
        if found := _CONCENTRATOR.fullmatch(line):
            return replace(self, report=replace(self.report, concentrator=found[1].lower()))
        meant = {place for place, (pattern, _) in enumerate(_KNOWN) if pattern.search(line)}
        return replace(self, meant=self.meant | meant) if meant else self

    def _given(self, what: str, address: IPv4Address, now_s: float) -> Session:
        risen, servers = self._risen(now_s), self.report.dns_servers
        match what.split()[0]:
            case "local":
                risen = replace(risen, address=address)
            case "remote":
                risen = replace(risen, peer=address)
            case _:
                risen = replace(risen, dns_servers=tuple(dict.fromkeys((*servers, address))))
        return replace(self, report=risen)

    def _risen(self, now_s: float) -> Report:
        """Return the report as of a session that stands."""
        return self.report if self.report.up else replace(self.report, since_s=now_s)

    def ended(self, status: int) -> Report:
        """Return the report of the session that has ended; ``status`` is pppd's exit status."""
        words = _KNOWN[min(self.meant)][1] if self.meant else _STATUSES.get(status)
        return Report(error=self._filled(words or f"pppd ended with status {status}"))

    def _filled(self, words: str) -> str:
        service, concentrator = self.task.service or "that is asked for", self.task.concentrator
        named = f" {concentrator}" if concentrator else ""
        return words.format(service=service, concentrator=named, parent=self.task.parent)


def pause_s(failures: int, *, refused: bool) -> float:
    """Return how long to wait before dialling again, after so many failures without a session between.

    A refused password is not tried often: providers lock who does.
    """
    first_s, most_s = (15.0, 300.0) if refused else (1.0, 60.0)
    return min(most_s, first_s * float(1 << min(max(failures - 1, 0), 10)))
