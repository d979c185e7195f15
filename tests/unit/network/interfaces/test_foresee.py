# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses that go away are said before they go, and to whom they matter most."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from patronus.core.link import IpInterface
from patronus.network.interfaces.foresee import foresee
from patronus.network.interfaces.plan import InterfacesPlan

OLD, NEW, V6 = (ip_interface(text) for text in ("192.168.1.1/24", "192.168.2.1/24", "fd00:1::1/64"))
VISITOR = ip_address("192.168.1.9")
NOW = InterfacesPlan(devices={"lan": "eth0", "wan": None}, addresses={"lan": (OLD, V6), "wan": (NEW,)})


def plan(device: str | None, *addresses: IpInterface) -> InterfacesPlan:
    return InterfacesPlan(devices={"lan": device, "wan": None}, addresses={"lan": addresses})


def test_addresses_that_stay_are_no_matter() -> None:
    assert list(foresee(plan("eth0", V6, OLD, NEW), NOW, VISITOR)) == []


def test_a_changed_address_is_said_with_the_new_one_and_to_the_committer() -> None:
    session, service = foresee(plan("eth0", NEW, V6), NOW, VISITOR)
    assert (session.kind, service.kind) == ("session", "service") and not (session.works or service.works)
    assert session.after == service.after == "found at 192.168.2.1 instead"
    assert service.what == "the router's address 192.168.1.1 on lan"


def test_who_comes_from_elsewhere_does_not_lose_a_session() -> None:
    assert [one.kind for one in foresee(plan("eth0", NEW, V6), NOW, ip_address("10.0.0.1"))] == ["service"]
    assert [one.kind for one in foresee(plan("eth0", NEW, V6), NOW, None)] == ["service"]


@pytest.mark.parametrize(
    ("after", "words"),
    [(plan("eth0", V6), "gone from lan"), (plan(None, OLD, V6), "lan has no device any more")],
)
def test_an_address_that_is_gone_for_good_is_said_so(after: InterfacesPlan, words: str) -> None:
    assert next(iter(foresee(after, NOW, VISITOR))).after == words
