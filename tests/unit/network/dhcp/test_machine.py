# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine does what RFC 2131 section 4.3 asks for in each state that a client can be in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.network.dhcp.codec import BROADCAST_FLAG, Code, Kind, decode
from patronus.network.dhcp.config import Reservation, ServerConfig, read_address
from patronus.network.dhcp.lease import State
from patronus.network.dhcp.machine import DECLINE_TIME_S, Dropped
from patronus.network.dhcp.reply import Way
from tests.unit.network.dhcp.packets import (
    FIRST,
    LAST,
    POOL,
    PRINTER,
    PRINTER_MAC,
    SERVER,
    bind,
    discover,
    kind_of,
    machine,
    packet,
    select,
    with_pool,
)

ELSEWHERE = read_address("10.9.9.9")


def test_discover_is_offered_an_address_of_the_range_and_writes_nothing() -> None:
    outcome = discover(machine())
    assert kind_of(outcome) is Kind.OFFER
    assert outcome.reply is not None
    assert FIRST <= outcome.reply.packet.yiaddr <= LAST
    assert outcome.change is None


def test_offer_and_ack_carry_what_the_client_needs() -> None:
    server = machine()
    outcome = select(server, 1, bind(server))
    assert outcome.reply is not None
    options = decode(outcome.reply.bytes()).options
    assert options[Code.SERVER_ID] == SERVER.to_bytes(4)
    assert options[Code.LEASE_TIME] == (3600).to_bytes(4)
    assert options[Code.RENEWAL_TIME] == (1800).to_bytes(4)
    assert options[Code.REBINDING_TIME] == (3150).to_bytes(4)
    assert options[Code.SUBNET_MASK] == b"\xff\xff\xff\0"
    assert options[Code.ROUTER] == SERVER.to_bytes(4)


def test_only_listed_options_are_sent_where_the_client_lists_them() -> None:
    reply = machine().handle(packet(Kind.DISCOVER, given={Code.PARAMETER_LIST: b"\x0f"}), "lan0", 0.0).reply
    assert reply is not None
    assert reply.packet.options[Code.DOMAIN_NAME] == b"home.arpa"
    assert Code.ROUTER not in reply.packet.options


class TestSelecting:
    def test_the_offered_address_is_acknowledged_and_leased(self) -> None:
        server = machine()
        address = bind(server, now_s=10.0)
        lease = server.table.at(POOL.network, address)
        assert lease is not None
        assert (lease.state, lease.start_s, lease.end_s) == (State.ACTIVE, 10.0, 3610.0)

    def test_a_client_that_chose_another_server_gets_nothing_and_frees_its_offer(self) -> None:
        server = machine(pools=(with_pool(ranges=((FIRST, FIRST),)),))
        assert kind_of(discover(server, 1)) is Kind.OFFER
        assert discover(server, 2).dropped is Dropped.POOL_EMPTY
        options = {Code.SERVER_ID: ELSEWHERE, Code.REQUESTED_ADDRESS: FIRST}
        outcome = server.handle(packet(Kind.REQUEST, 1, given=options), "lan0", 1.0)
        assert outcome.dropped is Dropped.OTHER_SERVER
        assert kind_of(discover(server, 2, 1.0)) is Kind.OFFER

    def test_an_address_of_another_client_is_refused(self) -> None:
        server = machine()
        taken = bind(server, 1)
        assert kind_of(select(server, 2, taken)) is Kind.NAK
        assert kind_of(select(server, 1, taken)) is Kind.ACK

    def test_an_address_outside_the_ranges_is_refused(self) -> None:
        server = machine()
        assert kind_of(select(server, 1, SERVER)) is Kind.NAK
        assert kind_of(select(server, 1, LAST + 1)) is Kind.NAK
        assert kind_of(select(server, 1, LAST)) is Kind.ACK

    def test_without_an_address_nothing_is_answered(self) -> None:
        outcome = machine().handle(packet(Kind.REQUEST, given={Code.SERVER_ID: SERVER}), "lan0", 0.0)
        assert outcome.dropped is Dropped.INCOMPLETE


