# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP sends on comes out as the kernel would have sent it, bit for bit; the rest is the kernel's."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any

from qemu.internet import ADDRESS
from tests.vm.frames import HOSTS, LEFT, LINKS, OPENINGS, RULES, SECOND, SENT_ON, SHORTEST
from tests.vm.inside import run_inside
from tests.vm.lab import Lab, eventually
from tests.vm.test_e_packets import PORT, listening, passes, tracked

ASKED = "/var/lib/patronus/xdp-forwarding"
LOADER = "patronus-xdp-load.service"
OBJECT = "/usr/lib/patronus/bpf/xdp_firewall.bpf.o"


FRAME = SENT_ON["TCP there"][1].hex()
IN_ORDER: dict[str, dict[str, Any]] = {
    "now and then": {"frame": FRAME, "due": True},
    "another way": {
        "frame": SENT_ON["TCP by a gateway"][1].hex(),
        "before": ["ip route replace 10.9.0.0/24 via 10.2.0.3"],
        "once": True,
    },
    "a rule forbids it": {
        "frame": FRAME,
        "before": ["nft insert rule inet test forward tcp dport 80 drop"],
        "once": True,
    },
    "and it was ended": {"frame": FRAME, "end": 1000, "once": True},
    "the flow table goes": {
        "frame": SENT_ON["TCP over IPv6"][1].hex(),
        "before": ["nft flush ruleset"],
        "once": True,
    },
}
"""What changes under packets of connections that are sent on, one after the other."""


def results(lab: Lab, cases: dict[str, dict[str, Any]]) -> Any:
    """Let the router's machine try the cases."""
    said = {"rules": RULES, "links": LINKS, "neighbours": HOSTS, "openings": OPENINGS, "cases": cases}
    return run_inside(lab.guest, "tests.vm.sent_on", said, OBJECT)


def on_the_wire(frames: list[str]) -> list[bytes]:
    """Frames as a card sends them."""
    return [bytes.fromhex(frame).ljust(SHORTEST, b"\0") for frame in frames]


def told(frames: list[str]) -> list[bytes]:
    """Frames without what the kernel numbers anew in those that it makes: the id of IPv4, and its sum."""
    raw = (bytearray.fromhex(frame) for frame in frames)
    return [bytes(each[:18] + each[20:24] + each[26:] if each[12:14] == b"\x08\0" else each) for each in raw]


def test_what_is_sent_on_is_what_the_kernel_sends_and_the_rest_is_the_kernels(lab: Lab) -> None:
    cases = {name: {"side": side, "frame": frame.hex()} for name, (side, frame) in (SENT_ON | LEFT).items()}
    cases |= {name: {"side": "near", **case} for name, case in IN_ORDER.items()}
    found = results(lab, cases)
    for name in SENT_ON:
        one = found[name]
        assert one["reasons"] == {"FORWARD": 1}, name
        for side in HOSTS:
            assert on_the_wire(one["xdp"][side]) == on_the_wire(one["kernel"][side]), name
        assert sum(map(len, one["xdp"].values())) == 1, name
    for name in (*LEFT, "now and then"):
        one = found[name]
        assert "FORWARD" not in one["reasons"], name
        for side in HOSTS:
            assert told(one["xdp"][side]) == told(one["kernel"][side]), name
    assert "FORWARD" not in found["another way"]["reasons"]
    (by_second,) = found["another way"]["xdp"]["far"]
    assert by_second.startswith(SECOND.replace(":", "")), "the new route's, at once"
    assert found["a rule forbids it"]["reasons"] == {"FORWARD": 1}, (
        "as in the flow table: who forbids it ends it"
    )
    assert "FORWARD" not in found["and it was ended"]["reasons"], "the very next packet"
    assert found["and it was ended"]["xdp"] == {"near": [], "far": []}
    assert "FORWARD" not in found["the flow table goes"]["reasons"]
    assert len(found["the flow table goes"]["xdp"]["far"]) == 1, "by the kernel, which has no rules any more"


def forwarded(lab: Lab) -> int:
    """Return how many packets XDP has sent on."""
    counters = json.loads(lab.guest.succeed("patronus --json call firewall.Counters"))
    return sum(one["packets"] for one in counters["xdp_counters"] if one["name"] == "forward")


def said_of_cards(lab: Lab) -> list[str]:
    """Return what is said of forwarding at each card on which XDP stands or should."""
    found = json.loads(lab.guest.succeed("patronus --json firewall xdp"))["xdp"]
    return [one["forwards"] for one in found]


def is_sent_on(lab: Lab, near: socket.socket, far: socket.socket) -> None:
    """Speak through a connection until XDP has sent more of it on."""
    before = forwarded(lab)
    eventually(lambda: passes(near, far) and forwarded(lab) > before, timeout_s=60)


def test_the_cards_send_an_open_connection_on_until_a_rule_forbids_it(lab: Lab) -> None:
    lab.lease()
    with closing(listening(lab)) as listener:
        near = lab.client.inside(lambda: socket.create_connection((ADDRESS, PORT), timeout=60))
        far, _ = listener.accept()
    for end in (near, far):
        end.settimeout(60)
    with closing(near), closing(far):
        lab.guest.succeed("patronus connections set offload=on")
        assert passes(near, far)
        assert (forwarded(lab), said_of_cards(lab)) == (0, []), "unless it is asked for"
        lab.guest.fail(f"test -e {ASKED}")
        lab.guest.succeed("patronus connections set xdp_forwarding=on", timeout_s=300)
        lab.guest.succeed(f"test -e {ASKED}")
        assert set(said_of_cards(lab)) == {"on"}
        is_sent_on(lab, near, far)
        for other in ("patronus connections set udp=45s", "patronus block 198.51.100.0/24"):
            lab.guest.succeed(other)
            assert passes(near, far), "an open connection outlives a change"
            is_sent_on(lab, near, far)
        lab.guest.succeed(f"systemctl restart {LOADER}")  # as at the next boot, which finds the file
        lab.guest.wait_until_succeeds(f"systemctl show -P SubState {LOADER} | grep -qx exited", timeout_s=300)
        is_sent_on(lab, near, far)
        deny = f"--from lan --to wan --protocol tcp --port {PORT} --action drop --at 0"
        lab.guest.succeed(f"patronus rules add {deny}")
        far.settimeout(10)
        assert not passes(near, far), "nothing is sent on of what was ended"
        assert tracked(lab, near) == []
    lab.guest.succeed("patronus unblock 198.51.100.0/24; patronus connections set xdp_forwarding=off")
    assert said_of_cards(lab) == []
    lab.guest.fail(f"test -e {ASKED}")
