# SPDX-License-Identifier: GPL-2.0-or-later
"""What agents pass on from other links: how it is wrapped, whom is believed, each network apart."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp6 import (
    DHCP6_RelayForward,
    DHCP6_RelayReply,
    DHCP6_Solicit,
    DHCP6OptClientLinkLayerAddr,
    DHCP6OptIfaceId,
    DHCP6OptRelayMsg,
)

from patronus.network.dhcp6.codec import Code, Kind, MalformedPacket, decode, encode, option
from patronus.network.dhcp6.config import Config, Reservation
from patronus.network.dhcp6.prefixes import Prefix
from patronus.network.dhcp6.question import Dropped
from patronus.network.dhcp6.relay import Agent, Hop, is_relayed, unwrap, wrap
from tests.unit.network.dhcp6.packets import NOW_S, POOL, SERVER, number, server

BRANCH = IPv6Network("2001:db8:9::/64")
RELAY, HOST = number("2001:db8:9::1"), number("fe80::ff:fe00:55")
BEHIND = replace(
    POOL, id="branch6", prefixes=(Prefix(BRANCH, 2**32 - 1, 2**32 - 1),), relays=frozenset({RELAY}),
    reservations=(),
)  # fmt: skip
AGENT = Agent(RELAY, RELAY)
DUID = bytes.fromhex("00030001020000000055")
ASK = encode(Kind.SOLICIT, 7, [(Code.CLIENT_ID, DUID), (Code.IA_NA, bytes(12))])


def asked(agent: Agent | None, kind: Kind = Kind.SOLICIT) -> Any:
    """Ask a router that serves its own network and one behind a relay."""
    machine = server()
    machine.configure(Config((POOL, BEHIND)))
    data = [(Code.CLIENT_ID, DUID), (Code.IA_NA, bytes(12))]
    named = [(Code.SERVER_ID, SERVER)] if kind == Kind.REQUEST else []
    packet = decode(encode(kind, 7, [*data, *named]))
    return machine.handle(packet, "lan0", SERVER, HOST, NOW_S, agent=agent)


def test_what_an_agent_wraps_is_read_and_the_answer_goes_back_the_same_way() -> None:
    inner = DHCP6_RelayForward(linkaddr="2001:db8:9::1", peeraddr="fe80::55")
    inner /= DHCP6OptIfaceId(ifaceid=b"port 7") / DHCP6OptRelayMsg(message=DHCP6_Solicit(trid=7))
    outer = DHCP6_RelayForward(hopcount=1, linkaddr="::", peeraddr="2001:db8:9::1")
    found = unwrap(bytes(outer / DHCP6OptRelayMsg(message=inner)))
    assert found.message == bytes(DHCP6_Solicit(trid=7))
    assert (found.link, found.host) == (RELAY, number("fe80::55"))
    assert found.hops == (Hop(1, 0, RELAY), Hop(0, RELAY, number("fe80::55"), b"port 7"))
    back = DHCP6_RelayReply(wrap(found.hops, ASK))
    assert (back.hopcount, back.linkaddr, back.peeraddr) == (1, "::", "2001:db8:9::1")
    within = DHCP6_RelayReply(bytes(back[DHCP6OptRelayMsg].message))
    assert (within.linkaddr, within.peeraddr) == ("2001:db8:9::1", "fe80::55")
    assert within[DHCP6OptIfaceId].ifaceid == b"port 7"
    assert bytes(within[DHCP6OptRelayMsg].message) == ASK


def test_the_mac_that_the_agent_next_to_the_host_heard_is_the_hosts() -> None:
    """RFC 6939; what agents further on say of each other is not."""
    first = DHCP6_RelayForward(linkaddr="2001:db8:9::1", peeraddr="fe80::55")
    first /= DHCP6OptClientLinkLayerAddr(clladdr="02:00:00:00:00:77")
    second = DHCP6_RelayForward(hopcount=1, peeraddr="2001:db8:9::1")
    second /= DHCP6OptClientLinkLayerAddr(clladdr="02:00:00:00:00:99")
    second /= DHCP6OptRelayMsg(message=first / DHCP6OptRelayMsg(message=DHCP6_Solicit(trid=7)))
    assert unwrap(bytes(second)).mac == "02:00:00:00:00:77"
    infiniband = HEAD + option(Code.CLIENT_HARDWARE, b"\0\x20" + bytes(20))
    assert unwrap(infiniband + option(Code.RELAY_MESSAGE, ASK)).mac == ""


@pytest.mark.parametrize("value", [b"", b"\0\1", b"\0\1\2\0\0\0\0", b"\0\1" + bytes(8)])
def test_what_is_no_mac_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedPacket, match="no address of a link layer"):
        unwrap(HEAD + option(Code.CLIENT_HARDWARE, value) + option(Code.RELAY_MESSAGE, ASK))


def test_a_reservation_by_mac_is_the_hosts_whose_mac_the_agent_says() -> None:
    """Neither its own address nor its DUID names it; what the agent heard goes before both."""
    kept = Reservation("nas", 0x20, mac="02:00:00:00:00:77")
    machine = server()
    machine.configure(Config((POOL, replace(BEHIND, reservations=(kept,)))))
    packet = decode(encode(Kind.REQUEST, 7, [
        (Code.CLIENT_ID, DUID), (Code.IA_NA, bytes(12)), (Code.SERVER_ID, SERVER),
    ]))  # fmt: skip
    told = AGENT._replace(mac="02:00:00:00:00:77")
    ((_, lease),) = machine.handle(packet, "lan0", SERVER, HOST, NOW_S, agent=told).changes
    assert (lease.address, lease.mac) == (0x20, "02:00:00:00:00:77")
    ((_, other),) = machine.handle(packet, "lan0", SERVER, HOST, NOW_S + 1, agent=AGENT).changes
    assert (other.address != 0x20, other.mac) == (True, "02:00:00:00:00:55")


def test_what_nobody_wrapped_stays_as_it_is() -> None:
    assert not is_relayed(ASK)
    assert unwrap(ASK) == ((), ASK)


HEAD = bytes((12, 0)) + bytes(32)


@pytest.mark.parametrize(
    "data",
    [
        HEAD[:20],
        HEAD,
        HEAD + option(Code.RELAY_MESSAGE, ASK) * 2,
        HEAD + b"\0\x09\0\x50",
        bytes((12,)) * 5000,
    ],
    ids=["short", "nothing in it", "two messages", "cut off", "too large"],
)
def test_what_is_no_wrapping_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        unwrap(data)


def test_agents_in_a_circle_are_refused() -> None:
    data = ASK
    for _ in range(9):
        data = HEAD + option(Code.RELAY_MESSAGE, data)
    with pytest.raises(MalformedPacket):
        unwrap(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_wrapping_or_refused(data: bytes) -> None:
    try:
        unwrap(HEAD[:1] + data)
    except MalformedPacket:
        return


def test_a_host_behind_an_agent_gets_an_address_of_its_network_kept_apart_from_the_others() -> None:
    outcome = asked(AGENT, Kind.REQUEST)
    ((action, lease),) = outcome.changes
    assert (action, lease.interface, lease.network) == ("granted", "lan", f"lan {BRANCH}")
    (own,) = asked(None, Kind.REQUEST).changes
    assert own[1].network == "lan"


@pytest.mark.parametrize(
    "agent",
    [Agent(RELAY + 1, RELAY), Agent(RELAY, number("2001:db8:8::1")), Agent(RELAY, 0)],
    ids=["somebody else", "another network", "no network"],
)
def test_nobody_else_is_believed(agent: Agent) -> None:
    assert asked(agent).dropped is Dropped.UNKNOWN_RELAY


def test_a_pool_is_told_with_its_relays() -> None:
    config = Config((POOL, BEHIND))
    assert Config.from_data(config.as_data()) == config
