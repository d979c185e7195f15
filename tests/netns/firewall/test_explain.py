# SPDX-License-Identifier: GPL-2.0-or-later
"""``firewall.Explain`` says what the kernel does: verdict, translated target, new source, the way out.

Packets and rule sets are drawn from a seed; each datagram that arrives shows from where and to whom it came.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from patronus.core.errors import InvalidConfiguration, InvalidRequest, NotFound
from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.explain import Explain, Explanation
from tests.netns.firewall.driver import Firewall
from tests.netns.firewall.generated import HOSTS, PORTS, ROUTER, Sent, files, packets
from tests.netns.lab import Lab, settle

SEED = os.environ.get("PATRONUS_SEED", "1")
RULE_SETS = 4
PACKETS = 60
CALLER = Caller("root", Role.ADMIN)
SOURCES = """
nat:
  - {id: n-mine, type: snat, out: wan, source: 192.168.1.31, to: 198.51.100.2}
  - {id: n-1, type: masquerade, out: wan, family: both}
  - {id: n-2, type: dnat, in: wan, protocol: udp, destination_port: 2001, to: "192.168.1.30:2003",
     hairpin: true}
"""


class Inboxes:
    """Datagram sockets on all hosts and the router: who heard what, and from whom."""

    def __init__(self, lab: Lab) -> None:
        places = [(lab.router, item) for item in ROUTER]
        places += [(lab.hosts[name].namespace, item) for name, found in HOSTS.items() for item in found]
        self._open: dict[socket.socket, tuple[str, int]] = {}
        for namespace, address in places:
            for port in PORTS:
                inbox = namespace.socket(6 if ":" in address else 4, socket.SOCK_DGRAM)
                inbox.bind((address, port))
                self._open[inbox] = (address, port)

    def heard(self) -> dict[bytes, tuple[str, int, str]]:
        """Return payload → address and port at which it came out, and its source; empty everything."""
        found = {}
        while ready := select.select(list(self._open), [], [], 0)[0]:
            for inbox in ready:
                payload, sender = inbox.recvfrom(100)
                found[payload] = (*self._open[inbox], sender[0])
        return found

    def close(self) -> None:
        for inbox in self._open:
            inbox.close()


@pytest.fixture
def inboxes(lab: Lab) -> Iterator[Inboxes]:
    for name, addresses in HOSTS.items():
        more = [item for item in addresses if item not in (lab.hosts[name].ipv4, lab.hosts[name].ipv6)]
        lab.more_addresses(name, *(f"{item}/{64 if ':' in item else 24}" for item in more))
    lab.acquaint()
    found = Inboxes(lab)
    yield found
    found.close()


def send(lab: Lab, inboxes: Inboxes, sent: list[Sent]) -> list[tuple[str, int, str] | None]:
    """Send each datagram from a port of its own; what vanished once is sent again, as it may be unlucky."""
    fates: list[tuple[str, int, str] | None] = [None] * len(sent)
    for _ in range(2):
        missing = [number for number, fate in enumerate(fates) if fate is None]
        payloads = {number: os.urandom(16) for number in missing}
        outboxes = [_send(lab, sent[number], payloads[number]) for number in missing]
        settle()
        heard = inboxes.heard()
        for number in missing:
            fates[number] = heard.get(payloads[number])
        for outbox in outboxes:
            outbox.close()
    return fates


def _send(lab: Lab, item: Sent, payload: bytes) -> socket.socket:
    outbox = lab.hosts[item.host].namespace.socket(6 if ":" in item.source else 4, socket.SOCK_DGRAM)
    outbox.bind((item.source, 0))
    outbox.sendto(payload, (item.destination, item.port))
    return outbox


def ask(lab: Lab, firewall: Firewall, **given: Any) -> Explanation:
    with lab.router:
        return firewall.verbs.explain(CALLER, Explain(**given))


def explained(lab: Lab, firewall: Firewall, item: Sent) -> Explanation:
    return ask(
        lab, firewall, arrives_on=item.host, source=item.source, destination=item.destination,
        protocol=item.protocol, destination_port=item.port,
    )  # fmt: skip


def expected(said: Explanation, item: Sent) -> tuple[str, int, str] | None:
    if said.action != "allow":
        return None
    address, _, port = (said.translated_to or "").rpartition(":")
    return address.strip("[]") or item.destination, int(port or item.port), said.source_address or item.source


def test_what_is_explained_is_what_the_kernel_does(lab: Lab, inboxes: Inboxes) -> None:
    firewall, compared, translated, fates = Firewall(lab), 0, 0, set()
    for number in range(RULE_SETS):
        random = Random(f"explain/{SEED}/{number}")
        made = files(random) | {"nat": SOURCES}
        made.pop("blocklist")
        try:
            firewall.apply(**made)
        except InvalidConfiguration:
            continue
        sent = [Sent(one.host, one.source, one.destination, 17, one.port) for one in packets(random, PACKETS)]
        for item, fate in zip(sent, send(lab, inboxes, sent), strict=True):
            said = explained(lab, firewall, item)
            assert fate == expected(said, item), f"rule set {number} of seed {SEED}: {item}\n{said}\n{made}"
            compared += 1
            translated += said.source_becomes is not None or said.translated_to is not None
            fates.add(said.action)
    assert compared >= PACKETS * 2
    assert translated > 0, "no packet of the sample was translated"
    assert "allow" in fates
    assert len(fates) > 1


RULES = """
rules:
  - {id: r-1, name: no telnet, from: lan, protocol: tcp, destination_port: 23, action: reject}
  - {id: r-2, name: marked, from: lan, to: wan, source: 192.168.1.0/24, action: mark, set_mark: "0x1"}
  - {id: r-3, name: the NAS, from: guest, to: lan, source: 10.10.0.50, protocol: tcp, destination_port: 22,
     action: allow}
