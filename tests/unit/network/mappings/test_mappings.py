# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may ask for ports: the section, what miniupnpd is told, and what of its table is understood."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappable import Mappable
from patronus.network.mappings.check import check
from patronus.network.mappings.model import HIGH, Mappings
from patronus.network.mappings.plan import MappingsPlan, plan
from patronus.network.mappings.standing import Standing, standing
from patronus.network.opening import Opening

MACHINE = "0123456789abcdef0123456789abcdef"
LINKS = InterfacesPlan(
    devices={"wan": "eth0", "lan": "eth1", "guest": None},
    zones={"outside": ("wan",), "inside": ("lan", "guest")},
    addresses={"lan": (IPv4Interface("192.168.1.1/24"),)},
)
ON = {"outside": "wan", "inside": ["lan"]}


def made(**section: Any) -> MappingsPlan:
    return plan(Mappings.model_validate(section), LINKS, MACHINE)


def lines(found: MappingsPlan) -> list[str]:
    assert found.text is not None
    return found.text.splitlines()


def problems(**section: Any) -> list[str]:
    roles = [
        {"id": "wan", "match": {"path": "a"}, "zone": "outside"},
        {"id": "spare", "match": {"path": "b"}, "zone": "outside"},
        {"id": "lan", "match": {"path": "c"}, "zone": "inside"},
        {"id": "port", "match": {"path": "d"}},
    ]
    model = Mappings.model_validate(section)
    interfaces = Interfaces.model_validate({"interfaces": roles})
    found = check(Configuration({"network/mappings": model, "network/interfaces": interfaces}))
    return [one.message for one in found]


def test_nothing_runs_unless_somebody_may_ask() -> None:
    assert made() == made(outside="wan") == MappingsPlan()


def test_every_host_inside_may_have_high_ports_and_nobody_anything_else() -> None:
    found = made(**ON)
    assert {"ext_ifname=eth0", "listening_ip=eth1", "secure_mode=yes", "ipv6_disable=yes"} < set(lines(found))
    assert lines(found)[-2:] == [
        "allow 1024-65535 192.168.1.0/24 1024-65535", "deny 0-65535 0.0.0.0/0 0-65535",
    ]  # fmt: skip
    assert Mappable("outside", ("inside",), (IPv4Network("192.168.1.0/24"),), HIGH) in found.contributions


def test_miniupnpd_is_told_all_that_it_must_not_guess() -> None:
    """miniupnpd.conf(5); the machine's id is told nobody, a name that is made of it is."""
    assert lines(made(**ON)) == [
        "# Written by patronusd.",
        "ext_ifname=eth0",
        "listening_ip=eth1",
        "enable_upnp=yes",
        "enable_pcp_pmp=yes",
        "lease_file=/run/patronus-miniupnpd/leases",
        "uuid=99552f93-84f4-5580-aa08-fabd17a06b92",
        "http_port=5000",
        "ipv6_disable=yes",
        "ext_allow_private_ipv4=yes",
        "secure_mode=yes",
        "system_uptime=yes",
        "min_lifetime=120",
        "max_lifetime=86400",
        "upnp_table_name=patronus_mappings",
        "upnp_nat_table_name=patronus_mappings",
        "upnp_forward_chain=allowed",
        "upnp_nat_chain=mapped",
        "upnp_nat_postrouting_chain=peers",
        "friendly_name=Patronus",
        "presentation_url=",
        "allow 1024-65535 192.168.1.0/24 1024-65535",
        "deny 0-65535 0.0.0.0/0 0-65535",
    ]
    other = plan(Mappings.model_validate(ON), LINKS, MACHINE[::-1])
    (unlike,) = set(lines(other)) - set(lines(made(**ON)))
    assert unlike.startswith("uuid=")


def test_permissions_say_who_may_have_what_and_an_empty_list_nobody() -> None:
    found = made(**ON, allow=[{"id": "few", "hosts": ["192.168.1.40"], "ports": [22, "3000-3010"]}])
    assert [line for line in lines(found) if line.startswith("allow")] == [
        "allow 22 192.168.1.40/32 22", "allow 22 192.168.1.40/32 3000-3010",
        "allow 3000-3010 192.168.1.40/32 22", "allow 3000-3010 192.168.1.40/32 3000-3010",
    ]  # fmt: skip
    nobody = made(**ON, allow=[])
    assert not any(line.startswith("allow") for line in lines(nobody))
    assert not any(isinstance(one, Mappable) for one in nobody.contributions)