class TestInitReboot:
    def ask(self, address: int, *, known: bool, hardware: int = 1) -> Kind | None | Dropped:
        server = machine()
        if known:
            bind(server, hardware)
        outcome = server.handle(packet(Kind.REQUEST, 1, given={Code.REQUESTED_ADDRESS: address}), "lan0", 5.0)
        return outcome.dropped or kind_of(outcome)

    def test_the_clients_own_lease_is_confirmed(self) -> None:
        server = machine()
        address = bind(server)
        options = {Code.REQUESTED_ADDRESS: address}
        assert kind_of(server.handle(packet(Kind.REQUEST, given=options), "lan0", 5.0)) is Kind.ACK

    def test_another_subnet_is_refused(self) -> None:
        assert self.ask(ELSEWHERE, known=False) is Kind.NAK

    def test_another_address_than_the_clients_is_refused(self) -> None:
        assert self.ask(SERVER, known=True) is Kind.NAK

    def test_an_unknown_client_hears_nothing(self) -> None:
        """RFC 2131 section 4.3.2: the server MUST remain silent."""
        assert self.ask(FIRST, known=False) is Dropped.UNKNOWN_CLIENT


class TestRenewing:
    def test_the_lease_is_prolonged_from_now(self) -> None:
        server = machine()
        address = bind(server, now_s=0.0)
        outcome = server.handle(packet(Kind.REQUEST, ciaddr=address), "lan0", 1800.0)
        assert kind_of(outcome) is Kind.ACK
        assert outcome.action == "renewed"
        assert outcome.change is not None
        assert (outcome.change.start_s, outcome.change.end_s) == (0.0, 5400.0)
        assert outcome.reply is not None
        assert (outcome.reply.way, outcome.reply.address) == (Way.UNICAST, address)

    def test_a_lease_that_ended_and_went_to_another_is_refused(self) -> None:
        server = machine(pools=(with_pool(ranges=((FIRST, FIRST),)),))
        assert bind(server, 1, 0.0) == bind(server, 2, 4000.0) == FIRST
        assert kind_of(server.handle(packet(Kind.REQUEST, 1, ciaddr=FIRST), "lan0", 4001.0)) is Kind.NAK

    def test_an_address_that_nobody_has_is_granted_although_the_lease_was_lost(self) -> None:
        """RFC 2131 section 4.3.2: the server trusts the client's value of ciaddr."""
        assert kind_of(machine().handle(packet(Kind.REQUEST, ciaddr=FIRST), "lan0", 0.0)) is Kind.ACK

    def test_a_client_from_another_network_is_refused(self) -> None:
        outcome = machine().handle(packet(Kind.REQUEST, ciaddr=ELSEWHERE), "lan0", 0.0)
        assert kind_of(outcome) is Kind.NAK
        assert outcome.reply is not None
        assert outcome.reply.way is Way.BROADCAST

    def test_a_client_whose_address_was_reserved_elsewhere_is_moved(self) -> None:
        server = machine()
        old = bind(server, 1)
        reserved = Reservation("moved", PRINTER, mac="02:00:00:00:00:01")
        server.configure(ServerConfig((with_pool(reservations=(reserved,)),)))
        assert kind_of(server.handle(packet(Kind.REQUEST, 1, ciaddr=old), "lan0", 1.0)) is Kind.NAK
        assert bind(server, 1, 2.0) == PRINTER


class TestDecline:
    def test_the_address_is_kept_from_everyone_for_a_while(self) -> None:
        server = machine(pools=(with_pool(ranges=((FIRST, FIRST),)),))
        bind(server)
        options = {Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: FIRST}
        outcome = server.handle(packet(Kind.DECLINE, given=options), "lan0", 1.0)
        assert outcome.reply is None
        assert outcome.change is not None
        assert outcome.change.state is State.DECLINED
        assert discover(server, 1, 2.0).dropped is Dropped.POOL_EMPTY
        assert discover(server, 2, 2.0).dropped is Dropped.POOL_EMPTY
        assert kind_of(discover(server, 2, 2.0 + DECLINE_TIME_S)) is Kind.OFFER

    def test_nobody_declines_anothers_address(self) -> None:
        server = machine()
        address = bind(server, 1)
        options = {Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: address}
        assert server.handle(packet(Kind.DECLINE, 2, given=options), "lan0", 1.0).change is None


class TestRelease:
    def release(self, hardware: int) -> bool:
        """Return whether another client can have the only address after ``hardware`` released it."""
        server = machine(pools=(with_pool(ranges=((FIRST, FIRST),)),))
        bind(server, 1)
        options = {Code.SERVER_ID: SERVER}
        server.handle(packet(Kind.RELEASE, hardware, ciaddr=FIRST, given=options), "lan0", 1.0)
        return kind_of(discover(server, 2, 2.0)) is Kind.OFFER

    def test_a_released_address_goes_to_the_next(self) -> None:
        assert self.release(1)

    def test_nobody_releases_anothers_address(self) -> None:
        assert not self.release(3)

    def test_a_client_that_comes_back_gets_its_address_again(self) -> None:
        server = machine()
        address = bind(server, 1)
        server.handle(packet(Kind.RELEASE, 1, ciaddr=address, given={Code.SERVER_ID: SERVER}), "lan0", 1.0)
        assert bind(server, 2, 2.0) != address
        assert bind(server, 1, 3.0) == address


