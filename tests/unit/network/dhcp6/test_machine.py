# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts get for each message of RFC 8415, and what they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.network.dhcp.lease import State
from patronus.network.dhcp6.codec import Association, Code, Kind, Status
from patronus.network.dhcp6.config import Config
from tests.unit.network.dhcp6.packets import POOL, SERVER, Host, number, renumbered, server

ASK = bytes((0, Code.DNS_SERVERS, 0, Code.DOMAIN_SEARCH))


def test_a_host_gets_one_identifier_in_every_prefix_and_it_is_kept_before_the_reply() -> None:
    machine = server()
    host = Host(machine)
    offered = host.say(Kind.SOLICIT)
    assert (offered.kind, len(machine.table), offered.outcome.changes) == (Kind.ADVERTISE, 0, ())
    got = host.say(Kind.REQUEST, *offered.addresses())
    assert got.kind == Kind.REPLY and got.addresses() == offered.addresses()
    ((action, lease),) = got.outcome.changes
    assert (action, lease.six, lease.network, lease.end_s) == ("granted", True, "lan", host.now_s + 36000)
    assert [number(one) & 0xFFFF for one in got.addresses()] == [lease.address] * 2
    assert [one.partition("::")[0] for one in got.addresses()] == ["fd00:1", "2001:db8:1"]
    assert list(got.addresses().values()) == [(27000, 36000), (2700, 5400)]


def test_it_renews_at_half_of_the_shortest_preferred_lifetime() -> None:
    host = Host(server())
    host.bind()
    reply = host.say(Kind.RENEW).reply
    (association,) = [one for one in (reply.payload.payload.payload,) if hasattr(one, "T1")]
    assert (association.T1, association.T2) == (1350, 2160)


def test_the_same_host_gets_the_same_and_another_gets_another() -> None:
    machine = server()
    first = Host(machine).bind()
    assert Host(machine).bind() == first
    assert not set(Host(machine, 2).bind()) & set(first)


def test_two_associations_of_one_message_get_two_identifiers() -> None:
    wish = (number("fd00:1::1000"),)
    asked = (Association(Code.IA_NA, 1, wish), Association(Code.IA_NA, 2, wish))
    host = Host(server())
    for kind in (Kind.SOLICIT, Kind.REQUEST):
        answer = host.send(kind, asked)
        first, second = (
            {one for one, (_, valid_s) in answer.addresses(iaid).items() if valid_s} for iaid in (1, 2)
        )
        assert not first & second and len(first) == len(second) == 2


@pytest.mark.parametrize(
    ("which", "duid", "kept"), [(0x20, "", "fd00:1::20"), (9, "0004" + "ab" * 16, "fd00:1::21")]
)
def test_a_reserved_address_goes_to_its_host_alone(which: int, duid: str, kept: str) -> None:
    machine = server()
    assert Host(machine, which, bytes.fromhex(duid)).bind()[0] == kept
    others = [Host(machine, other).bind() for other in range(1, 5)]
    assert all(others) and not any(kept in one for one in others)


def test_a_reservation_gives_its_host_its_name() -> None:
    machine = server()
    Host(machine, 0x20).bind()
    assert [lease.hostname for lease in machine.table] == ["nas"]


def test_the_mac_is_read_from_the_link_local_address_before_the_duid() -> None:
    machine = server()
    host = Host(machine, 5)
    source = number("fe80::ff:fe00:20")
    host.say(Kind.REQUEST, source=source)
    assert [(lease.mac, lease.address) for lease in machine.table] == [("02:00:00:00:00:20", 0x20)]


def test_a_full_pool_gives_nothing_until_an_address_comes_back() -> None:
    machine = server()
    hosts = [Host(machine, which) for which in range(1, 6)]
    given = [host.bind() for host in hosts[:4]]
    assert hosts[4].say(Kind.SOLICIT).status(1) == Status.NO_ADDRESSES
    assert hosts[4].say(Kind.REQUEST).outcome.changes == ()
    assert hosts[2].say(Kind.RELEASE, *given[2]).status() == Status.SUCCESS
    assert hosts[4].bind() == given[2]


def test_a_host_holds_no_more_than_it_may_whatever_it_calls_itself() -> None:
    pool = replace(POOL, leases_per_mac=2)
    machine = server(pool)
    names = [bytes.fromhex("0004") + bytes((one,)) * 16 for one in range(1, 4)]
    bound = [Host(machine, 1, name) for name in names]
    assert bound[0].bind() and bound[1].bind()
    assert bound[2].say(Kind.REQUEST).status(1) == Status.NO_ADDRESSES
    assert bound[0].bind()
    assert Host(machine, 2, names[2]).bind()


