# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine does what RFC 2131 section 4.3 asks for in each state that a client can be in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.network.dhcp.codec import BROADCAST_FLAG, Code, Kind, decode
from patronus.network.dhcp.config import ClientClass, Reservation, ServerConfig, read_address
from patronus.network.dhcp.lease import State
from patronus.network.dhcp.machine import DECLINE_TIME_S, Dropped, Machine, Outcome
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
    mac,
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


class TestOneHostThatIsTwoClients:
    """A host that boots from the network has another identifier then than once its system runs (RFC 4578)."""

    def ask(self, server: Machine, kind: Kind, identifier: bytes, address: int = 0, **more: Any) -> Outcome:
        options: dict[int, Any] = {Code.CLIENT_ID: identifier}
        if address:
            options |= {Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: address}
        hardware = more.pop("hardware", PRINTER_MAC)
        return server.handle(packet(kind, hardware, given=options), "lan0", more.pop("now_s", 0.0))

    @pytest.mark.parametrize("leased", [True, False], ids=["leased", "offered"])
    def test_has_the_address_that_is_kept_for_its_mac_as_both(self, leased: bool) -> None:
        server = machine()
        self.ask(server, Kind.DISCOVER, b"\0firmware")
        if leased:
            assert kind_of(self.ask(server, Kind.REQUEST, b"\0firmware", PRINTER)) is Kind.ACK
        offered = self.ask(server, Kind.DISCOVER, b"\xffsystem").reply
        assert offered is not None and offered.packet.yiaddr == PRINTER
        assert kind_of(self.ask(server, Kind.REQUEST, b"\xffsystem", PRINTER)) is Kind.ACK
        assert [lease.client for lease in server.table] == ["id:" + b"\xffsystem".hex()]
        assert server.offers == 0

    def test_another_host_that_holds_it_keeps_it_until_its_lease_ends(self) -> None:
        server = machine(pools=(with_pool(reservations=(), ranges=((PRINTER, PRINTER),)),))
        assert bind(server, 1) == PRINTER
        server.configure(ServerConfig((POOL,)))
        offered = self.ask(server, Kind.DISCOVER, b"\xffsystem").reply
        assert offered is not None and offered.packet.yiaddr != PRINTER

    def test_what_the_host_itself_found_taken_is_not_given_to_it_again(self) -> None:
        server = machine()
        self.ask(server, Kind.DISCOVER, b"\0firmware")
        self.ask(server, Kind.REQUEST, b"\0firmware", PRINTER)
        self.ask(server, Kind.DECLINE, b"\0firmware", PRINTER)
        offered = self.ask(server, Kind.DISCOVER, b"\xffsystem").reply
        assert offered is not None and offered.packet.yiaddr != PRINTER

    def test_what_is_kept_for_an_identifier_is_not_the_macs(self) -> None:
        kept = Reservation("phone", PRINTER, client_id=b"\xffsystem".hex())
        server = machine(pools=(with_pool(reservations=(kept,)),))
        self.ask(server, Kind.DISCOVER, b"\xffsystem")
        self.ask(server, Kind.REQUEST, b"\xffsystem", PRINTER)
        offered = self.ask(server, Kind.DISCOVER, b"\0firmware").reply
        assert offered is not None and offered.packet.yiaddr != PRINTER


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
    server = machine(pools=(with_pool(relays=frozenset((PRINTER,))),))
    reply = server.handle(packet(Kind.DISCOVER, **fields), "lan0", 0.0).reply
    assert reply is not None
    assert reply.way is way
    assert reply.address == (reply.packet.yiaddr if address is None else address)


def test_a_relays_option_comes_back_last() -> None:
    """RFC 3046 section 2.2."""
    server = machine(pools=(with_pool(relays=frozenset((PRINTER,))),))
    asked = packet(Kind.DISCOVER, giaddr=PRINTER, given={Code.RELAY_AGENT: b"\1\2ab"})
    reply = server.handle(asked, "lan0", 0.0).reply
    assert reply is not None
    assert list(reply.packet.options)[-1] == Code.RELAY_AGENT


