# SPDX-License-Identifier: GPL-2.0-or-later
"""What the firewall lets through is what its rules say, no more, and only as long as they say it."""

import json
import re
import socket

import pytest

from qemu.internet import ADDRESS, PAGE, Web
from qemu.topology import Host
from tests.vm.lab import LAN_ADDRESS, Lab

PORTS = "22,53,67,80,443,1000-1010,8443"


def open_ports(scanner: Host, address: str) -> list[int]:
    """Scan with nmap; return the ports that it calls open."""
    argv = ["nmap", "-n", "-Pn", "-sS", "--max-retries", "2", "-oG", "-", "-p", PORTS, address]
    return [int(port) for port in re.findall(r"(\d+)/open/", scanner.succeed(argv, timeout_s=120))]


def fetch(host: Host, url: str) -> bool:
    """Whether a host gets the page."""
    done = host.execute(["curl", "--silent", "--max-time", "6", url])
    return done.returncode == 0 and done.stdout == PAGE


def add_rule(lab: Lab, *options: str) -> str:
    """Add a rule on the command line; return its id."""
    added = json.loads(lab.guest.succeed("patronus --json rules add " + " ".join(options)))
    return str(added["id"])


def test_a_scan_from_the_wan_finds_exactly_what_a_rule_allows(lab: Lab) -> None:
    address = lab.wan_address()
    assert open_ports(lab.scanner, address) == []
    rule = add_rule(lab, "--from wan --to self --protocol tcp --port 443 --action allow")
    assert open_ports(lab.scanner, address) == [443]
    lab.lease()
    assert lab.client.succeed(["dig", "+short", f"@{LAN_ADDRESS}", "www.example"]).strip() == ADDRESS
    lab.guest.succeed(f"patronus rules remove {rule}")
    assert open_ports(lab.scanner, address) == []


def test_a_port_forward_works_from_outside_and_inside_until_it_is_removed(lab: Lab) -> None:
    inside, outer = lab.lease(), lab.wan_address()
    lab.lease("other")
    web = Web()
    web.open(lab.client, inside, 8080)
    url = f"http://{outer}:8443/"
    assert not fetch(lab.scanner, url)
    nat = "/etc/patronus/firewall/nat.yaml"
    forward = (
        f"  - {{id: n-web, type: dnat, in: wan, protocol: tcp, destination_port: 8443, to: '{inside}:8080', "
    )
    lab.guest.succeed(f'cp {nat} /tmp/nat.yaml && echo "{forward}hairpin: true, rule: true}}" >>{nat}')
    lab.guest.succeed("patronus config commit")
    assert fetch(lab.scanner, url)
    assert web.visitors == ["203.0.113.2"]
    assert fetch(lab.other, url)
    lab.guest.succeed(f"cat /tmp/nat.yaml >{nat} && patronus config commit")
    assert not fetch(lab.scanner, url)
    assert not fetch(lab.other, url)
    web.close()


def test_a_new_deny_ends_the_connection_that_it_forbids_and_no_other(lab: Lab) -> None:
    addresses = {"client": lab.lease("client"), "other": lab.lease("other")}
    listener = lab.server.inside(lambda: socket.create_server((ADDRESS, 9000)))
    listener.settimeout(15)
    ends = {}
    for host in (lab.client, lab.other):
        near = host.inside(lambda: socket.create_connection((ADDRESS, 9000), timeout=15))
        far, _ = listener.accept()
        near.settimeout(4)
        ends[host.namespace.name] = near, far
        assert _passes(near, far)
    rule = add_rule(lab, f"--from lan --to wan --source {addresses['client']} --action drop --at 0")
    assert not _passes(*ends["client"])
    assert _passes(*ends["other"])
    lab.guest.succeed(f"patronus rules remove {rule}")
    again = lab.client.inside(lambda: socket.create_connection((ADDRESS, 9000), timeout=15))
    for end in (again, listener, *ends["client"], *ends["other"]):
        end.close()


def _passes(near: socket.socket, far: socket.socket) -> bool:
    """Whether a byte gets through, far answering to near."""
    near.sendall(b"?")
    far.settimeout(4)
    try:
        return far.recv(1) == b"?"
    except (TimeoutError, ConnectionError):
        return False


@pytest.mark.parametrize("host", ["client", "other"])
def test_a_rule_names_one_host_and_spares_the_next(lab: Lab, host: str) -> None:
    addresses = {name: lab.lease(name) for name in ("client", "other")}
    rule = add_rule(lab, f"--from lan --to wan --source {addresses[host]} --action reject --at 0")
    hosts = {"client": lab.client, "other": lab.other}
    for name, end in hosts.items():
        assert fetch(end, f"http://{ADDRESS}/") == (name != host)
    lab.guest.succeed(f"patronus rules remove {rule}")
    assert fetch(hosts[host], f"http://{ADDRESS}/")
