# SPDX-License-Identifier: GPL-2.0-or-later
"""DHCPv6 on the whole router: dhcpcd follows the advertisement, asks through the real rules, has a name."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.interfaces.delegating import Delegating
from tests.netns.lab import Namespace
from tests.netns.services.network import dig

POOL = """
ipv6_pools:
  - id: lan6
    interface: lan
    ranges: ["::1000-::10ff"]
"""
SETTINGS = """
ipv6_pools:
  - {id: lan6, interface: lan}
"""
HOOK = '#!/bin/sh\n[ -z "$new_dhcp6_name_servers" ] || echo "$reason $new_dhcp6_name_servers" >> {told}\n'


@contextmanager
def dhcpcd(machine: Machine, namespace: Namespace, *lines: str) -> Iterator[Path]:
    """Run dhcpcd for IPv6, told by the router alone what to ask for; lend where it writes what it got."""
    told, hook, conf = (machine.root / f"six-{name}" for name in ("told", "hook", "conf"))
    told.write_text("")
    hook.write_text(HOOK.format(told=told))
    hook.chmod(0o755)
    conf.write_text("\n".join(("ipv6only", "nodelay", "duid ll", "option dhcp6_name_servers", *lines)) + "\n")
    namespace.sysctl("net.ipv6.conf.eth0.accept_ra", "0")
    script = 'mount -t tmpfs none /var/lib/dhcpcd && mount --bind "$1" /run/dhcpcd && shift && exec "$@"'
    run = machine.root / "six-run"
    run.mkdir(exist_ok=True)
    arguments = ["-6", "-B", "-f", str(conf), "-c", str(hook), "eth0"]
    with namespace:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", str(run), "dhcpcd", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield told
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def write(machine: Machine, added: str) -> None:
    """Write the pools beside those of IPv4, and wait until they are told."""
    before = machine.file("network/dhcp.yaml").read_text().partition("\nipv6_pools:")[0].rstrip() + "\n"
    machine.file("network/dhcp.yaml").write_text(before + added)
    said = machine.patronus("config", "commit")
    assert said.code == 0, said.err


def leases6(machine: Machine) -> list[dict[str, Any]]:
    return [one for one in machine.call("dhcp.ListLeases")["leases"] if ":" in one["address"]]


def flags(machine: Machine) -> tuple[bool, bool]:
    (network,) = machine.call("advertising.List")["networks"]
    return network["managed"], network["other"]


def test_a_host_is_led_to_an_address_and_its_name_and_its_reservation_are_kept(machine: Machine) -> None:
    assert machine.lease() and flags(machine) == (False, False)
    write(machine, POOL)
    assert flags(machine) == (True, True)
    with dhcpcd(machine, machine.lan, "hostname", "fqdn both", "hostname_short") as told:
        (lease,) = eventually(lambda: leases6(machine), "a lease")
        eventually(
            lambda: lease["address"] in machine.lan.ip("-6 address show dev eth0"), "the address there"
        )
        eventually(told.read_text, "the DNS server")
    assert lease["address"].startswith("fd") and "::10" in lease["address"]
    duid = lease["client"].removeprefix("duid:").partition("/")[0]
    wanted = lease["address"].partition("::")[0] + "::77"
    said = machine.patronus("reserve", duid, wanted, "--pool", "lan6", "--hostname", "host6")
    assert said.code == 0, said.err
    assert 'address: "::77"' in machine.file("network/dhcp.yaml").read_text().replace("'", '"')
    with dhcpcd(machine, machine.lan):
        eventually(lambda: wanted in machine.lan.ip("-6 address show dev eth0"), "the reserved address")
        eventually(lambda: dig(machine.lan, "host6.home.arpa", "AAAA") == [wanted], "its name")
    assert dig(machine.lan, "-x", wanted) == ["host6.home.arpa."]
    assert wanted in machine.patronus("leases").out
    machine.call("dhcp.RemoveLease", address=wanted)
    eventually(lambda: dig(machine.lan, "host6.home.arpa", "AAAA") == [], "the end of the name")
    assert leases6(machine) == []
    assert machine.doctor() == []


def test_where_it_has_settings_alone_a_host_is_told_them_and_gets_no_address(machine: Machine) -> None:
    write(machine, SETTINGS)
    assert flags(machine) == (False, True)
    with dhcpcd(machine, machine.lan) as told:
        text = eventually(told.read_text, "the DNS server")
    assert text.startswith("INFORM6 fd") and leases6(machine) == []
    write(machine, "")
    assert flags(machine) == (False, False)


def routes(machine: Machine) -> list[str]:
    """Return the routes of the router to what it delegates."""
    found = machine.router.ip("-6 route show").splitlines()
    return [line for line in found if line.startswith("2001:db8:4") and " via " in line]


def prefixes(machine: Machine) -> list[str]:
    """Return the prefixes that routers have."""
    return [one["address"] for one in machine.call("dhcp.ListLeases")["leases"] if one["via"]]


def reaches(machine: Machine, address: str) -> bool:
    with machine.router:
        command = ["ping", "-6", "-c", "1", "-W", "5", address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_router_behind_gets_a_prefix_and_the_route_to_it_for_as_long_as_it_has_it(machine: Machine) -> None:
    write(machine, POOL)
    counters = machine.call("dhcp.Status")["counters"]
    with dhcpcd(machine, machine.lan, "ia_pd 1"):
        answered = counters.get("IPv6: sent", 0)
        eventually(
            lambda: machine.call("dhcp.Status")["counters"].get("IPv6: sent", 0) > answered, "the refusal"
        )
    assert leases6(machine) == [] and routes(machine) == []
    write(machine, f"{POOL}    delegation: {{prefix: '2001:db8:4000::/40', length: 56}}\n")
    with dhcpcd(machine, machine.lan, "ia_pd 1"):
        (lease,) = eventually(lambda: leases6(machine), "a lease")
        (route,) = eventually(lambda: routes(machine), "the route")
        inside = lease["address"].partition("/")[0] + "7"
        machine.lan.ip(f"-6 address add {inside}/128 dev lo nodad")
        eventually(lambda: reaches(machine, inside), "an answer from behind the router")
    assert lease["address"].endswith("/56") and lease["via"].startswith("fe80::")
    assert route.startswith(f"{lease['address']} via {lease['via']} dev eth0")
    assert machine.stop() == 0
    machine.start()
    assert routes(machine) == [route] and machine.doctor() == []
    assert lease["address"] in machine.patronus("leases").out
    machine.call("dhcp.RemoveLease", address=lease["address"].partition("/")[0])
    eventually(lambda: routes(machine) == [], "the end of the route")
    assert leases6(machine) == [] and machine.doctor() == []


def test_a_router_behind_has_the_same_part_of_whatever_the_provider_gives(machine: Machine) -> None:
    """And there is a route to that part alone, also before the router has asked again."""
    provider = Delegating(machine.wan, "2001:db8:4a00::/56")
    try:
        write(machine, f"{POOL}    delegation: {{from: wan, length: 60, first: 16}}\n")
        with dhcpcd(machine, machine.lan, "ia_pd 1"):
            (before,) = eventually(lambda: prefixes(machine), "a prefix")
            eventually(lambda: [one.split()[0] for one in routes(machine)] == [before], "the route")
        assert before.startswith("2001:db8:4a00:") and before.endswith("/60")
        provider.delegate("2001:db8:4b00::/56")
        after = before.replace(":4a00:", ":4b00:")
        eventually(lambda: prefixes(machine) == [after], "the same part of the new prefix")
        eventually(lambda: [one.split()[0] for one in routes(machine)] == [after], "the route to it")
        with dhcpcd(machine, machine.lan, "ia_pd 1"):
            eventually(lambda: f"unreachable {after}" in machine.lan.ip("-6 route show"), "what it is told")
    finally:
        provider.close()


def test_a_prefix_is_kept_for_one_router_which_gets_it_and_nobody_else_does(machine: Machine) -> None:
    """By the command; the router has another one before, and asks again."""
    delegation = "    delegation: {prefix: '2001:db8:4000::/56', length: 60, first: 16}\n"
    write(machine, POOL + delegation)
    with dhcpcd(machine, machine.lan, "ia_pd 1"):
        (before,) = eventually(lambda: leases6(machine), "a prefix")
    duid = before["client"].removeprefix("duid:").partition("/")[0]
    subnet = 64 if before["subnet"] != 64 else 80
    reserve = ("reserve", duid, str(subnet), "--pool", "lan6")
    assert "gives routers no prefixes" in machine.patronus("reserve", duid, "64", "--pool", "lan").err
    assert "no /60 begins at /64 number 65" in machine.patronus("reserve", duid, "65", "--pool", "lan6").err
    assert machine.patronus(*reserve).code == 0
    assert f"subnet: {subnet}" in machine.file("network/dhcp.yaml").read_text()
    kept = f"2001:db8:4000:{subnet:x}::/60"
    with dhcpcd(machine, machine.lan, "ia_pd 1"):
        eventually(lambda: prefixes(machine) == [kept], "what is kept for it")
    (lease,) = leases6(machine)
    assert (lease["reserved"], lease["subnet"]) == (True, subnet)
    (pool,) = (one for one in machine.call("dhcp.ListPools")["pools"] if one["id"] == "lan6")
    ((reservation),) = pool["reservations"]
    assert (reservation["subnet"], reservation["duid"]) == (subnet, duid)
    machine.call("dhcp.RemoveReservation", id=reservation["id"])
    assert "subnet" not in machine.file("network/dhcp.yaml").read_text()
    assert machine.doctor() == []


def test_the_world_outside_is_not_answered_and_learns_nothing(machine: Machine) -> None:
    """Its question is dropped before the server, which listens on the LAN's card alone."""
    write(machine, POOL)
    listening = machine.router.run("ss", "-H", "-lun6")
    assert "%eth0:547" in listening and "%eth1:547" not in listening
    assert "547" in machine.ruleset()
    write(machine, "")
    assert "547" not in machine.ruleset() and ":547" not in machine.router.run("ss", "-H", "-lun6")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{id: lan, interface: lan}", "a pool for IPv4 is called lan too"),
        ("{id: x, interface: wan}", "wan sends no router advertisements"),
        ('{id: x, interface: lan, ranges: ["fd00::1-fd00::9"]}', "is not written without its prefix"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(machine: Machine, wrong: str, said: str) -> None:
    path = machine.file("network/dhcp.yaml")
    before = path.read_text()
    path.write_text(before + f"ipv6_pools:\n  - {wrong}\n")
    try:
        found = machine.patronus("config", "check")
        assert found.code == 1 and said in found.out + found.err
    finally:
        path.write_text(before)
        os.utime(path)
