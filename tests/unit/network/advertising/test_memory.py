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


def test_the_provider_may_give_less_than_hosts_are_told_at_most() -> None:
    short = replace(network(), told=Advertised((OnLink(OLD, 60, 120),)))
    assert compose(short, Memory(), MAC, 0.0).prefixes == (OnLink(OLD, 60, 120),)


def test_another_boot_takes_back_what_it_does_not_say_itself() -> None:
    """Moments of another boot mean nothing: the time for which it is taken back begins anew."""
    kept = json.loads(json.dumps(Memory().follow([network(OLD, server=SERVER)], 9000.0).as_data()))
    memory = Memory.of(kept, 7.0).follow([network(NEW)], 8.0)
    said = compose(network(NEW), memory, MAC, 7.0)
    assert said.prefixes[1] == OnLink(OLD, 0, 5400)
    assert said.servers == ((SERVER, 0),)
    again = Memory.of(kept, 7.0).follow([network(OLD, server=SERVER)], 8.0)
    assert again.told == {"lan": {OLD: None, SERVER: None}}


@pytest.mark.parametrize(
    "data", [None, [], {"lan": None}, {"lan": ["x", 7, None, "::/129"]}, {"lan": [{}]}], ids=str
)
def test_what_was_kept_may_be_anything(data: Any) -> None:
    assert not any(Memory.of(data, 0.0).told.values())


def test_the_last_word_takes_everything_back() -> None:
    told = Advertised((OnLink(OLD),), (IPv6Network("fd00::/48"),), is_way_out=True)
    before = Network("lan", "eth1", told, SERVER, "home.arpa", 1400)
    said = farewell(before, Memory().follow([before], 0.0), MAC, 10.0)
    assert said.lifetime_s == 0
    assert said.prefixes == (OnLink(OLD, 0, 5400),)
    assert said.routes == ((IPv6Network("fd00::/48"), 0),)
    assert (said.servers, said.domains) == (((SERVER, 0),), (("home.arpa", 0),))
