# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink dials in by PPPoE, which kernels of workstations may lack, to a program that is not ours."""

from __future__ import annotations

import json
from typing import Any

from qemu.capture import Capture
from qemu.internet import NAME, PAGE
from tests.vm.lab import Lab, eventually
from tests.vm.provider import FAR, NEAR, USER, Provider
from tests.vm.test_1_routing import CURL

FILE = "/etc/patronus/network/interfaces.yaml"
CARD, SESSION = (
    "  - id: wan\n",
    """
  - id: modem
    match: {{mac: "{mac}"}}
  - id: wan
    pppoe: {{parent: modem, user: {user}, password: {{secret: dsl}}}}
    zone: wan
    ipv4: {{method: pppoe}}
    ipv6: {{method: dhcp, prefix_delegation: {{hint: 56}}}}
""",
)
REPORT = "/run/patronus-pppd/wan/report.json"
REFUSED = "authentication failed: the provider refuses the user name or the password"
OF_ETHERNET, OF_PPPOE = 1460, 1452
"""The largest segments of TCP over IPv4."""
_FLAGS, _OPTIONS = 14 + 20 + 13, 14 + 20 + 20
"""Where TCP has them in a frame."""
_SYN, _ACK = 0x02, 0x10


def dial(lab: Lab, password: str) -> None:
    """Let the uplink be a session over the card that it was before."""
    lab.guest.succeed(f"printf {password} | patronus secret set dsl")
    before, _, _ = lab.guest.succeed(f"cat {FILE}").partition(CARD)
    lab.guest.copy_to((before + SESSION.format(mac=lab.nics[1].mac, user=USER)).encode(), FILE)
    lab.guest.succeed("patronus config commit")


def session(lab: Lab) -> dict[str, Any]:
    """Return what people are told of the session."""
    listed = json.loads(lab.guest.succeed("patronus --json interfaces"))["interfaces"]
    (found,) = (one["session"] for one in listed if one["id"] == "wan")
    return dict(found)


def wait_up(lab: Lab) -> None:
    """Wait until the dialler tells of the provider: pppd has set up the link and the route by then."""
    lab.guest.wait_until_succeeds(f"grep {NEAR} {REPORT}", timeout_s=300)


def wait_for_the_web(lab: Lab) -> None:
    """Wait until a name leads there: the DNS server is told of the provider's a moment after the address."""
    eventually(lambda: lab.client.execute([*CURL, f"http://{NAME}/"]).stdout == PAGE, timeout_s=120)


def largest_segment(watched: Capture, flags: int) -> int:
    """Return what one end of a connection told the other in the packet that opens it."""
    frame = watched.wait(lambda frame: frame[_OPTIONS : _OPTIONS + 2] == b"\2\4" and frame[_FLAGS] == flags)
    return int.from_bytes(frame[_OPTIONS + 2 : _OPTIONS + 4])


def test_a_session_comes_up_with_the_right_password_and_comes_back(lab: Lab) -> None:
    with lab.wan.spliced(lab.dmz):
        provider = Provider(lab.guest, lab.link(lab.nics[2]), "right")
        provider.open()
        dial(lab, "wrong")
        lab.guest.wait_until_succeeds(f"grep failed {REPORT}", timeout_s=300)
        told = session(lab)
        assert (told["up"], told["address"], told["error"]) == (False, None, REFUSED)
        assert lab.guest.succeed("ip route show default") == ""
        lab.guest.succeed("printf right | patronus secret set dsl")
        wait_up(lab)
        told = session(lab)
        assert (told["up"], told["address"], told["peer"], told["error"]) == (True, FAR, NEAR, None)
        assert told["concentrator"] == lab.nics[2].mac
        assert lab.guest.succeed("ip route show default").startswith("default dev wan ")
        reaches_the_web_in_segments_that_fit(lab)
        provider.close()
        lab.guest.wait_until_succeeds("! ip link show dev wan", timeout_s=300)
        lab.client.fail(["curl", "--silent", "--max-time", "4", f"http://{NAME}/"])
        provider.open()
        wait_up(lab)
        wait_for_the_web(lab)


def reaches_the_web_in_segments_that_fit(lab: Lab) -> None:
    """See a LAN client fetch a page, by a name of the provider's DNS, from the session's address."""
    lab.lease()
    with lab.client.capture() as near, lab.server.capture() as far:
        wait_for_the_web(lab)
        assert set(lab.internet.web.visitors) == {FAR}
        assert [largest_segment(end, _SYN) for end in (near, far)] == [OF_ETHERNET, OF_PPPOE]
        assert [largest_segment(end, _SYN | _ACK) for end in (far, near)] == [OF_ETHERNET, OF_PPPOE]