def test_inform_gives_options_and_no_lease() -> None:
    outcome = machine().handle(packet(Kind.INFORM, ciaddr=PRINTER), "lan0", 0.0)
    assert kind_of(outcome) is Kind.ACK
    assert outcome.change is None
    assert outcome.reply is not None
    assert outcome.reply.packet.yiaddr == 0
    assert Code.LEASE_TIME not in outcome.reply.packet.options
    assert outcome.reply.packet.options[Code.ROUTER] == SERVER.to_bytes(4)
    assert machine().handle(packet(Kind.INFORM, ciaddr=ELSEWHERE), "lan0", 0.0).dropped is Dropped.NO_POOL


class TestReservations:
    def test_the_host_gets_its_address_and_its_name(self) -> None:
        server = machine()
        assert bind(server, PRINTER_MAC) == PRINTER
        lease = server.table.at(POOL.network, PRINTER)
        assert lease is not None
        assert lease.hostname == "printer"

    def test_nobody_else_does(self) -> None:
        server = machine(pools=(with_pool(ranges=((PRINTER, PRINTER),)),))
        assert discover(server, 1).dropped is Dropped.POOL_EMPTY
        assert kind_of(select(server, 1, PRINTER)) is Kind.NAK
        assert bind(server, PRINTER_MAC) == PRINTER

    def test_a_client_identifier_names_the_host_whatever_its_mac(self) -> None:
        kept = Reservation("phone", PRINTER, client_id="ff0102")
        server = machine(pools=(with_pool(reservations=(kept,)),))
        for hardware in (5, 6):
            asked = packet(Kind.DISCOVER, hardware, given={Code.CLIENT_ID: b"\xff\1\2"})
            reply = server.handle(asked, "lan0", 0.0).reply
            assert reply is not None
            assert reply.packet.yiaddr == PRINTER
            assert reply.packet.options[Code.CLIENT_ID] == b"\xff\1\2"


def test_one_mac_on_two_networks_has_two_leases() -> None:
    guest = replace(
        POOL,
        id="guest",
        device="guest0",
        subnet=type(POOL.subnet)("10.10.0.0/24"),
        server=read_address("10.10.0.1"),
        ranges=((read_address("10.10.0.5"), read_address("10.10.0.9")),),
        reservations=(),
    )
    server = machine(pools=(POOL, guest))
    first = bind(server, 1)
    offered = server.handle(packet(Kind.DISCOVER, 1), "guest0", 0.0).reply
    assert offered is not None
    options = {Code.SERVER_ID: guest.server, Code.REQUESTED_ADDRESS: offered.packet.yiaddr}
    assert kind_of(server.handle(packet(Kind.REQUEST, 1, given=options), "guest0", 0.0)) is Kind.ACK
    assert server.table.at(POOL.network, first) is not None
    assert server.table.at(guest.network, offered.packet.yiaddr) is not None


def test_two_client_identifiers_behind_one_mac_have_two_leases() -> None:
    server = machine()
    addresses = set()
    for identifier in (b"\1aaaaaa", b"\1bbbbbb"):
        reply = server.handle(packet(Kind.DISCOVER, 1, given={Code.CLIENT_ID: identifier}), "lan0", 0.0).reply
        assert reply is not None
        addresses.add(reply.packet.yiaddr)
    assert len(addresses) == 2


def test_a_full_pool_offers_nothing_until_a_lease_ends() -> None:
    server = machine()
    assert len({bind(server, number) for number in range(1, 5)}) == 4
    assert discover(server, 9, 3599.0).dropped is Dropped.POOL_EMPTY
    assert kind_of(discover(server, 9, 3601.0)) is Kind.OFFER


def test_an_offer_holds_its_address_for_seconds_only() -> None:
    server = machine(pools=(with_pool(ranges=((FIRST, FIRST),)),))
    discover(server, 1, 0.0)
    assert discover(server, 2, 1.0).dropped is Dropped.POOL_EMPTY
    assert kind_of(discover(server, 2, 31.0)) is Kind.OFFER


def test_a_flood_of_invented_clients_takes_no_more_memory_than_the_pool_has_addresses() -> None:
    server = machine()
    for number in range(1, 500):
        discover(server, number, now_s=number * 40.0)
    assert server.offers <= POOL.size


