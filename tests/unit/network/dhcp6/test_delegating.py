# SPDX-License-Identifier: GPL-2.0-or-later
"""Routers behind this one get a prefix each, keep it while ours change, and never one of two."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.network.dhcp.lease import Table
from patronus.network.dhcp6.codec import Association, Code, Given, Kind, Status, association, decode, encode
from patronus.network.dhcp6.config import Config, Pool
from patronus.network.dhcp6.delegating import is_prefix
from patronus.network.dhcp6.machine import Machine
from patronus.network.dhcp6.prefixes import Delegation, Kept, Part, Prefix
from tests.unit.network.dhcp6.packets import NOW_S, POOL, Host, number, server

OLD, NEW = (Prefix(IPv6Network(f"2001:db8:{one}00::/56"), 2700, 5400) for one in (1, 2))
DELEGATING = replace(POOL, delegation=Delegation((OLD,), 60, 20, 79), lease_time_s=3000, leases_per_mac=2)
"""Of the /64 20 to 79 three /60 are whole: 32, 48 and 64."""
PD = Code.IA_PD


def prefixes(reply: bytes) -> list[str]:
    """Return the prefixes of all IA_PD, read from the bytes."""
    return [
        str(IPv6Network((address, length)))
        for one in decode(reply).associations
        for address, length in zip(one.addresses, one.lengths, strict=True)
    ]


def held(machine: Machine, now_s: float = NOW_S) -> list[int]:
    """Return the numbers of the first /64 of each prefix that somebody has."""
    return sorted(
        Part.of(one.address).subnet for one in machine.leases if is_prefix(one) and one.active(now_s)
    )


def taken(host: Host) -> list[str]:
    """Return the prefixes that a router is promised, and then given."""
    offered = prefixes(host.say(Kind.SOLICIT, code=PD).outcome.reply)
    got = prefixes(host.say(Kind.REQUEST, code=PD).outcome.reply)
    assert got == offered
    return got


def test_each_router_gets_a_prefix_of_its_own_until_there_is_none() -> None:
    machine = server(DELEGATING)
    got = [taken(Host(machine, which)) for which in (1, 2, 3)]
    assert sorted(one for (one,) in got) == [f"2001:db8:100:{first:x}::/60" for first in (32, 48, 64)]
    assert taken(Host(machine, 1)) == got[0]
    last = Host(machine, 4)
    assert last.say(Kind.REQUEST, code=PD).status(1) == Status.NO_PREFIXES
    answer = Host(machine, 2).say(Kind.RELEASE, got[1][0].partition("/")[0], code=PD)
    assert [what for what, _ in answer.outcome.changes] == ["released"]
    assert taken(last) == got[1]


def test_the_lease_says_behind_which_router_and_is_no_address() -> None:
    machine = server(DELEGATING)
    host = Host(machine)
    (_, lease) = host.say(Kind.REQUEST, code=PD).outcome.changes[0]
    assert (lease.network, lease.interface, lease.mac) == ("lan/pd", "lan", "fe80::aaaa:0:0:1")
    assert lease.end_s == NOW_S + 3000
    assert list(machine.table) == []
    assert host.bind() and len(list(machine.leases)) == 2


def test_a_renewal_brings_the_part_of_the_new_prefix_and_takes_the_old_one_back() -> None:
    machine = server(DELEGATING)
    host = Host(machine, options={})
    (before,) = taken(host)
    changed = Delegation((NEW,), 60, 20, 79)
    machine.configure(Config((replace(DELEGATING, delegation=changed),)))
    host.now_s += 100
    asked = Association(PD, 1, (number(before.partition("/")[0]),), (60,))
    reply = host.send(Kind.RENEW, (asked,)).outcome.reply
    assert prefixes(reply) == [before.replace("2001:db8:1", "2001:db8:2"), before]
    assert host.send(Kind.RENEW, (asked,)).reply.iapdopt[1].validlft == 0


def test_it_is_its_own_again_after_the_leases_were_lost() -> None:
    first = taken(Host(server(DELEGATING), 7))
    assert taken(Host(server(DELEGATING), 7)) == first


def test_who_is_not_known_or_declines_has_no_binding() -> None:
    machine = server(DELEGATING)
    assert Host(machine).say(Kind.RENEW, code=PD).status(1) == Status.NO_BINDING
    host = Host(machine)
    (got,) = taken(host)
    first = got.partition("/")[0]
    assert host.say(Kind.DECLINE, first, code=PD).status(1) == Status.NO_BINDING
    assert Host(machine, 2).say(Kind.RELEASE, first, code=PD).status(1) == Status.NO_BINDING
    assert host.say(Kind.RELEASE, "2001:db8:100::", code=PD).status(1) == Status.NO_BINDING
    assert len(held(machine)) == 1


def test_one_router_holds_no_more_than_it_may_whatever_it_calls_itself() -> None:
    machine = server(DELEGATING)
    for iaid in (1, 2):
        assert prefixes(Host(machine).say(Kind.REQUEST, code=PD, iaid=iaid).outcome.reply)
    other = Host(machine, duid=b"\0\4" + bytes(16))
    assert other.say(Kind.REQUEST, code=PD).status(1) == Status.NO_PREFIXES
    both = (Association(PD, 7), Association(PD, 8))
    offered = prefixes(Host(server(DELEGATING), 2).send(Kind.SOLICIT, both).outcome.reply)
    assert len(offered) == 2


def test_while_the_provider_gives_nothing_routers_get_nothing_and_keep_what_they_have() -> None:
    """As when this router has just started: nobody knows yet what to take back."""
    machine = server(DELEGATING)
    (got,) = taken(Host(machine))
    machine.configure(Config((replace(DELEGATING, delegation=Delegation((), 60, 20, 79)),)))
    assert Host(machine, 2).say(Kind.SOLICIT, code=PD).status(1) == Status.NO_PREFIXES
    renewal = Host(machine).say(Kind.RENEW, got.partition("/")[0], code=PD)
    assert renewal.dropped == "the network has no prefix now"
    machine.configure(Config((DELEGATING,)))
    assert prefixes(Host(machine).say(Kind.RENEW, code=PD).outcome.reply) == [got]


def keeping(*kept: Kept) -> Pool:
    return replace(DELEGATING, delegation=Delegation((OLD,), 60, 20, 79, kept))


def test_what_is_kept_for_a_router_it_gets_and_no_other() -> None:
    """By its MAC, and by its DUID, which comes first; where all else is given, too."""
    second = Host(server(), 2)
    machine = server(keeping(Kept(48, mac=second.mac.hex(":")), Kept(64, duid="0004" + "cd" * 16)))
    assert taken(Host(machine, 1)) == ["2001:db8:100:20::/60"]
    assert Host(machine, 3).say(Kind.REQUEST, code=PD).status(1) == Status.NO_PREFIXES
    assert taken(Host(machine, 2)) == ["2001:db8:100:30::/60"]
    assert taken(Host(machine, 9, duid=bytes.fromhex("0004" + "cd" * 16))) == ["2001:db8:100:40::/60"]


def test_who_has_what_is_now_kept_for_another_gives_it_up_when_it_asks_again() -> None:
    machine = server(DELEGATING)
    first, second = Host(machine, 1), Host(machine, 2)
    (before,) = taken(first)
    subnet = (number(before.partition("/")[0]) - OLD.base) >> 64
    machine.configure(Config((keeping(Kept(subnet, mac=second.mac.hex(":"))),)))
    (meanwhile,) = taken(second)
    assert meanwhile != before
    asked = Association(PD, 1, (number(before.partition("/")[0]),), (60,))
    fresh, ended = prefixes(first.send(Kind.RENEW, (asked,)).outcome.reply)
    assert ended == before and fresh not in {before, meanwhile}
    asked = Association(PD, 1, (number(meanwhile.partition("/")[0]),), (60,))
    assert prefixes(second.send(Kind.RENEW, (asked,)).outcome.reply) == [before, meanwhile]


def test_only_one_prefix_is_kept_for_a_router_that_asks_for_two() -> None:
    machine = server(keeping(Kept(64, mac=Host(server(), 1).mac.hex(":"))))
    both = (Association(PD, 7), Association(PD, 8))
    first, second = prefixes(Host(machine, 1).send(Kind.REQUEST, both).outcome.reply)
    assert first == "2001:db8:100:40::/60" and second != first


def test_our_bytes_say_a_prefix_and_how_long_it_lives() -> None:
    told = [Given(number("2001:db8:1::"), 200, 300, 56), Given(number("2001:db8:2::"), 0, 0, 60)]
    found = decode(encode(Kind.REPLY, 1, [(PD, association(7, (100, 160), told))]))
    assert found.associations == (
        Association(PD, 7, (number("2001:db8:1::"), number("2001:db8:2::")), (56, 60)),
    )


@pytest.mark.parametrize(
    ("first", "last", "length", "count"),
    [(20, 79, 60, 3), (0, 255, 56, 1), (1, 255, 56, 0), (16, 300, 64, 240)],
)
def test_only_whole_parts_of_what_there_is_are_given(first: int, last: int, length: int, count: int) -> None:
    delegation = Delegation((OLD,), length, first, last)
    assert delegation.count == count
    for place in range(count):
        part = delegation.part_at(place)
        assert first <= part.subnet and part.subnet + part.size - 1 <= last
        assert delegation.place_of(part) == place and Part.of(part.number) == part
        ((prefix, _),) = delegation.cut(part)
        assert delegation.place_with(int(prefix.network_address)) == place
        assert prefix.subnet_of(OLD.network)


KINDS = st.sampled_from([Kind.REQUEST, Kind.RENEW, Kind.RELEASE])
STEPS = st.lists(st.tuples(KINDS, st.integers(1, 6), st.sampled_from([59, 60, 62])), max_size=25)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_two_routers_ever_have_something_of_the_same_prefix(steps: list[tuple[Kind, int, int]]) -> None:
    """Not even while the length changes that each is given."""
    machine, now_s = server(DELEGATING), NOW_S
    for kind, which, length in steps:
        now_s += 500.0
        pool: Pool = replace(DELEGATING, delegation=Delegation((OLD,), length, 20, 100))
        machine.configure(Config((pool,)))
        Host(machine, which, now_s=now_s).say(kind, "2001:db8:100:20::", code=PD)
        parts = sorted(Part.of(one.address) for one in machine.leases if one.active(now_s))
        assert all(one.subnet + one.size <= two.subnet for one, two in pairwise(parts))


def test_leases_of_prefixes_and_addresses_are_told_apart_again_after_a_restart() -> None:
    machine = server(DELEGATING)
    host = Host(machine)
    got, address = taken(host), host.bind()
    again = Machine(Config((DELEGATING,)), Table(machine.leases))
    assert held(again) == held(machine) and taken(Host(again)) == got
    assert Host(again).bind() == address