def test_only_what_is_spoken_is_open_and_only_inside() -> None:
    both, pcp = made(**ON), made(**ON, speak=["pcp"])
    assert {one for one in both.contributions if isinstance(one, Opening)} == {
        Opening("inside", "udp", (1900,), "mappings"), Opening("inside", "tcp", (5000,), "mappings"),
        Opening("inside", "udp", (5351,), "mappings"),
    }  # fmt: skip
    assert [one for one in pcp.contributions if isinstance(one, Opening)] == [
        Opening("inside", "udp", (5351,), "mappings")
    ]
    assert "enable_upnp=no" in lines(pcp) and "enable_pcp_pmp=yes" in lines(pcp)
    with pytest.raises(ValidationError):
        Mappings.model_validate({"speak": []})


def test_a_missing_card_is_said_and_the_others_are_served() -> None:
    assert made(outside="guest", inside=["lan"]).waiting == "the interface guest is missing"
    assert made(outside="wan", inside=["guest"]).text is None
    assert "listening_ip=eth1" in lines(made(outside="wan", inside=["guest", "lan"]))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"inside": ["lan"]}, "no uplink gives its ports"),
        ({"outside": "wan", "inside": ["attic"]}, "there is no interface attic"),
        ({"outside": "wan", "inside": ["wan"]}, "wan is the uplink"),
        ({"outside": "wan", "inside": ["spare"]}, "anyone outside could ask"),
        ({"outside": "wan", "inside": ["port"]}, "port is in no zone"),
        ({**ON, "allow": [{"id": "six", "hosts": ["fd00::/64"]}]}, "fd00::/64 is IPv6"),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    (found,) = problems(**section)
    assert said in found


def test_what_can_be_is_not() -> None:
    assert problems(**ON) == problems() == []


def rule(chain: str, handle: int, protocol: int, **more: Any) -> dict[str, Any]:
    header, port = {"base": "nh", "offset": 72, "len": 8}, {"protocol": "th", "field": "dport"}
    expressions = [
        {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "eth0"}},
        {"match": {"op": "==", "left": {"payload": header}, "right": protocol}},
        {"match": {"op": "==", "left": {"payload": port}, "right": more["port"]}},
    ]  # fmt: skip
    if "host" in more:
        where = {"base": "nh", "offset": 128, "len": 32}
        expressions.append({"match": {"op": "==", "left": {"payload": where}, "right": more["host"]}})
    if "to" in more:
        port_there = {"port": more["to_port"]} if "to_port" in more else {}
        expressions.append({"dnat": {"family": "ip", "addr": more["to"], **port_there}})
    return {"rule": {"chain": chain, "handle": handle, "expr": expressions}}


def test_the_kernels_rules_say_what_stands_and_the_leases_until_when() -> None:
    listed = [
        {"table": {"name": "patronus_mappings"}},
        rule("mapped", 9, 6, port=6000, to="192.168.1.30", to_port=5555),
        rule("allowed", 10, 6, port=5555, host=0xC0A8011E),
        rule("mapped", 11, 17, port=600, to="192.168.1.30", to_port=600),
        {"rule": {"chain": "prerouting", "handle": 2, "expr": [{"jump": {"target": "mapped"}}]}},
        {"rule": {"chain": "mapped", "handle": 3, "expr": [{"counter": None}]}},
        rule("mapped", 12, 17, port=700, to="192.168.1.31"),
    ]
    leases = (
        "TCP:6000:192.168.1.30:5555:7:old\nTCP:6000:192.168.1.30:5555:99:a: game\n"
        "UDP:9:x\nTCP:1:1.2.3.4:1:0:gone\n"
    )
    assert standing(listed, leases) == (
        Standing("udp", 600, "192.168.1.30", 600, (("mapped", 11),)),
        Standing("udp", 700, "192.168.1.31", 700, (("mapped", 12),)),
        Standing("tcp", 6000, "192.168.1.30", 5555, (("mapped", 9), ("allowed", 10)), 99, "a: game"),
    )
    assert standing((), leases) == ()


@pytest.mark.parametrize(("until", "ends"), [("0", None), ("1796370711", 1796370711), ("-1", None)])
def test_a_mapping_that_is_given_for_ever_has_no_end(until: str, ends: int | None) -> None:
    """miniupnpd writes 0 for it, which is no moment of 1970."""
    listed = [rule("mapped", 9, 17, port=6000, to="192.168.1.30", to_port=5555)]
    (found,) = standing(listed, f"UDP:6000:192.168.1.30:5555:{until}:game\n")
    assert found.until_s == ends
    assert (found.port, found.description) == (6000, "" if until == "-1" else "game")