class TestClasses:
    """A host that boots over the network says what it is, and gets the file that it can run."""

    POOL = with_pool(
        options={Code.BOOT_FILE: b"pxelinux.0", Code.DOMAIN_NAME: b"home.arpa"},
        next_server=PRINTER,
        classes=(
            ClientClass(b"", b"iPXE", {Code.BOOT_FILE: b"http://boot.example/menu"}),
            ClientClass(b"PXEClient:Arch:00007", b"", {Code.BOOT_FILE: b"boot.efi"}, SERVER),
        ),
    )

    @pytest.mark.parametrize(
        ("vendor", "user", "file", "server"),
        [
            (b"", b"", b"pxelinux.0", PRINTER),
            (b"PXEClient:Arch:00000:UNDI:002001", b"", b"pxelinux.0", PRINTER),
            (b"PXEClient:Arch:00007:UNDI:003016", b"", b"boot.efi", SERVER),
            (b"PXEClient:Arch:00007:UNDI:003016", b"iPXE", b"http://boot.example/menu", PRINTER),
            (b"MSFT 5.0", b"\x05guest\x04iPXE", b"http://boot.example/menu", PRINTER),
            (b"MSFT 5.0", b"\x09notiPXE", b"pxelinux.0", PRINTER),
            (b"MSFT 5.0", b"\xff", b"pxelinux.0", PRINTER),
        ],
    )
    def test_the_first_that_fits_counts(self, vendor: bytes, user: bytes, file: bytes, server: int) -> None:
        given = {Code.PARAMETER_LIST: bytes((Code.BOOT_FILE, Code.DOMAIN_NAME))}
        given |= {Code.VENDOR_CLASS: vendor} if vendor else {}
        given |= {Code.USER_CLASS: user} if user else {}
        reply = machine(pools=(self.POOL,)).handle(packet(Kind.DISCOVER, given=given), "lan0", 0.0).reply
        assert reply is not None
        data = reply.bytes()
        found = decode(data)
        assert (found.options[Code.BOOT_FILE], found.siaddr) == (file, server)
        assert found.options[Code.DOMAIN_NAME] == b"home.arpa", "what a class does not say is the pool's"
        assert data[108:236].rstrip(b"\0") == file, "older firmware reads the header"

    def test_a_refusal_says_nothing_of_it(self) -> None:
        server = machine(pools=(self.POOL,))
        refused = server.handle(packet(Kind.REQUEST, ciaddr=ELSEWHERE), "lan0", 0.0).reply
        assert refused is not None
        assert (refused.packet.siaddr, refused.packet.file) == (0, b"")


RELAY = read_address("10.9.0.1")
BRANCH = with_pool(
    id="branch",
    subnet=type(POOL.subnet)("10.9.0.0/24"),
    ranges=((read_address("10.9.0.100"), read_address("10.9.0.101")),),
    reservations=(),
    relays=frozenset((RELAY,)),
    remote=True,
)


class TestRelays:
    """A relay's address in a packet is a claim of whoever sent it."""

    def bound(self, hardware: int = 1) -> tuple[Machine, int]:
        """Return a server of both networks and the address of a host of the branch."""
        server = machine(pools=(POOL, BRANCH))
        offered = server.handle(packet(Kind.DISCOVER, hardware, giaddr=RELAY), "lan0", 0.0).reply
        assert offered is not None
        address = offered.packet.yiaddr
        options = {Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: address}
        granted = server.handle(packet(Kind.REQUEST, hardware, giaddr=RELAY, given=options), "lan0", 0.0)
        assert kind_of(granted) is Kind.ACK
        return server, address

    def test_a_declared_one_is_answered_with_an_address_of_its_network(self) -> None:
        assert BRANCH.in_ranges(self.bound()[1])

    @pytest.mark.parametrize(
        ("relay", "device"), [(RELAY + 1, "lan0"), (PRINTER, "lan0"), (RELAY, "guest0"), (PRINTER, "guest0")]
    )
    def test_no_other_is_nor_is_it_on_another_device(self, relay: int, device: str) -> None:
        guest = with_pool(id="guest", device="guest0", ranges=(), reservations=())
        server = machine(pools=(POOL, BRANCH, guest))
        outcome = server.handle(packet(Kind.DISCOVER, giaddr=relay), device, 0.0)
        assert (outcome.reply, outcome.dropped) == (None, Dropped.UNKNOWN_RELAY)

    def test_a_host_of_the_device_itself_gets_no_address_of_the_branch(self) -> None:
        server = machine(pools=(BRANCH,))
        assert discover(server).dropped is Dropped.NO_POOL

    def test_a_host_renews_its_lease_without_the_relay(self) -> None:
        server, address = self.bound()
        renewed = server.handle(packet(Kind.REQUEST, 1, ciaddr=address), "lan0", 10.0)
        assert (kind_of(renewed), renewed.reply and renewed.reply.way) == (Kind.ACK, Way.UNICAST)
        assert server.handle(packet(Kind.RELEASE, 1, ciaddr=address), "lan0", 11.0).change is not None

    def test_and_no_other_host_takes_one_that_way(self) -> None:
        server, address = self.bound()
        for wanted in (address, BRANCH.ranges[0][0], BRANCH.ranges[0][1]):
            outcome = server.handle(packet(Kind.REQUEST, 2, ciaddr=wanted), "lan0", 10.0)
            assert kind_of(outcome) is Kind.NAK