"""


def test_each_part_of_the_way_is_said(lab: Lab) -> None:
    firewall = Firewall(lab)
    firewall.apply(rules=RULES, nat=SOURCES, blocklist="prefixes: [{id: b-1, prefix: 203.0.113.0/24}]")
    lab.router.ip("route add default via 198.51.100.9 dev wan")
    out = {"arrives_on": "lan", "source": "192.168.1.30", "destination": "192.0.2.7", "protocol": "tcp"}
    telnet = ask(lab, firewall, **out, destination_port=23)
    assert (telnet.action, telnet.decided_by, telnet.plane) == ("reject", "rule/r-1", "nftables")
    assert telnet.where == "firewall/rules.yaml:3"
    assert telnet.source_by is None
    web = ask(lab, firewall, **out, destination_port=443)
    assert (web.action, web.decided_by) == ("allow", "pair/lan/wan")
    assert (web.leaves_by, web.gateway, web.to_zone) == ("wan", "198.51.100.9", "wan")
    assert (web.source_by, web.source_address) == ("nat/n-1", "198.51.100.2")
    assert [(one.origin, one.why) for one in web.passed] == [
        ("rule/r-1", "another destination port"),
        ("rule/r-2", "fits: mark, and goes on"),
        ("nat/n-2", "another destination"),
    ]
    assert web.text[-1] == "nat/n-1 gives it the source 198.51.100.2."
    knock = {"arrives_on": "guest", "destination": "192.168.1.30", "protocol": "tcp", "destination_port": 22}
    assert ask(lab, firewall, **knock, source="10.10.0.50").decided_by == "rule/r-3"
    stranger = ask(lab, firewall, **knock, source="10.10.0.51")
    assert (stranger.action, stranger.passed[0].why) == ("drop", "another source")
    bad = ask(lab, firewall, **{**knock, "arrives_on": "wan"}, source="203.0.113.9")
    assert (bad.action, bad.decided_by, bad.plane) == ("drop", "blocked", "nftables")
    lab.router.ip("route del default")


def test_the_state_of_the_connection_decides_before_the_rules(lab: Lab) -> None:
    firewall = Firewall(lab)
    firewall.apply(rules=RULES)
    telnet = {
        "arrives_on": "lan", "source": "192.168.1.30", "destination": "198.51.100.9", "protocol": "tcp",
        "destination_port": 23,
    }  # fmt: skip
    found = {state: ask(lab, firewall, **telnet, state=state) for state in ("new", "established", "invalid")}
    assert [(one.action, one.decided_by) for one in found.values()] == [
        ("reject", "rule/r-1"), ("allow", "established"), ("drop", "invalid"),
    ]  # fmt: skip
    asked = {"arrives_on": "lan", "source": "fe80::9", "destination": "fd00:1::1", "protocol": "icmpv6"}
    neighbour = ask(lab, firewall, **asked, icmp_type="neighbour-solicitation")
    assert neighbour.decided_by == "neighbour-discovery"


def test_what_cannot_be_explained_is_refused(lab: Lab) -> None:
    firewall = Firewall(lab)
    firewall.apply(rules=RULES)
    some = {"arrives_on": "lan", "source": "192.168.1.30", "destination": "198.51.100.9", "protocol": "tcp"}
    with pytest.raises(NotFound, match="no zone or device"):
        ask(lab, firewall, **{**some, "arrives_on": "attic"})
    with pytest.raises(NotFound, match="no route"):
        ask(lab, firewall, **{**some, "destination": "192.0.2.7"})
    with pytest.raises(InvalidRequest, match="IPv6"):
        ask(lab, firewall, **{**some, "destination": "fd00:2::9"})
