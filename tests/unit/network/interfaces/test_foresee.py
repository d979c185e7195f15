# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses that go away are said before they go."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest

from patronus.core.link import IpInterface
from patronus.network.interfaces.foresee import foresee
from patronus.network.interfaces.plan import InterfacesPlan

OLD, NEW, V6 = (ip_interface(text) for text in ("192.168.1.1/24", "192.168.2.1/24", "fd00:1::1/64"))
NOW = InterfacesPlan(devices={"lan": "eth0", "wan": None}, addresses={"lan": (OLD, V6), "wan": (NEW,)})


def plan(device: str | None, *addresses: IpInterface) -> InterfacesPlan:
    return InterfacesPlan(devices={"lan": device, "wan": None}, addresses={"lan": addresses})


def test_addresses_that_stay_are_no_matter() -> None:
    assert list(foresee(plan("eth0", V6, OLD, NEW), NOW)) == []


def test_a_changed_address_is_said_with_the_new_one() -> None:
    (service,) = foresee(plan("eth0", NEW, V6), NOW)
    assert (service.kind, service.works) == ("service", False)
    assert service.after == "found at 192.168.2.1 instead"
    assert service.what == "the router's address 192.168.1.1 on lan"


@pytest.mark.parametrize(
    ("after", "words"),
    [(plan("eth0", V6), "gone from lan"), (plan(None, OLD, V6), "lan has no device any more")],
)
def test_an_address_that_is_gone_for_good_is_said_so(after: InterfacesPlan, words: str) -> None:
    assert next(iter(foresee(after, NOW))).after == words
