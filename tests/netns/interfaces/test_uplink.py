# SPDX-License-Identifier: GPL-2.0-or-later
"""dhcpcd on an uplink, as the image's unit starts it, against dnsmasq as the provider."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.network.interfaces.learned import Learned
from tests.netns.interfaces.router import Router, eventually
from tests.netns.interfaces.test_links import addresses, default_routes, mac
from tests.netns.lab import Namespace, connect

FOLDER = Path("/run/patronus-dhcpcd")
Provider = Callable[..., subprocess.Popen[bytes]]
V6 = (
    "--dhcp-range=2001:db8:1::100,2001:db8:1::1ff,64,1h",
    "--dhcp-option=option6:dns-server,[2001:db8:1::53]",
)
SLAAC = ("--dhcp-range=2001:db8:1::,ra-only,64,1h", "--dhcp-option=option6:dns-server,[2001:db8:1::53]")


@pytest.fixture
def uplink(namespace: Namespace, neighbour: Namespace) -> dict[str, Any]:
    """Wire the router to a provider's side that has addresses and serves nobody yet."""
    connect(namespace, "eth0", neighbour, "isp")
    neighbour.ip("address add 198.51.100.1/24 dev isp")
    neighbour.ip("-6 address add 2001:db8:1::1/64 dev isp nodad")
    for remembered in Path("/var/lib/dhcpcd").glob("eth0.lease*"):
        remembered.unlink()  # a lease of another test's provider, which this one would not confirm
    return {"id": "wan", "match": {"mac": mac(namespace, "eth0")}, "zone": "wan", "ipv4": {"method": "dhcp"}}


@pytest.fixture
def provider(neighbour: Namespace, tmp_path: Path) -> Iterator[Provider]:
    """Return what starts the provider's server, each time with an empty memory."""
    started: list[subprocess.Popen[bytes]] = []

    def serve(*options: str, dns: str = "198.51.100.53") -> subprocess.Popen[bytes]:
        base = ["dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--port=0", "--interface=isp", "--no-ping"]
        base += [f"--dhcp-leasefile={tmp_path}/leases", "--bind-interfaces", "--enable-ra", "--no-resolv"]
        base += [
            "--dhcp-range=198.51.100.50,198.51.100.90,1h",
            "--dhcp-option=option:domain-name,isp.example",
        ]
        with neighbour:
            log = (tmp_path / "dnsmasq.log").open("ab")
            argv = [*base, f"--dhcp-option=option:dns-server,{dns}", *options]
            started.append(subprocess.Popen(argv, stdout=log, stderr=log))
        return started[-1]

    yield serve
    for process in started:
        process.terminate()
        process.wait()


def given(router: Router) -> Learned:
    return router.plan.learned.get("wan", Learned())


def test_an_uplink_gets_address_route_and_servers_and_the_plan_hears_of_it(
    router: Router, namespace: Namespace, uplink: dict[str, Any], provider: Provider
) -> None:
    provider("--dhcp-option=option:ntp-server,198.51.100.123")
    router.apply(uplink)
    assert given(router) == Learned()
    learned = eventually(lambda: given(router).gateway and given(router), "the lease in the plan")
    (address,) = addresses(namespace, "eth0")
    assert learned == Learned(
        addresses=(ip_interface(address),),
        gateway=IPv4Address("198.51.100.1"),
        dns_servers=(ip_address("198.51.100.53"),),
        domain="isp.example",
        ntp_servers=(IPv4Address("198.51.100.123"),),
    )
    assert address.startswith("198.51.100.") and address.endswith("/24")
    assert default_routes(namespace) == [("198.51.100.1", "eth0", 100)]
    assert (router.pending(), router.differences()) == ([], [])
    assert json.loads((FOLDER / "eth0.dhcp.json").read_text())["new_routers"] == "198.51.100.1"


