# SPDX-License-Identifier: GPL-2.0-or-later
"""The image's kernel has CAKE, which others may lack: an uplink is shaped with it both ways."""

from __future__ import annotations

import json
from typing import Any

from qemu.internet import ADDRESS, PAGE
from tests.vm.lab import Lab
from tests.vm.test_1_routing import CURL

TURN = "ifb-wan"
BYTES_PER_S = 1_000_000
"""Eight megabits, as tc(8) writes them."""


def cake(lab: Lab, device: str) -> list[dict[str, Any]]:
    """Return the options of the CAKE queues of a device."""
    queues = json.loads(lab.guest.succeed("tc -json qdisc show"))
    return [one["options"] for one in queues if (one["kind"], one["dev"]) == ("cake", device)]


def test_an_uplink_is_shaped_with_cake_both_ways_until_it_is_not(lab: Lab) -> None:
    lab.lease()
    lab.guest.succeed("patronus qos set wan --download 8mbit --upload 8mbit --link docsis")
    (sending,), (arriving,) = cake(lab, lab.link(lab.nics[1])), cake(lab, TURN)
    assert (sending["bandwidth"], arriving["bandwidth"]) == (BYTES_PER_S, BYTES_PER_S)
    assert sending["nat"] and arriving["ingress"]
    assert lab.client.succeed([*CURL, f"http://{ADDRESS}/"]) == PAGE
    (shaper,) = json.loads(lab.guest.succeed("patronus --json qos status"))["shapers"]
    for lane in (shaper["download"], shaper["upload"]):
        assert (lane["method"], lane["state"]) == ("cake", "active")
        assert lane["counted"]["bytes"] > len(PAGE)
    lab.guest.succeed("patronus qos remove wan")
    assert cake(lab, lab.link(lab.nics[1])) == []
    lab.guest.fail(f"ip link show {TURN}")
    assert lab.client.succeed([*CURL, f"http://{ADDRESS}/"]) == PAGE
