# SPDX-License-Identifier: GPL-2.0-or-later
"""The first configuration: the NICs in the order of the bus, and files that every check takes."""

from __future__ import annotations

from ipaddress import IPv6Interface, IPv6Network
from itertools import permutations

import pytest
import yaml

from patronus.core.link import Nic
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.model import Dns
from patronus.network.interfaces.check import check
from patronus.network.interfaces.factory import by_bus, factory_texts, interfaces_text
from patronus.network.interfaces.learned import Delegation, Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, build

NICS = tuple(
    Nic(f"eth{n}", f"52:54:00:00:00:0{n}", path)
    for n, path in enumerate(("pci-0000:00:02.0", "pci-0000:00:03.0", "pci-0000:00:10.0"))
)
SITE = IPv6Network("fd12:3456:789a::/48")


def read(text: str) -> Interfaces:
    return Interfaces.model_validate(yaml.safe_load(text))


@pytest.mark.parametrize("order", list(permutations(NICS)))
def test_the_first_on_the_bus_is_lan_and_the_second_wan(order: tuple[Nic, ...]) -> None:
    model = read(interfaces_text(order))
    assert list(check(model)) == []
    plan = build(model, Facts(order))
    assert plan.devices == {"lan": "eth0", "wan": "eth1"}
    assert plan.idle == ("eth2",)
    assert [str(address) for address in plan.addresses["lan"]] == ["192.168.1.1/24"]
    (client,) = plan.clients
    assert (client.role, client.ipv4, client.ipv6, client.prefix_hint) == ("wan", True, "dhcp", 56)


@pytest.mark.parametrize("count", [1, 2])
def test_the_lan_has_ipv6_and_leads_out_by_it_where_a_provider_delegates_alone(count: int) -> None:
    """Hosts with a local address and no way out prefer IPv4 (RFC 6724)."""
    model = read(interfaces_text(NICS[:count]))
    assert list(check(model)) == []
    alone = build(model, Facts(NICS[:count], site=SITE))
    assert [str(address) for address in alone.addresses["lan"]] == ["192.168.1.1/24", "fd12:3456:789a::1/64"]
    assert not alone.advertised["lan"].is_way_out
    given = Learned(prefixes=(Delegation(IPv6Network("2001:db8:aa00::/56"), 3600, 7200),))
    provided = build(model, Facts(NICS[:count], {"eth1": given}, SITE))
    assert provided.advertised["lan"].is_way_out == (count == 2)
    assert (IPv6Interface("2001:db8:aa00::1/64") in provided.addresses["lan"]) == (count == 2)


def test_numbers_on_the_bus_count_by_value() -> None:
    paths = ["platform-a.10", "platform-a.9", None, "pci-0000:00:02.0"]
    nics = [Nic(f"n{n}", f"52:54:00:00:00:1{n}", path) for n, path in enumerate(paths)]
    assert [nic.name for nic in by_bus(nics)] == ["n3", "n1", "n0", "n2"]


def test_further_nics_are_named_in_a_comment() -> None:
    (line,) = [line for line in interfaces_text(NICS).splitlines() if "without a role" in line]
    assert "eth2" in line and NICS[2].mac in line


@pytest.mark.parametrize("count", range(4))
def test_the_files_hold_what_their_models_take(count: int) -> None:
    texts = factory_texts(NICS[:count], {})
    assert len(read(texts["network/interfaces.yaml"]).interfaces) == min(count, 2)
    assert ("network/dhcp.yaml" in texts) == (count > 0)
    if count:
        pool = Dhcp.model_validate(yaml.safe_load(texts["network/dhcp.yaml"])).pools[0]
        assert [str(part) for part in pool.ranges] == ["192.168.1.100-192.168.1.199"]
        dns = Dns.model_validate(yaml.safe_load(texts["network/dns.yaml"]))
        assert len(dns.upstreams) == (1 if count > 1 else 0)


def test_a_given_file_takes_the_place_of_ours_whatever_its_suffix() -> None:
    given = {"network/dhcp.toml": "pools = []\n", "firewall/rules.yaml": "rules: []\n"}
    texts = factory_texts(NICS, given)
    assert {name: texts[name] for name in given} == given
    assert "network/dhcp.yaml" not in texts
    assert "network/dns.yaml" in texts