def test_the_provider_of_a_card_that_shows_another_address_sees_that_one(
    router: Router, namespace: Namespace, uplink: dict[str, Any], provider: Provider, tmp_path: Path
) -> None:
    """A client that ran before has to begin again: it would renew its lease as the host that it was."""
    shown, leases = "02:00:5e:10:20:30", tmp_path / "leases"
    provider()
    router.apply(uplink)
    eventually(lambda: given(router).gateway, "the lease")
    assert mac(namespace, "eth0") in leases.read_text()
    router.apply({**uplink, "mac": shown})
    eventually(lambda: f" {shown} " in leases.read_text(), "a lease of the host that the provider sees now")
    eventually(lambda: addresses(namespace, "eth0"), "its address")
    assert mac(namespace, "eth0") == shown
    assert (router.pending(), router.differences()) == ([], [])


def test_removing_the_uplink_ends_the_client_and_all_that_it_set(
    router: Router, namespace: Namespace, uplink: dict[str, Any], provider: Provider
) -> None:
    provider()
    router.apply(uplink)
    eventually(lambda: given(router).gateway, "the lease")
    router.apply()
    assert addresses(namespace, "eth0") == set()
    assert default_routes(namespace) == []
    assert list(FOLDER.glob("eth0.*")) == []
    assert router.feature.facts().learned == {}


def test_an_uplink_becomes_static_and_dhcp_again(
    router: Router, namespace: Namespace, uplink: dict[str, Any], provider: Provider
) -> None:
    provider()
    static = {"method": "static", "addresses": ["198.51.100.2/24"], "gateway": "198.51.100.1"}
    router.apply({**uplink, "ipv4": static})
    router.apply(uplink)
    eventually(lambda: given(router).gateway, "the lease")
    assert "198.51.100.2/24" not in addresses(namespace, "eth0")
    router.apply({**uplink, "ipv4": static})
    assert addresses(namespace, "eth0") == {"198.51.100.2/24"}
    assert default_routes(namespace) == [("198.51.100.1", "eth0", 100)]
    assert router.differences() == []


@pytest.mark.parametrize(("method", "options"), [("dhcp", V6), ("slaac", SLAAC)], ids=["dhcpv6", "slaac"])
def test_ipv6_comes_by_dhcp_or_by_advertisement(
    router: Router,
    namespace: Namespace,
    uplink: dict[str, Any],
    provider: Provider,
    method: str,
    options: tuple[str, ...],
) -> None:
    provider(*options)
    router.apply({**uplink, "ipv6": {"method": method}})
    found = eventually(
        lambda: [one for one in addresses(namespace, "eth0") if one.startswith("2001:db8:1:")], "an address"
    )
    assert found[0].endswith("/128" if method == "dhcp" else "/64")
    eventually(lambda: ip_address("2001:db8:1::53") in given(router).dns_servers, "the server of IPv6")
    eventually(lambda: len(default_routes(namespace)) == 2, "both default routes")
    assert router.differences() == []


def test_without_a_provider_the_router_stands_and_waits(
    router: Router, namespace: Namespace, uplink: dict[str, Any], provider: Provider
) -> None:
    router.apply(uplink)
    assert (given(router), router.differences()) == (Learned(), [])
    provider()
    eventually(lambda: given(router).gateway, "the lease of a provider that came late")


def test_the_helper_refuses_what_is_not_on_its_list(router: Router) -> None:
    units = router.host.units
    assert not units.status("patronus-dhcpcd@eth0.service").running
    for unit in (
        "ssh.service",
        "patronusd.service",
        "patronus-dhcpcd@..service",
        "patronus-dhcpcd@a/b.service",
    ):
        with pytest.raises(KernelError, match="not in the list"):
            units.start(unit)
    with pytest.raises(KernelError, match="not in the list"):
        units.stop("patronus-lockdown.service")


def test_a_client_that_dies_is_started_again_by_the_unit_and_not_by_us(
    router: Router, uplink: dict[str, Any], provider: Provider
) -> None:
    provider()
    router.apply(uplink)
    eventually(lambda: given(router).gateway, "the lease")
    unit = "patronus-dhcpcd@eth0.service"
    assert router.host.units.status(unit).running
    state = Path(os.environ["SYSTEMCTL_STATE"])
    os.kill(int((state / f"{unit}.pid").read_text()), signal.SIGKILL)
    eventually(lambda: not router.host.units.status(unit).running, "the end of the client")
    assert router.pending() == []
