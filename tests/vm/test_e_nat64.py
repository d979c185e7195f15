# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that has IPv6 alone reaches IPv4 by the unit that ships, and no longer when a half may not pass."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network

from patronus.core.embedded import embed
from qemu.internet import ADDRESS, PAGE
from tests.vm.lab import Lab, eventually
from tests.vm.test_e_links import commit, links

PREFIX = IPv6Network("fd00:64::/96")
INTERFACES = """
interfaces:
  - {{id: wan, match: {{mac: "{wan}"}}, zone: wan, ipv4: {{method: dhcp}}}}
  - id: lan
    match: {{mac: "{lan}"}}
    zone: lan
    ipv4: {{method: static, addresses: [192.168.1.1/24]}}
    ipv6: {{method: static, addresses: ["fd00:1::1/64"]}}
{translator}
"""
TRANSLATOR = f'  - {{id: nat64, nat64: {{prefix: "{PREFIX}", pool: 192.168.255.0/24}}, zone: nat64}}'
ZONES = """
zones:
  - {{id: wan}}
  - {{id: lan, to: {{wan: allow, nat64: allow, self: allow}}}}
  - {{id: nat64, to: {{{beyond}}}}}
default: drop
"""
LONG_S = 120.0


def test_a_host_of_ipv6_reaches_ipv4_as_long_as_both_halves_may_pass(lab: Lab) -> None:
    macs = {"lan": lab.nics[0].mac, "wan": lab.nics[1].mac}
    zones = "/etc/patronus/firewall/zones.yaml"
    lab.guest.copy_to(ZONES.format(beyond="wan: allow").encode(), zones)
    commit(lab, INTERFACES.format(translator=TRANSLATOR, **macs))
    client, server = lab.client, embed(PREFIX, IPv4Address(ADDRESS))
    client.succeed(["ip", "address", "add", "fd00:1::5/64", "dev", client.link, "nodad"])
    client.succeed(["ip", "route", "replace", "default", "via", "fd00:1::1"])
    fetch = ["curl", "--silent", "--max-time", "5", f"http://[{server}]/"]
    eventually(lambda: client.execute(fetch).stdout == PAGE, timeout_s=LONG_S)
    assert set(lab.internet.web.visitors) == {lab.wan_address()}
    eventually(lambda: "fd00:1::5" in lab.guest.succeed("patronus nat64"), timeout_s=LONG_S)
    assert lab.guest.succeed("systemctl is-active patronus-nat64.service").strip() == "active"
    lab.guest.copy_to(ZONES.format(beyond="").encode(), zones)
    lab.guest.succeed("patronus config commit", timeout_s=300)
    client.fail(fetch)
    commit(lab, INTERFACES.format(translator="", **macs))
    assert "nat64" not in links(lab)
    assert lab.guest.execute("systemctl is-active patronus-nat64.service").stdout.strip() == "inactive"
