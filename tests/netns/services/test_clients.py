# SPDX-License-Identifier: GPL-2.0-or-later
"""dhclient, drill, kdig, dnsperf and resperf against the real servers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from patronus.core.verb import Nothing
from tests.netns.lab import Namespace, connect
from tests.netns.services.network import DHCP, LONG_S, ROOT, Router, wait_for

SCRIPT = """#!/bin/sh
echo "$reason $new_ip_address$new_ip6_address$new_ip6_prefix" >> {told}
[ -z "$new_ip_address" ] || ip address replace $new_ip_address/24 dev $interface
exit 0
"""
CONFIG = "supersede dhcp-renewal-time 2;\nrequest subnet-mask, routers, domain-name-servers;\n"
"""It renews after two seconds, whatever it is told."""
ROUTERS = {
    "id": "lan6",
    "interface": "lan",
    "ranges": ["::1000-::1fff"],
    "delegation": {"prefix": "2001:db8:4000::/48", "length": 60, "first": 16},
}
SIX: dict[str, Any] = {**DHCP, "ipv6_pools": [ROUTERS]}
BIG = 9 * 200
"""Characters of the upstream's long answer."""


class Dhclient:
    """ISC's client on eth0; it says what happens through a script."""

    def __init__(self, namespace: Namespace, folder: Path, *options: str) -> None:
        folder.mkdir()
        self._namespace = namespace
        self._told, script, config = folder / "told", folder / "script", folder / "dhclient.conf"
        self._told.write_text("")
        script.write_text(SCRIPT.format(told=self._told))
        script.chmod(0o755)
        config.write_text(CONFIG)
        files = ["-lf", str(folder / "leases"), "-pf", str(folder / "pid")]
        self._command = ["dhclient", *options, "-sf", str(script), "-cf", str(config), *files]

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Run it in the foreground."""
        with self._namespace:
            process = subprocess.Popen(
                [*self._command, "-d", "eth0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def release(self) -> None:
        """Give everything back; the one that runs ends by it."""
        with self._namespace:
            command = [*self._command, "-r", "eth0"]
            subprocess.run(command, check=True, capture_output=True, timeout=LONG_S)

    def told(self, *reasons: str) -> list[str]:
        """Return what it was given for these reasons, in order, once it was given something."""
        wait_for(lambda: bool(self._given(reasons)))
        return self._given(reasons)

    def _given(self, reasons: tuple[str, ...]) -> list[str]:
        lines = (line.split() for line in self._told.read_text().splitlines())
        return [words[1] for words in lines if len(words) > 1 and words[0] in reasons]


def test_dhclient_gets_an_address_renews_it_comes_back_and_gives_it_back(
    router: Router, tmp_path: Path
) -> None:
    router.apply()
    client = Dhclient(router.lan, tmp_path / "client", "-4")
    with client.asking():
        address, *_ = client.told("BOUND")
        (granted,) = router.leases()
        assert (granted.address, granted.state) == (address, "active")
        assert set(client.told("RENEW")) == {address}
    with client.asking():
        assert set(client.told("REBOOT")) == {address}
        (renewed,) = router.leases()
        assert (renewed.start, renewed.client) == (granted.start, granted.client)
        client.release()
    wait_for(lambda: router.leases() == [])


def test_dhclient_is_refused_what_it_had_when_another_address_is_kept_for_it(
    router: Router, tmp_path: Path
) -> None:
    router.apply()
    client = Dhclient(router.lan, tmp_path / "client", "-4")
    with client.asking():
        client.told("BOUND")
    kept = {"id": "kept", "mac": router.leases()[0].mac, "address": "192.168.1.20"}
    router.apply(dhcp={"pools": [{**DHCP["pools"][0], "reservations": [kept]}]})
    with client.asking():
        wait_for(lambda: client.told("BOUND")[-1] == "192.168.1.20")


@pytest.mark.parametrize(
    ("option", "start"), [("-N", "fd00:1::1"), ("-P", "2001:db8:4000:")], ids=["address", "prefix"]
)
def test_dhclient_gets_an_address_or_a_prefix_of_ipv6_and_gives_it_back(
    router: Router, tmp_path: Path, option: str, start: str
) -> None:
    router.apply(dhcp=SIX)
    wait_for(lambda: "fe80" in router.lan.ip("-6 address show dev eth0 scope link"))
    wait_for(lambda: "tentative" not in router.lan.ip("-6 address show dev eth0 scope link"))
    client = Dhclient(router.lan, tmp_path / "client", "-6", option)
    with client.asking():
        given, *_ = client.told("BOUND6")
        assert given.startswith(start)
        assert [lease.address for lease in router.leases()] == [given]
        client.release()
    wait_for(lambda: router.leases() == [])


BEHIND = {
    "id": "branch6",
    "interface": "lan",
    "subnet": "fd00:9::/64",
    "relays": ["fd00:1::50"],
    "ranges": ["::1000-::1fff"],
}


@pytest.fixture
def branch(router: Router) -> Iterator[Namespace]:
    """Return a network behind the LAN, and between them the relay agent of dnsmasq."""
    made = Namespace()
    connect(router.lan, "branch0", made, "eth0")
    router.lan.ip("-6 address add fd00:1::50/64 dev eth0 nodad")
    router.lan.ip("-6 address add fd00:9::1/64 dev branch0 nodad")
    router.namespace.ip("-6 address add fd00:1::1/64 dev lan0 nodad")
    router.namespace.ip("-6 route add fd00:9::/64 via fd00:1::50")
    command = [
        "dnsmasq",
        "--keep-in-foreground",
        "--port=0",
        "--pid-file=",
        "--dhcp-relay=fd00:9::1,fd00:1::1",
    ]
    with router.lan:
        relay = subprocess.Popen(command)
    yield made
    relay.kill()
    relay.wait()
    made.close()


def test_dhclient_behind_a_relay_gets_an_address_of_its_network_where_the_relay_is_known(
    router: Router, branch: Namespace, tmp_path: Path
) -> None:
    """The agent is dnsmasq; without a pool that names it nobody is answered."""
    router.apply(dhcp=SIX)
    wait_for(lambda: "fe80" in branch.ip("-6 address show dev eth0 scope link"))
    wait_for(lambda: "tentative" not in branch.ip("-6 address show dev eth0 scope link"))
    client = Dhclient(branch, tmp_path / "client", "-6", "-N")
    with client.asking():

        def counted(what: str) -> int:
            return router.ask_dhcp.status(ROOT, Nothing()).counters.get(f"IPv6: {what}", 0)

        wait_for(lambda: counted("dropped: no pool names this relay") > 0)
        assert router.leases() == []
        router.apply(dhcp={**SIX, "ipv6_pools": [ROUTERS, BEHIND]})
        given, *_ = client.told("BOUND6")
        assert given.startswith("fd00:9::1")
        (lease,) = router.leases()
        assert (lease.address, lease.network, lease.interface) == (given, "fd00:9::/64", "lan")
        assert counted("passed on by a relay") > 0
        client.release()
    wait_for(lambda: router.leases() == [])


NUMBER = bytes((0, 4, *range(1, 17)))
"""A DUID that has no MAC in it (RFC 6355)."""


def test_a_host_behind_a_relay_that_shows_no_mac_gets_what_is_kept_for_its_mac(
    router: Router, branch: Namespace, tmp_path: Path
) -> None:
    """Neither its link-local address nor its DUID has the MAC; the agent tells it (RFC 6939)."""
    mac = json.loads(branch.ip("-j link show dev eth0"))[0]["address"]
    kept = {**BEHIND, "reservations": [{"id": "nas", "mac": mac, "address": "::20"}]}
    router.apply(dhcp={**SIX, "ipv6_pools": [ROUTERS, kept]})
    branch.ip("-6 address flush dev eth0")
    branch.ip("-6 address add fe80::77/64 dev eth0 nodad")
    client = Dhclient(branch, tmp_path / "client", "-6", "-N")
    octal = "".join(f"\\{byte:03o}" for byte in NUMBER)
    (tmp_path / "client" / "leases").write_text(f'default-duid "{octal}";\n')
    with client.asking():
        given, *_ = client.told("BOUND6")
        assert given == "fd00:9::20"
        (lease,) = router.leases()
        assert (lease.mac, lease.client.partition("/")[0]) == (mac, f"duid:{NUMBER.hex()}")


def test_dhclient_gets_nothing_of_ipv6_where_no_pool_gives_it(router: Router, tmp_path: Path) -> None:
    """The twin: the same client, asked for as long as another takes to be served on the same link."""
    router.apply()
    wait_for(lambda: "tentative" not in router.lan.ip("-6 address show dev eth0 scope link"))
    six = Dhclient(router.lan, tmp_path / "six", "-6", "-N")
    four = Dhclient(router.lan, tmp_path / "four", "-4")
    with six.asking(), four.asking():
        assert four.told("RENEW")
    assert [":" in lease.address for lease in router.leases()] == [False]


@pytest.fixture
def asked(router: Router) -> Router:
    """Return the router, configured, with a client on its LAN."""
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    router.apply()
    return router


def test_drill_asks_for_names_addresses_and_what_is_not_there(asked: Router) -> None:
    def drill(*words: str) -> str:
        return asked.lan.run("drill", *words[:-1], "@192.168.1.1", words[-1])

    assert re.search(r"^nas\.home\.arpa\.\s+\d+\s+IN\s+A\s+192\.168\.1\.30$", drill("nas.home.arpa"), re.M)
    assert "nas.home.arpa." in asked.lan.run("drill", "-x", "192.168.1.30", "@192.168.1.1")
    assert "rcode: NXDOMAIN" in drill("nope.home.arpa")
    with asked.upstream():
        for option in ("-u", "-t"):
            assert "198.51.100.7" in drill(option, "www.example")


def test_kdig_is_answered_by_udp_tcp_cookie_and_to_the_size_that_it_says(asked: Router) -> None:
    def kdig(*words: str) -> str:
        return asked.lan.run("kdig", "@192.168.1.1", "+timeout=30", "+retry=0", *words)

    with asked.upstream():
        for size in ("512", "1232", "4096"):
            cut = kdig("+ignore", f"+bufsize={size}", "big.example", "TXT")
            assert " tc " in cut.partition("Flags:")[2].partition(";")[0] and cut.count("x" * 200) == 0
        for options in (("+bufsize=512",), ("+tcp",), ("+tcp", "+bufsize=512")):
            assert kdig(*options, "big.example", "TXT").count("x" * 200) == BIG // 200
        for options in (("+noedns",), ("+bufsize=512",), ("+cookie",), ("+tcp", "+cookie"), ("+dnssec",)):
            said = kdig(*options, "www.example")
            assert "status: NOERROR" in said and "198.51.100.7" in said
            assert ("COOKIE" in said.upper()) == ("+cookie" in options)
    assert "BADVERS" in kdig("+edns=1", "nas.home.arpa")


def named(folder: Path) -> Path:
    """Return a file of questions: local names, the world's, and what does not exist."""
    path = folder / "names"
    four = "nas.home.arpa A\nwww.example A\n30.1.168.192.in-addr.arpa PTR\nnope.home.arpa AAAA\n"
    path.write_text(four * 500)
    return path


def test_dnsperf_has_an_answer_to_every_question(asked: Router, tmp_path: Path) -> None:
    with asked.upstream():
        command = ["dnsperf", "-s", "192.168.1.1", "-d", str(named(tmp_path)), "-n", "1", "-q", "20"]
        for way in ("udp", "tcp"):
            said = asked.lan.run(*command, "-m", way, "-t", str(LONG_S))
            assert re.search(r"Queries completed:\s+2000 \(100\.00%\)", said), said
            codes = re.search(r"Response codes:\s+NOERROR 1500 \(75.00%\), NXDOMAIN 500 \(25.00%\)", said)
            assert codes, said


def test_resperf_finds_none_lost_at_a_rate_that_any_machine_holds(asked: Router, tmp_path: Path) -> None:
    with asked.upstream():
        said = asked.lan.run(
            "resperf", "-s", "192.168.1.1", "-d", str(named(tmp_path)), "-m", "100", "-r", "3", "-c", "1",
            "-t", "45", "-P", str(tmp_path / "plot"),
        )  # fmt: skip
    sent, completed = (
        int(re.findall(rf"Queries {what}:\s+(\d+)", said)[0]) for what in ("sent", "completed")
    )
    assert sent == completed > 0, said
