# SPDX-License-Identifier: GPL-2.0-or-later
"""Mappings, pools and exceptions on real packets, each with its deny twin; and explain says the same."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.explain import Explain, Explanation
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Host, Lab

MAPPED = "{id: n-1, type: one-to-one, zone: wan, inside: 192.168.1.16/28, outside: 203.0.113.16/28%s}"
PREFIX = '{id: n-1, type: nptv6, zone: wan, inside: "fd00:1::/64", outside: "2001:db8:5::/64"%s}'
FORWARD = "{id: n-2, type: dnat, in: wan, destination_port: 8443, to: '192.168.1.30:443'}"


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    """Outside, the mapped addresses are routed to the router."""
    lab.wan.namespace.ip("route add 203.0.113.0/24 via 198.51.100.2")
    lab.wan.namespace.ip("-6 route add 2001:db8:5::/64 via 2001:db8:1::2")
    lab.more_addresses("lan", "192.168.1.17/24", "192.168.1.18/24")
    return Firewall(lab)


def nat(*entries: str) -> str:
    return "nat:\n" + "".join(f"  - {entry}\n" for entry in entries)


def seen_from(lab: Lab, name: str, source: str) -> str:
    """Return the address that a server on wan sees of a client."""
    version = ip_address(source).version
    with (
        lab.wan.serving(80, version),
        lab.hosts[name].stream(lab.wan.address(version), 80, source) as connection,
    ):
        return connection.recv(100).decode().strip()


def explained(firewall: Firewall, lab: Lab, zone: str, source: str, destination: str) -> Explanation:
    asked = {"arrives_on": zone, "source": source, "destination": destination, "protocol": "tcp"}
    with lab.router:
        given = Explain.model_validate({**asked, "destination_port": 80})
        return firewall.verbs.explain(Caller("anna", Role.VIEWER), given)


def test_a_mapping_shows_each_host_as_its_own_address(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(nat=nat(MAPPED % ""))
    assert seen_from(lab, "lan", "192.168.1.17") == "203.0.113.17"
    assert seen_from(lab, "lan", "192.168.1.18") == "203.0.113.18"
    told = explained(firewall, lab, "lan", "192.168.1.18", lab.wan.ipv4)
    assert (told.source_becomes, told.source_by) == ("203.0.113.18", "nat/n-1")
    firewall.apply(nat=nat(MAPPED % ", enabled: false"))
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    assert seen_from(lab, "lan", "192.168.1.17") == "192.168.1.17"


def test_a_mapping_lets_in_what_its_rule_or_another_allows(lab: Lab, firewall: Firewall) -> None:
    with Host(lab.lan.namespace, "192.168.1.18", lab.lan.ipv6).serving(80):
        firewall.apply(nat=nat(MAPPED % ", rule: true"))
        assert lab.wan.reaches("203.0.113.18", 80)
        assert not lab.wan.reaches("203.0.113.17", 80), "each address has its own host"
        told = explained(firewall, lab, "wan", lab.wan.ipv4, "203.0.113.18")
        assert (told.action, told.translated_to, told.translated_by) == (
            "allow",
            "192.168.1.18:80",
            "nat/n-1",
        )
        firewall.apply(nat=nat(MAPPED % ""))
        assert not lab.wan.reaches("203.0.113.18", 80)
        allow = "rules:\n  - {id: r-1, from: wan, to: lan, destination: 192.168.1.18, action: allow}\n"
        firewall.apply(nat=nat(MAPPED % ""), rules=allow)
        assert lab.wan.reaches("203.0.113.18", 80)


def test_a_mapping_hairpins_by_its_switch(lab: Lab, firewall: Firewall) -> None:
    with Host(lab.lan.namespace, "192.168.1.18", lab.lan.ipv6).serving(80):
        firewall.apply(nat=nat(MAPPED % ", rule: true, hairpin: true"))
        with lab.lan.stream("203.0.113.18", 80, source="192.168.1.17") as connection:
            assert connection.recv(100).decode().strip() == "192.168.1.1", "the answer passes the router"
        told = explained(firewall, lab, "lan", "192.168.1.17", "203.0.113.18")
        assert (told.translated_to, told.source_becomes) == ("192.168.1.18:80", "the address of lan")
        assert lab.guest.reaches("203.0.113.18", 80)
        firewall.apply(nat=nat(MAPPED % ", rule: true"))
        assert not lab.lan.reaches("203.0.113.18", 80, source="192.168.1.17")
        assert not lab.guest.reaches("203.0.113.18", 80)


def test_nptv6_changes_the_prefix_and_keeps_the_host(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(nat=nat(PREFIX % ", rule: true"))
    assert seen_from(lab, "lan", lab.lan.ipv6) == "2001:db8:5::30"
    with lab.lan.serving(80, 6):
        assert lab.wan.reaches("2001:db8:5::30", 80)
        firewall.apply(nat=nat(PREFIX % ""))
        assert not lab.wan.reaches("2001:db8:5::30", 80)
        firewall.apply(nat=nat(PREFIX % ", enabled: false"))
    lab.wan.namespace.ip("-6 route add fd00:1::/64 via 2001:db8:1::2")
    assert seen_from(lab, "lan", lab.lan.ipv6) == lab.lan.ipv6


def test_a_pool_gives_a_source_the_same_address_every_time(lab: Lab, firewall: Firewall) -> None:
    pool = "{id: n-1, type: snat, out: wan, source: 10.10.0.0/24, to: 203.0.113.4-203.0.113.7}"
    sources = [f"10.10.0.{number}" for number in range(60, 70)]
    lab.more_addresses("guest", *(f"{source}/24" for source in sources))
    firewall.apply(nat=nat(pool, "{id: n-2, type: masquerade, out: wan}"))
    seen = {source: seen_from(lab, "guest", source) for source in sources}
    assert set(seen.values()) <= {f"203.0.113.{number}" for number in range(4, 8)}
    assert len(set(seen.values())) > 1, "several are used"
    assert seen_from(lab, "guest", sources[0]) == seen[sources[0]]
    assert seen_from(lab, "lan", lab.lan.ipv4) == "198.51.100.2", "others are not its sources"
    assert explained(firewall, lab, "guest", sources[0], lab.wan.ipv4).source_becomes == (
        "203.0.113.4-203.0.113.7"
    )


def test_an_exception_leaves_the_source_alone(lab: Lab, firewall: Firewall) -> None:
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    spare = "{id: n-0, type: exempt, out: wan, source: 192.168.1.17, protocol: tcp, destination_port: %s}"
    hide = "{id: n-1, type: masquerade, out: wan}"
    firewall.apply(nat=nat(spare % 80, hide))
    assert seen_from(lab, "lan", "192.168.1.17") == "192.168.1.17"
    assert seen_from(lab, "lan", "192.168.1.18") == "198.51.100.2"
    assert explained(firewall, lab, "lan", "192.168.1.17", lab.wan.ipv4).source_becomes is None
    firewall.apply(nat=nat(spare % 81, hide))
    assert seen_from(lab, "lan", "192.168.1.17") == "198.51.100.2"


def test_an_exception_keeps_a_connection_from_being_forwarded(lab: Lab, firewall: Firewall) -> None:
    lab.more_addresses("wan", "198.51.100.10/24")
    spare = "{id: n-1, type: exempt, in: wan, source: 198.51.100.10%s}"
    with lab.lan.serving(443):
        firewall.apply(nat=nat(spare % "", FORWARD))
        assert lab.wan.reaches("198.51.100.2", 8443)
        assert not lab.wan.reaches("198.51.100.2", 8443, source="198.51.100.10")
        firewall.apply(nat=nat(spare % ", enabled: false", FORWARD))
        assert lab.wan.reaches("198.51.100.2", 8443, source="198.51.100.10")


def test_masquerading_can_be_for_some_destinations(lab: Lab, firewall: Firewall) -> None:
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    hide = "{id: n-1, type: masquerade, out: wan, destination: %s}"
    firewall.apply(nat=nat(hide % "198.51.100.9"))
    assert seen_from(lab, "lan", "192.168.1.17") == "198.51.100.2"
    firewall.apply(nat=nat(hide % "198.51.100.10"))
    assert seen_from(lab, "lan", "192.168.1.17") == "192.168.1.17"


def test_a_mapping_stands_again_after_it_was_put_back(lab: Lab, firewall: Firewall) -> None:
    """A daemon that starts again and fails puts back what it found: prefixes stay prefixes."""
    firewall.apply(nat=nat(MAPPED % ""))
    firewall.restart()
    with lab.router:
        step = next(iter(firewall.feature.steps(firewall.feature._plan, None)))
        step.do()
        step.undo()
    assert seen_from(lab, "lan", "192.168.1.18") == "203.0.113.18"
