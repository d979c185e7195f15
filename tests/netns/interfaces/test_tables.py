# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes that end a search in a table of their own: the kernel takes them, and gives them back so."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network

from patronus.core.route_table import REFUSES, NextHop, TableRoute
from patronus.kernel.route_tables import RouteTables
from tests.netns.lab import Namespace

ENDS = tuple(
    TableRoute(7, ip_network(everything), (), REFUSES, "unreachable") for everything in ("0.0.0.0/0", "::/0")
)


def test_what_refuses_is_read_as_it_was_told_and_goes_alone(wired: Namespace) -> None:
    wired.ip("link set eth0 up")
    wired.ip("address add 10.64.0.1/24 dev eth0")
    way = TableRoute(7, ip_network("0.0.0.0/0"), (NextHop("eth0", ip_address("10.64.0.9")),), 100)
    tables = RouteTables()
    for one in (*ENDS, way):
        tables.set_route(None, one)
    assert set(tables.snapshot().routes) == {*ENDS, way}
    (end,) = json.loads(wired.ip("-json route show table 7 type unreachable"))
    assert (end["dst"], end["metric"]) == ("default", REFUSES)
    tables.delete_route(ENDS[0])
    assert set(tables.snapshot().routes) == {ENDS[1], way}
    tables.delete_route(ENDS[1])
    tables.delete_route(way)
    assert tables.snapshot().routes == ()