def test_a_device_without_a_pool_gets_nothing() -> None:
    assert machine().handle(packet(Kind.DISCOVER), "wan0", 0.0).dropped is Dropped.NO_POOL


@pytest.mark.parametrize(
    ("fields", "way", "address"),
    [
        ({}, Way.LINK, None),
        ({"flags": BROADCAST_FLAG}, Way.BROADCAST, 0xFFFFFFFF),
        ({"hardware_type": 6}, Way.BROADCAST, 0xFFFFFFFF),
        ({"giaddr": PRINTER}, Way.RELAY, PRINTER),
    ],
)
def test_replies_take_the_way_that_the_client_can_hear(
    fields: dict[str, Any], way: Way, address: int | None
) -> None:
    """RFC 2131 section 4.1."""
    reply = machine().handle(packet(Kind.DISCOVER, **fields), "lan0", 0.0).reply
    assert reply is not None
    assert reply.way is way
    assert reply.address == (reply.packet.yiaddr if address is None else address)


def test_a_relays_option_comes_back_last() -> None:
    """RFC 3046 section 2.2."""
    asked = packet(Kind.DISCOVER, giaddr=PRINTER, given={Code.RELAY_AGENT: b"\1\2ab"})
    reply = machine().handle(asked, "wan0", 0.0).reply
    assert reply is not None
    assert list(reply.packet.options)[-1] == Code.RELAY_AGENT


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({Code.HOSTNAME: b"Laptop"}, "laptop"),
        ({Code.HOSTNAME: b"laptop.example\0"}, "laptop"),
        ({Code.HOSTNAME: b"two words"}, ""),
        ({Code.HOSTNAME: b"\xff\xfe"}, ""),
        ({Code.HOSTNAME: b"-x-"}, ""),
        ({Code.CLIENT_FQDN: b"\0\0\0tv.example", Code.HOSTNAME: b"other"}, "tv"),
        ({Code.CLIENT_FQDN: b"\4\0\0\2tv\0"}, "tv"),
        ({Code.CLIENT_FQDN: b"\4"}, ""),
    ],
)
def test_only_a_label_becomes_a_name(options: dict[int, bytes], name: str) -> None:
    given = {Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: FIRST, **options}
    change = machine().handle(packet(Kind.REQUEST, given=given), "lan0", 0.0).change
    assert change is not None
    assert change.hostname == name


def test_a_shorter_lease_is_given_where_the_client_asks_for_one() -> None:
    asked = packet(Kind.DISCOVER, given={Code.LEASE_TIME: (600).to_bytes(4)})
    reply = machine().handle(asked, "lan0", 0.0).reply
    assert reply is not None
    assert reply.packet.options[Code.LEASE_TIME] == (600).to_bytes(4)
    reply = machine().handle(packet(Kind.DISCOVER, given={Code.LEASE_TIME: b"\xff" * 4}), "lan0", 0.0).reply
    assert reply is not None
    assert reply.packet.options[Code.LEASE_TIME] == (3600).to_bytes(4)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([Kind.DISCOVER, Kind.REQUEST, Kind.RELEASE, Kind.DECLINE, Kind.INFORM]),
        st.integers(1, 6),
        st.integers(FIRST - 1, LAST + 1),
        st.booleans(),
        st.booleans(),
        st.floats(0.0, 2000.0),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(ACTIONS)
def test_no_address_is_ever_in_two_hands(actions: list[tuple[Kind, int, int, bool, bool, float]]) -> None:
    """Whatever the clients send, an ACK never gives an address that another client holds."""
    server = machine()
    holders: dict[int, tuple[str, float]] = {}
    now_s = 0.0
    for kind, hardware, address, selecting, own, passed_s in actions:
        now_s += passed_s
        options: dict[int, int] = {Code.SERVER_ID: SERVER} if selecting else {}
        ciaddr = 0 if own else address
        options |= {Code.REQUESTED_ADDRESS: address} if own or kind is Kind.DECLINE else {}
        outcome = server.handle(packet(kind, hardware, ciaddr=ciaddr, given=options), "lan0", now_s)
        change = outcome.change
        if change is not None and change.state is not State.ACTIVE:
            assert change.state is State.DECLINED or holders[change.address][0] == change.client
            holders.pop(change.address)
        elif change is not None:
            client, end_s = holders.get(change.address, (change.client, 0.0))
            assert client == change.client or end_s <= now_s
            # A client has one address on a network: who takes another one has left the first.
            holders = {held: by for held, by in holders.items() if by[0] != change.client}
            holders[change.address] = (change.client, change.end_s)
            assert POOL.in_ranges(change.address)