def test_rapid_commit_takes_two_messages_where_it_is_allowed() -> None:
    machine = server(replace(POOL, rapid_commit=True))
    host = Host(machine, options={Code.RAPID_COMMIT: b""})
    answer = host.say(Kind.SOLICIT)
    assert (answer.kind, answer.has(Code.RAPID_COMMIT), len(answer.outcome.changes)) == (Kind.REPLY, True, 1)
    assert Host(machine, 2).say(Kind.SOLICIT).kind == Kind.ADVERTISE
    machine = server()
    host.machine = machine
    assert (host.say(Kind.SOLICIT).kind, len(machine.table)) == (Kind.ADVERTISE, 0)


def test_the_preference_is_told_where_there_is_one() -> None:
    answer = Host(server(replace(POOL, preference=255))).say(Kind.SOLICIT)
    assert answer.has(Code.PREFERENCE)
    assert not Host(server()).say(Kind.SOLICIT).has(Code.PREFERENCE)


def test_settings_alone_are_told_to_who_asks_for_them() -> None:
    machine = server()
    host = Host(machine, options={Code.OPTION_REQUEST: ASK})
    answer = host.send(Kind.INFORMATION_REQUEST, ())
    assert answer.kind == Kind.REPLY and answer.has(Code.DNS_SERVERS) and answer.has(Code.DOMAIN_SEARCH)
    assert answer.has(Code.REFRESH_TIME) and len(machine.table) == 0
    assert not Host(machine).send(Kind.INFORMATION_REQUEST, ()).has(Code.DNS_SERVERS)
    assert host.say(Kind.INFORMATION_REQUEST).dropped == "not a request"


@pytest.mark.parametrize("kind", [Kind.RENEW, Kind.REBIND])
def test_a_renewal_brings_the_prefix_of_now_and_takes_the_old_one_back(kind: Kind) -> None:
    machine = server()
    host = Host(machine)
    local, old = host.bind()
    machine.configure(Config((renumbered(),)))
    found = host.say(kind, local, old).addresses()
    new = old.replace("db8:1", "db8:2")
    assert found == {local: (27000, 36000), new: (2700, 5400), old: (0, 0)}
    assert host.say(kind, local, new).addresses() == {local: (27000, 36000), new: (2700, 5400)}


def test_who_is_not_known_has_no_binding_and_what_is_not_of_here_ends() -> None:
    host = Host(server())
    assert host.say(Kind.RENEW, "fd00:1::1000").status(1) == Status.NO_BINDING
    assert host.say(Kind.REBIND, "fd00:1::1000").status(1) == Status.NO_BINDING
    assert host.say(Kind.REBIND, "2001:db8:9::5").addresses() == {"2001:db8:9::5": (0, 0)}
    assert host.say(Kind.REQUEST, "2001:db8:9::5").status(1) == Status.NOT_ON_LINK


def test_a_host_that_comes_back_is_told_whether_it_is_still_here() -> None:
    host = Host(server())
    assert host.say(Kind.CONFIRM, "fd00:1::1000").status() == Status.SUCCESS
    assert host.say(Kind.CONFIRM, "fd00:1::1000", "2001:db8:9::5").status() == Status.NOT_ON_LINK
    assert host.say(Kind.CONFIRM).dropped is not None


def test_an_address_that_somebody_uses_already_is_nobodys_for_a_while() -> None:
    machine = server(replace(POOL, ranges=((0x1000, 0x1000),), reservations=()))
    host = Host(machine)
    taken = host.bind()
    answer = host.say(Kind.DECLINE, *taken)
    ((action, lease),) = answer.outcome.changes
    assert (answer.status(), action, lease.state) == (Status.SUCCESS, "declined", State.DECLINED)
    assert host.say(Kind.SOLICIT).status(1) == Status.NO_ADDRESSES
    host.now_s += 3601
    assert host.bind() == taken


def test_only_its_own_address_is_given_back() -> None:
    machine = server()
    first, other = Host(machine), Host(machine, 2)
    taken = first.bind()
    for kind in (Kind.RELEASE, Kind.DECLINE):
        answer = other.say(kind, *taken)
        assert (answer.status(1), answer.outcome.changes) == (Status.NO_BINDING, ())
    assert first.bind() == taken