class TestOneHost:
    """A host may show as many client identifiers as it likes, and empties no pool by them."""

    LIMITED = with_pool(leases_per_mac=2)

    def discovered(self, server: Machine, identifier: int, hardware: int = 1, now_s: float = 0.0) -> Outcome:
        given = {Code.CLIENT_ID: bytes((1, identifier))}
        return server.handle(packet(Kind.DISCOVER, hardware, given=given), "lan0", now_s)

    def bound(self, server: Machine, identifier: int, hardware: int = 1, now_s: float = 0.0) -> int:
        offered = self.discovered(server, identifier, hardware, now_s).reply
        assert offered is not None
        address = offered.packet.yiaddr
        given = {
            Code.CLIENT_ID: bytes((1, identifier)),
            Code.SERVER_ID: SERVER,
            Code.REQUESTED_ADDRESS: address,
        }
        assert kind_of(server.handle(packet(Kind.REQUEST, hardware, given=given), "lan0", now_s)) is Kind.ACK
        return address

    def test_offers_count_while_they_stand(self) -> None:
        server = machine(pools=(self.LIMITED,))
        assert [self.discovered(server, number).dropped for number in range(3)] == [
            None, None, Dropped.TOO_MANY,
        ]  # fmt: skip
        assert kind_of(discover(server, 2)) is Kind.OFFER
        assert kind_of(self.discovered(server, 3, now_s=31.0)) is Kind.OFFER

    def test_leases_count_until_they_end(self) -> None:
        server = machine(pools=(self.LIMITED,))
        first = self.bound(server, 1)
        self.bound(server, 2)
        assert self.discovered(server, 3, now_s=40.0).dropped is Dropped.TOO_MANY
        assert self.bound(server, 1, now_s=41.0) == first, "a client keeps what it has"
        assert kind_of(self.discovered(server, 3, now_s=3620.0)) is Kind.OFFER

    def test_a_lease_is_not_had_without_an_offer_either(self) -> None:
        server = machine(pools=(self.LIMITED,))
        taken = {self.bound(server, number) for number in (1, 2)}
        free = next(address for address in range(FIRST, LAST + 1) if address not in taken)
        given = {Code.CLIENT_ID: b"\1\3", Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: free}
        assert kind_of(server.handle(packet(Kind.REQUEST, 1, given=given), "lan0", 1.0)) is Kind.NAK

    def test_addresses_that_a_host_declines_are_its_own(self) -> None:
        server = machine(pools=(self.LIMITED,))
        for number in (1, 2):
            given = {Code.CLIENT_ID: bytes((1, number)), Code.REQUESTED_ADDRESS: self.bound(server, number)}
            assert server.handle(packet(Kind.DECLINE, 1, given=given), "lan0", 1.0).change is not None
        assert self.discovered(server, 3, now_s=40.0).dropped is Dropped.TOO_MANY
        assert kind_of(discover(server, 2, 40.0)) is Kind.OFFER

    def test_what_is_released_is_free_again(self) -> None:
        server = machine(pools=(self.LIMITED,))
        addresses = {number: self.bound(server, number) for number in (1, 2)}
        given = {Code.CLIENT_ID: b"\1\1"}
        server.handle(packet(Kind.RELEASE, 1, given=given, ciaddr=addresses[1]), "lan0", 1.0)
        assert kind_of(self.discovered(server, 3, now_s=2.0)) is Kind.OFFER


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


class TestInUse:
    """An address that somebody uses unknown to us is nobody's for a while."""

    def test_an_offer_of_what_the_client_did_not_have_is_unsure(self) -> None:
        server = machine()
        assert discover(server, 1).unsure
        bind(server, 1)
        assert not discover(server, 1).unsure
        assert not discover(machine(pools=(with_pool(probe=False),))).unsure

    def test_it_is_left_alone_and_the_client_is_offered_another(self) -> None:
        server = machine(pools=(with_pool(ranges=((FIRST, FIRST + 1),)),))
        offered = discover(server, 1).reply
        assert offered is not None
        change = server.in_use("lan0", offered.packet.yiaddr, mac(9), 5.0)
        assert change is not None
        assert (change.state, change.mac, change.end_s) == (
            State.DECLINED,
            mac(9).hex(":"),
            5.0 + DECLINE_TIME_S,
        )
        other = discover(server, 1, 5.0).reply
        assert other is not None and other.packet.yiaddr != offered.packet.yiaddr
        assert discover(server, 2, 5.0).dropped is Dropped.POOL_EMPTY
        assert kind_of(discover(server, 2, 6.0 + DECLINE_TIME_S)) is Kind.OFFER

    def test_the_offer_ends_with_it_and_keeps_the_address_from_nobody(self) -> None:
        server = machine(pools=(with_pool(ranges=((FIRST, FIRST),)),))
        discover(server, 1)
        change = server.in_use("lan0", FIRST, mac(9), 1.0)
        assert change is not None and server.offers == 0
        server.forget(change)
        assert kind_of(discover(server, 2, 2.0)) is Kind.OFFER

    def test_who_says_so_of_too_many_is_not_believed(self) -> None:
        server = machine(pools=(with_pool(leases_per_mac=2),))
        told = [server.in_use("lan0", FIRST + number, mac(9), 0.0) for number in range(4)]
        assert [change is not None for change in told] == [True, True, False, False]
        assert server.in_use("lan0", FIRST + 3, mac(8), 0.0) is not None

    @pytest.mark.parametrize(("device", "address"), [("lan1", FIRST), ("lan0", ELSEWHERE)])
    def test_what_is_no_address_of_the_link_is_nothing(self, device: str, address: int) -> None:
        assert machine().in_use(device, address, mac(9), 0.0) is None


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
