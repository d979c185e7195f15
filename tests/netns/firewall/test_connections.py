# SPDX-License-Identifier: GPL-2.0-or-later
"""Open connections: found by any field, ended by any, with the caller's own left alone."""

from __future__ import annotations

from typing import Any

import pytest

from patronus.core.errors import InvalidRequest
from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.connections import (
    ConnectionInfo,
    ConnectionVerbs,
    EndConnections,
    ListConnections,
)
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Lab, silent

ADMIN = Caller("root", Role.ADMIN)
RULES = "rules: [{id: r-1, from: guest, to: lan, action: allow}]\n"
NAT = """
nat:
  - {id: n-1, type: masquerade, out: wan}
  - {id: n-2, type: dnat, in: wan, destination_port: 8443, to: '192.168.1.30:443'}
"""


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    return Firewall(lab)


@pytest.fixture
def verbs(firewall: Firewall) -> ConnectionVerbs:
    feature = firewall.feature
    found = next(verb.handler for verb in feature.verbs() if verb.name == "connections.List")
    owner: ConnectionVerbs = found.__self__  # type: ignore[attr-defined]
    return owner


def listed(lab: Lab, verbs: ConnectionVerbs, **given: Any) -> list[ConnectionInfo]:
    with lab.router:
        return list(verbs.list_connections(ADMIN, ListConnections.model_validate(given)).connections)


def test_a_connection_is_found_by_each_of_its_fields(
    lab: Lab, firewall: Firewall, verbs: ConnectionVerbs
) -> None:
    firewall.apply(nat=NAT, rules=RULES)
    with (
        lab.wan.serving(80),
        lab.lan.serving(443),
        lab.guest.stream(lab.wan.ipv4, 80),
        lab.wan.stream("198.51.100.2", 8443),
    ):
        outward = {"source": "10.10.0.0/24", "destination": lab.wan.ipv4, "protocol": "tcp"}
        (one,) = listed(lab, verbs, **outward, destination_port=80, state="established", zone="guest")
        assert one.source.startswith("10.10.0.50:")
        assert one.destination == "198.51.100.9:80"
        assert (one.seen_as or "").startswith("198.51.100.2:"), "masqueraded"
        assert one.goes_to is None
        (inward,) = listed(lab, verbs, translated="destination")
        assert (inward.destination, inward.goes_to) == ("198.51.100.2:8443", "192.168.1.30:443")
        for fits in ({"address": "192.168.1.30"}, {"port": 443}, {"id": inward.id}, {"zone": "wan"}):
            assert [item.id for item in listed(lab, verbs, **fits)] == [inward.id]
        assert {item.id for item in listed(lab, verbs)} >= {one.id, inward.id}
        for other in ({"port": 81}, {"state": "close"}, {"protocol": "udp"}, {"mark": 7}, {"zone": "lan"}):
            assert not listed(lab, verbs, **outward | other)


def test_only_what_fits_is_ended(lab: Lab, firewall: Firewall, verbs: ConnectionVerbs) -> None:
    """An ended connection meets the rules again, so without a rule that allows it, it stays silent."""
    firewall.apply(rules=RULES)
    with lab.lan.serving(22), lab.lan.serving(23):
        first, second = lab.guest.stream(lab.lan.ipv4, 22), lab.guest.stream(lab.lan.ipv4, 23)
        assert first.recv(100)
        assert second.recv(100)
        with lab.router:
            lab.router.run("nft", "flush", "chain", "inet", "patronus", "pair/guest/lan")
            assert verbs.end(ADMIN, EndConnections(destination_port=22)).ended == 1
        assert not listed(lab, verbs, destination_port=22)
        second.sendall(b"goes on")
        assert second.recv(100) == b"goes on"
        first.sendall(b"is a stranger now")
        assert silent(first)
        first.close()
        second.close()


def test_the_callers_own_connections_end_by_their_name_alone(
    lab: Lab, firewall: Firewall, verbs: ConnectionVerbs
) -> None:
    firewall.apply(rules=RULES)
    caller = Caller("anna", Role.OPERATOR, origin=f"web {lab.guest.ipv4}")
    with lab.lan.serving(22), lab.guest.stream(lab.lan.ipv4, 22), lab.router:
        report = verbs.end(caller, EndConnections(protocol=("tcp",)))
        assert (report.ended, report.spared) == (0, 1)
        (one,) = listed(lab, verbs, destination_port=22)
        assert verbs.end(caller, EndConnections(id=one.id)).ended == 1


def test_everything_is_ended_only_when_that_is_said(
    lab: Lab, firewall: Firewall, verbs: ConnectionVerbs
) -> None:
    firewall.apply(rules=RULES)
    with lab.lan.serving(22), lab.guest.stream(lab.lan.ipv4, 22), lab.router:
        with pytest.raises(InvalidRequest, match="every connection"):
            verbs.end(ADMIN, EndConnections())
        assert verbs.end(ADMIN, EndConnections(all=True)).ended >= 1
        assert not listed(lab, verbs, destination_port=22)


def test_a_connection_is_forgotten_after_its_time(
    lab: Lab, firewall: Firewall, verbs: ConnectionVerbs
) -> None:
    """The size of the table belongs to the machine: in a namespace it stays, and nothing fails for it."""
    firewall.apply(rules=RULES, conntrack="table_size: 5000\ntimeouts: {udp: 500s}\n")
    assert lab.guest.udp(lab.lan.ipv4, 9, lab.lan)
    (one,) = listed(lab, verbs, protocol="udp", destination_port=9)
    assert 400 < one.remaining_s <= 500
    firewall.apply(rules=RULES)
    assert lab.guest.udp(lab.lan.ipv4, 10, lab.lan)
    (one,) = listed(lab, verbs, protocol="udp", destination_port=10)
    assert one.remaining_s <= 30
