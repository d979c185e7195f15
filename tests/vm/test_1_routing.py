# SPDX-License-Identifier: GPL-2.0-or-later
"""A LAN client gets a lease, resolves a name, fetches a page from the WAN through NAT."""

from qemu.internet import ADDRESS, NAME, PAGE
from tests.vm.lab import LAN_ADDRESS, Lab, eventually

CURL = ["curl", "--silent", "--show-error", "--max-time", "15"]


def test_a_client_reaches_the_web_and_the_server_sees_the_wan_address(lab: Lab) -> None:
    address = lab.lease()
    assert address.startswith("192.168.1.1")
    assert lab.client.succeed(["dig", "+short", f"@{LAN_ADDRESS}", NAME]).strip() == ADDRESS
    assert lab.client.succeed([*CURL, f"http://{NAME}/"]) == PAGE
    assert lab.internet.web.visitors == [lab.wan_address()]
    assert address in lab.guest.succeed("patronus leases")


def test_without_the_masquerade_the_same_fetch_fails(lab: Lab) -> None:
    lab.lease()
    lab.client.succeed([*CURL, f"http://{ADDRESS}/"])
    lab.guest.succeed("printf 'nat: []\\n' >/etc/patronus/firewall/nat.yaml && patronus config commit")
    eventually(lambda: "masquerade" not in lab.guest.succeed("nft list ruleset"))
    lab.client.fail(["curl", "--silent", "--max-time", "4", f"http://{ADDRESS}/"])


def test_udhcpc_gets_a_lease_too_and_the_two_differ(lab: Lab) -> None:
    first = lab.lease()
    said = lab.other.execute(["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", "10", "-s", "/bin/true"],
                             timeout_s=45)  # fmt: skip
    assert said.returncode == 0, said.stderr
    leases = lab.guest.succeed("patronus leases")
    assert first in leases
    assert lab.other.mac() in leases
