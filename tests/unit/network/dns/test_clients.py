# SPDX-License-Identifier: GPL-2.0-or-later
"""A client has the first policy that fits where and from which address it asks."""

from __future__ import annotations

import pytest

from patronus.network.dns.clients import REMEMBERED, Clients
from patronus.network.dns.config import Policy

CLIENTS = Clients(
    [
        Policy("printer", clients=("192.168.1.70/32",)),
        Policy("kids", devices=("lan0",), clients=("192.168.1.64/26", "fd00:1::/64")),
        Policy("guests", devices=("guest0", "guest1")),
    ]
)


@pytest.mark.parametrize(
    ("device", "address", "view"),
    [
        ("lan0", "192.168.1.70", 1),
        ("wan0", "192.168.1.70", 1),
        ("lan0", "192.168.1.71", 2),
        ("lan1", "192.168.1.71", 0),
        ("lan0", "fd00:1::5", 2),
        ("lan0", "fd00:2::5", 0),
        ("lan0", "192.168.1.50", 0),
        ("guest1", "10.10.0.9", 3),
        ("guest0", "fe80::1%guest0", 3),
        ("lan0", "fe80::1%lan0", 0),
        ("", "127.0.0.1", 0),
    ],
)
def test_the_first_that_fits_counts(device: str, address: str, view: int) -> None:
    assert [CLIENTS.view(device, address) for _ in range(2)] == [view, view]


def test_a_number_has_its_policys_name_and_none_has_none() -> None:
    assert [CLIENTS.policy(view) for view in range(4)] == ["", "printer", "kids", "guests"]


def test_without_policies_nobody_is_looked_at() -> None:
    assert not Clients(())
    assert CLIENTS


def test_invented_addresses_take_no_memory_for_good() -> None:
    clients = Clients([Policy("all", clients=("10.0.0.0/8",))])
    for number in range(REMEMBERED + 10):
        assert clients.view("lan0", f"10.0.{number >> 8}.{number & 255}") == 1
    assert len(clients._known) == 10


def test_what_is_no_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="kids"):
        Clients([Policy("x", clients=("kids",))])
