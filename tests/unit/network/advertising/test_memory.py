# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts were told is taken back for as long as they may remember it, and no longer."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from typing import Any

import pytest

from patronus.network.advertising.memory import Memory, compose, farewell
from patronus.network.advertising.plan import Network
from patronus.network.interfaces.onlink import Advertised, OnLink

OLD, NEW = IPv6Network("2001:db8:aa00::/64"), IPv6Network("2001:db8:bb00::/64")
SITE = IPv6Network("fd00::/48")
SERVER = IPv6Address("2001:db8:aa00::1")
MAC = bytes(6)


def network(*prefixes: IPv6Network, server: IPv6Address | None = None) -> Network:
    told = Advertised(tuple(OnLink(one, 3600, 7200) for one in prefixes), (), is_way_out=True)
    return Network("lan", "eth1", told, server)


def test_a_prefix_that_went_is_deprecated_until_nobody_can_have_it() -> None:
    memory = Memory().follow([network(OLD, server=SERVER)], 0.0).follow([network(NEW)], 100.0)
    said = compose(network(NEW), memory, MAC, 1100.0)
    assert said.prefixes == (OnLink(NEW, 2700, 5400), OnLink(OLD, 0, 4400))
    assert said.servers == ((SERVER, 0),)
    later = compose(network(NEW), memory, MAC, 5500.0)
    assert (later.prefixes, later.servers) == ((OnLink(NEW, 2700, 5400),), ())
    assert memory.follow([network(NEW)], 5500.0).told == {"lan": {NEW: None}}


def test_a_prefix_that_comes_back_is_no_longer_deprecated() -> None:
    memory = Memory().follow([network(OLD)], 0.0).follow([network(NEW)], 1.0).follow([network(OLD)], 2.0)
    assert compose(network(OLD), memory, MAC, 3.0).prefixes == (OnLink(OLD, 2700, 5400), OnLink(NEW, 0, 5399))


def test_a_route_and_a_domain_that_went_are_taken_back_while_hosts_may_have_them() -> None:
    routed = replace(network(), told=Advertised((), (SITE,)), domain="home.arpa")
    memory = Memory().follow([routed], 0.0).follow([replace(network(), domain="lan.example")], 100.0)
    said = compose(replace(network(), domain="lan.example"), memory, MAC, 1100.0)
    assert said.routes == ((SITE, 0),)
    assert said.domains == (("lan.example", 1800), ("home.arpa", 0))
    later = compose(network(), memory, MAC, 2000.0)
    assert (later.routes, later.domains) == ((), ())


def test_a_way_to_ipv4_makes_the_router_a_way_out_and_is_taken_back() -> None:
    inside = replace(network(), told=Advertised())
    lan = replace(inside, translator=IPv6Network("64:ff9b::/96"))
    memory = Memory().follow([lan], 0.0)
    said = compose(lan, memory, MAC, 1.0)
    assert (said.translators, said.lifetime_s) == (((IPv6Network("64:ff9b::/96"), 1800),), 1800)
    memory = Memory.of(memory.as_data(), 50.0).follow([inside], 100.0)
    said = compose(inside, memory, MAC, 200.0)
    assert (said.translators, said.lifetime_s) == (((IPv6Network("64:ff9b::/96"), 0),), 0)
    assert compose(inside, memory, MAC, 2000.0).translators == ()


def test_however_often_the_provider_changes_its_mind_the_word_fits_one_packet() -> None:
    """RFC 6980: hosts take no fragments of it. What is older was taken back many times."""
    memory = Memory()
    told = [replace(network(IPv6Network((number << 64, 64))), domain="home.arpa") for number in range(100)]
    for number, one in enumerate(told):
        memory = memory.follow([one], float(number))
    said = compose(told[-1], memory, MAC, 99.0)
    assert 40 + len(said.encode()) <= 1280
    assert [one.prefix for one in said.prefixes] == [one.told.prefixes[0].prefix for one in told[:-10:-1]]
    assert len(memory.as_data()["lan"]) == len(said.prefixes) + 1


def test_the_provider_may_give_less_than_hosts_are_told_at_most() -> None:
    short = replace(network(), told=Advertised((OnLink(OLD, 60, 120),)))
    assert compose(short, Memory(), MAC, 0.0).prefixes == (OnLink(OLD, 60, 120),)


def test_another_boot_takes_back_what_it_does_not_say_itself() -> None:
    """Moments of another boot mean nothing: the time for which it is taken back begins anew."""
    told = Advertised((OnLink(OLD, 3600, 7200),), (SITE,), is_way_out=True)
    before = replace(network(server=SERVER), told=told, domain="home.arpa")
    kept = json.loads(json.dumps(Memory().follow([before], 9000.0).as_data()))
    memory = Memory.of(kept, 7.0).follow([network(NEW)], 8.0)
    said = compose(network(NEW), memory, MAC, 7.0)
    assert said.prefixes[1] == OnLink(OLD, 0, 5400)
    assert (said.servers, said.routes, said.domains) == (((SERVER, 0),), ((SITE, 0),), (("home.arpa", 0),))
    again = Memory.of(kept, 7.0).follow([before], 8.0)
    assert again.told == Memory().follow([before], 0.0).told


@pytest.mark.parametrize(
    "data",
    [None, [], {"lan": None}, {"lan": ["x", 7, None, "::/129", "route x", "domain ..x"]}, {"lan": [{}]}],
    ids=str,
)
def test_what_was_kept_may_be_anything(data: Any) -> None:
    assert not any(Memory.of(data, 0.0).told.values())


def test_the_last_word_takes_everything_back() -> None:
    told = Advertised((OnLink(OLD),), (SITE,), is_way_out=True)
    before = Network("lan", "eth1", told, SERVER, "home.arpa", 1400)
    said = farewell(before, Memory().follow([before], 0.0), MAC, 10.0)
    assert said.lifetime_s == 0
    assert said.prefixes == (OnLink(OLD, 0, 5400),)
    assert said.routes == ((SITE, 0),)
    assert (said.servers, said.domains) == (((SERVER, 0),), (("home.arpa", 0),))