def test_what_was_given_back_is_not_renewed_but_asked_for_again() -> None:
    host = Host(server())
    taken = host.bind()
    host.say(Kind.RELEASE, *taken)
    for kind in (Kind.RENEW, Kind.REBIND):
        assert host.say(kind, *taken).status(1) == Status.NO_BINDING
    assert host.bind() == taken


def test_a_lease_lasts_as_long_as_the_prefix_that_lasts_longest() -> None:
    machine = server(replace(POOL, prefixes=POOL.prefixes[::-1]))
    host = Host(machine)
    host.bind()
    assert [lease.end_s for lease in machine.table] == [host.now_s + 36000]


def test_a_reserved_address_within_the_ranges_is_nobody_elses() -> None:
    machine = server(replace(POOL, ranges=((0x20, 0x21),)))
    assert Host(machine).say(Kind.SOLICIT, "fd00:1::20").status(1) == Status.NO_ADDRESSES
    assert "fd00:1::20" in Host(machine, 0x20).bind()


def test_no_prefix_is_delegated() -> None:
    host = Host(server())
    assert host.say(Kind.SOLICIT, code=Code.IA_PD).status(1) == Status.NO_PREFIXES
    assert host.say(Kind.RENEW, code=Code.IA_PD).status(1) == Status.NO_BINDING


def test_a_network_without_a_prefix_gives_nothing() -> None:
    assert Host(server(replace(POOL, prefixes=()))).say(Kind.SOLICIT).status(1) == Status.NO_ADDRESSES


@pytest.mark.parametrize("kind", [Kind.CONFIRM, Kind.RENEW, Kind.REBIND])
def test_a_router_that_has_no_prefix_yet_takes_no_address_back(kind: Kind) -> None:
    machine = server()
    host = Host(machine)
    taken = host.bind()
    machine.configure(Config((replace(POOL, prefixes=()),)))
    answer = host.say(kind, *taken)
    assert (answer.dropped, answer.outcome.changes) == ("the network has no prefix now", ())
    machine.configure(Config((POOL,)))
    assert host.say(Kind.RENEW, *taken).addresses().keys() == set(taken)


def test_what_is_not_for_this_server_or_not_from_the_link_is_not_answered() -> None:
    host = Host(server())
    other = SERVER[:-1] + b"\x77"
    assert host.say(Kind.REQUEST, server=other).dropped == "for another server"
    assert host.say(Kind.SOLICIT, server=SERVER).dropped == "for another server"
    assert host.say(Kind.SOLICIT, source=number("2001:db8::7")).dropped == "not from a link-local address"
    assert host.say(Kind.SOLICIT, to_all=False).dropped == "not to all servers"
    answer = host.say(Kind.REQUEST, to_all=False)
    assert (answer.status(), answer.outcome.changes) == (Status.USE_MULTICAST, ())
    assert host.say(Kind.RELAY_FORWARD).dropped == "not a request"
    host.duid = b""
    assert host.say(Kind.SOLICIT).dropped == "a field that this message needs is missing"


KINDS = st.sampled_from([Kind.SOLICIT, Kind.REQUEST, Kind.RENEW, Kind.REBIND, Kind.RELEASE, Kind.DECLINE])
LISTED = st.lists(st.sampled_from([f"fd00:1::100{one}" for one in range(5)] + ["2001:db8:9::1"]), max_size=2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KINDS, st.integers(1, 6), st.integers(1, 2), LISTED, st.booleans()), max_size=30))
def test_no_address_is_ever_given_to_two(steps: list[tuple[Kind, int, int, list[str], bool]]) -> None:
    machine = server()
    now_s = 1000.0
    for kind, which, iaid, listed, moved in steps:
        now_s += 1800.0
        if moved:
            machine.configure(Config((renumbered() if machine.config.pools[0] == POOL else POOL,)))
        answer = Host(machine, which, now_s=now_s).say(kind, *listed, iaid=iaid)
        held = {one.address: one.client for one in machine.table if one.active(now_s)}
        mine = Host(machine, which).duid.hex()
        if kind not in {Kind.SOLICIT, Kind.RELEASE, Kind.DECLINE} and answer.reply is not None:
            for address, (_, valid_s) in answer.addresses(iaid).items():
                if valid_s:
                    assert held[number(address) & (1 << 64) - 1] == f"duid:{mine}/{iaid:08x}"
