# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shown of a neighbour, from what FRR 10 said of it."""

from __future__ import annotations

from typing import Any

import pytest

from patronus.network.dynamic.neighbors import of_bgp
from tests.unit.network.dynamic.test_configuration import neighbors, planned

PEER = {"id": "isp", "address": "10.0.0.2", "remote_as": 64500}
UP = {
    "bgpState": "Established",
    "bgpTimerUpMsec": 42000,
    "connectionsEstablished": 2,
    "connectionsDropped": 1,
    "addressFamilyInfo": {"ipv4Unicast": {"acceptedPrefixCounter": 1, "sentPrefixCounter": 2}},
}
DOWN = {"bgpState": "Active", "connectionsEstablished": 1}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({**UP, "lastResetDueTo": "No AFI/SAFI activated for peer"}, None),
        ({**UP, "lastResetDueTo": "Interface down"}, "the interface is down"),
        ({**UP, "connectionsDropped": 0, "lastResetDueTo": "Interface down"}, None),
        ({**DOWN, "lastResetDueTo": "No AFI/SAFI activated for peer"}, "no family of routes is agreed on"),
        ({**DOWN, "lastResetDueTo": "Waiting for NHT"}, "no route leads to it"),
        (
            {**DOWN, "connectionsEstablished": 0, "lastResetDueTo": "No AFI/SAFI activated for peer"},
            "it does not answer on TCP port 179",
        ),
        ({**DOWN, "lastNotificationReason": "Cease/Peer reset "}, "the session ended: Cease/Peer reset"),
        ({"bgpState": "Idle", "adminShutDown": True}, "it waits for its secret"),
    ],
)
def test_the_reason_is_that_of_the_session(said: dict[str, Any], reason: str | None) -> None:
    (found,) = of_bgp(planned(neighbors(PEER)), {"10.0.0.2": said}, 0)
    assert found.reason == reason
    assert found.up is (said["bgpState"] == "Established")


def test_a_session_that_stands_is_counted_and_one_that_does_not_is_not() -> None:
    plan = planned(neighbors(PEER))
    (found,) = of_bgp(plan, {"10.0.0.2": UP}, 0)
    assert (found.since_s, found.received, found.sent) == (42.0, 1, 2)
    (found,) = of_bgp(plan, {"10.0.0.2": {**UP, **DOWN}}, 0)
    assert (found.since_s, found.received, found.sent) == (None, None, None)


def test_whom_the_daemon_does_not_know_is_silent() -> None:
    (found,) = of_bgp(planned(neighbors(PEER)), {}, 0)
    assert (found.state, found.reason) == ("silent", "bgpd does not know it")
