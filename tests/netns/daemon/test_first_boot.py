# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that nobody has configured comes up and serves a LAN; what should not pass does not."""

from __future__ import annotations

import json
import pwd
from pathlib import Path
from socket import SOCK_STREAM

import pytest

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.provider import WEB
from tests.netns.lab import Namespace, connecting
from tests.netns.services.network import dig
from tests.netns.services.test_dhcp import BRIEFLY_S, udhcpc


def addresses6(namespace: Namespace, device: str, scope: str) -> list[str]:
    """Return the IPv6 addresses that can be used by now, without prefix lengths."""
    found = json.loads(namespace.ip(f"-json -6 address show dev {device} scope {scope} -tentative"))
    return [str(one["local"]) for entry in found for one in entry.get("addr_info", []) if "local" in one]


def link_local(namespace: Namespace, device: str) -> str:
    found: list[str] = eventually(lambda: addresses6(namespace, device, "link"), "a link-local address")
    return found[0]


def local_addresses(machine: Machine) -> list[str]:
    """Return the addresses that a host of the LAN has made for itself from the router's local prefix."""
    return [one for one in addresses6(machine.lan, "eth0", "global") if one.startswith("fd")]


def routes6(namespace: Namespace, which: str) -> list[str]:
    return [one["dst"] for one in json.loads(namespace.ip(f"-json -6 route show {which}"))]


def test_the_factorys_configuration_runs_as_planned(machine: Machine) -> None:
    assert machine.call("system.Status")["generation"] == 1
    assert machine.doctor() == []
    assert machine.call("config.Check") == {"problems": [], "changes": []}


def test_a_client_resolves_and_surfs_and_the_world_sees_the_routers_address(machine: Machine) -> None:
    wan = machine.uplinked()
    address = machine.lease("-h", "laptop")
    assert address.startswith("192.168.1.1")
    eventually(lambda: dig(machine.lan, "www.example") == [WEB], "the name of the web server")
    assert eventually(machine.page, "the page") == f"you are {wan}\n"


def test_the_lease_has_a_name(machine: Machine) -> None:
    address = machine.lease("-h", "printer")
    eventually(lambda: dig(machine.lan, "printer.home.arpa") == [address], "the lease's name")
    assert dig(machine.lan, "scanner.home.arpa") == []
    found = {lease["address"]: lease["hostname"] for lease in machine.call("dhcp.ListLeases")["leases"]}
    assert found[address] == "printer"


def test_the_world_outside_gets_nothing(machine: Machine) -> None:
    """Neither the router's services nor, by routes of its own, a host of the LAN."""
    wan, local = machine.uplinked(), link_local(machine.router, "eth1")
    lan, lan6 = machine.lease("-h", "laptop"), eventually(lambda: local_addresses(machine), "an address")[0]
    machine.wan.ip(f"route replace 192.168.1.0/24 via {wan}")
    machine.wan.ip(f"route replace fc00::/7 via {local} dev isp")
    machine.wan.ip("address replace 2001:db8:77::1/64 dev isp nodad")
    for own in (wan, f"{local}%isp"):
        assert dig(machine.wan, "printer.home.arpa", "+time=1", at=own) == []
    for version, address in ((4, lan), (6, lan6)):
        with machine.lan.socket(version, SOCK_STREAM) as listener:
            listener.bind((address, 8080))
            listener.listen()
            for place, passes in ((machine.router, True), (machine.wan, False)):
                with place.socket(version, SOCK_STREAM) as caller:
                    assert (connecting(caller, address, 8080) == 0) == passes, (address, passes)


def test_hosts_have_a_local_ipv6_address_and_no_way_out_where_nobody_delegates(machine: Machine) -> None:
    """So that they prefer IPv4, and none waits for answers that cannot come; within, names and IPv6 work."""
    eventually(lambda: local_addresses(machine), "an address in the local prefix")
    assert routes6(machine.lan, "default dev eth0") == []
    (own,) = (one for one in addresses6(machine.router, "eth0", "global") if one.startswith("fd"))
    eventually(lambda: dig(machine.lan, "www.example", at=own) == [WEB], "a name, asked for over IPv6")
    assert machine.call("advertising.List")["networks"][0]["default_router"] is False


def test_a_network_card_without_a_role_is_not_served(machine: Machine) -> None:
    assert udhcpc(machine.dmz, patience_s=BRIEFLY_S) == ""
    assert udhcpc(machine.lan) != ""


@pytest.mark.parametrize("broken", [b"zones: [}", b"zones: [{id: lan, to: {moon: allow}}]", b"zones: [\xff]"])
def test_a_broken_file_of_the_owner_does_not_keep_the_router_down(broken: bytes) -> None:
    machine = Machine({"patronus.file.firewall.zones": broken})
    try:
        machine.start()
        notices = "\n".join(machine.call("system.Status")["notices"])
        assert "firewall/zones.yaml:1" in notices
        assert "firewall/zones.yaml:1" in machine.said()
        assert machine.uplinked()
        assert machine.lease().startswith("192.168.1.")
        assert machine.doctor() == []
        assert "Traceback" not in machine.said()
    finally:
        machine.close()


def test_a_sound_file_of_the_owner_is_taken() -> None:
    machine = Machine({"patronus.file.patronus": b'[system]\nhostname = "attic"\n'})
    try:
        machine.start()
        status = machine.call("system.Status")
        assert (status["hostname"], status["notices"]) == ("attic", [])
    finally:
        machine.close()


def test_the_daemon_has_no_more_rights_than_its_unit_gives(machine: Machine) -> None:
    assert machine.daemon is not None
    lines = Path(f"/proc/{machine.daemon.pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert set(status["Uid"].split()) == {str(pwd.getpwnam("patronus").pw_uid)}
    assert (
        status["CapEff"] == status["CapBnd"] == "000000c000003400"
    )  # net_bind_service, net_admin, net_raw, perfmon, bpf
    assert status["NoNewPrivs"] == "1"
