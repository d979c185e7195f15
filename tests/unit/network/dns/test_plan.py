# SPDX-License-Identifier: GPL-2.0-or-later
"""The section is checked, and becomes what the server is told."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from typing import Any

import pytest

from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.core.problem import Severity
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.check import check
from patronus.network.dns.config import LocalRecord, Policy, ServerConfig, UpstreamServer
from patronus.network.dns.hosts import Hosts
from patronus.network.dns.lists import fetched, wanted_lists
from patronus.network.dns.model import Dns
from patronus.network.dns.plan import ListFile, plan
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening

INTERFACES = Interfaces.model_validate(
    {
        "interfaces": [
            {"id": "wan", "match": {"mac": "52:54:00:00:00:01"}, "zone": "wan", "ipv4": {"method": "dhcp"}},
            {
                "id": "lan",
                "match": {"mac": "52:54:00:00:00:02"},
                "zone": "lan",
                "ipv4": {"method": "static", "addresses": ["192.168.1.1/24"]},
            },
        ]
    }
)
LINKS = InterfacesPlan(
    devices={"lan": "eth1", "wan": "eth0"},
    addresses={"lan": (IPv4Interface("192.168.1.1/24"),)},
    learned={"wan": Learned(dns_servers=(IPv4Address("203.0.113.53"), IPv6Address("2001:db8::53")))},
)
POOL = {
    "id": "lan",
    "interface": "lan",
    "reservations": [
        {"id": "p", "mac": "00:11:22:33:44:55", "address": "192.168.1.20", "hostname": "printer"},
        {"id": "q", "mac": "00:11:22:33:44:66", "address": "192.168.1.21", "hostname": "nas"},
    ],
}
GOOD: dict[str, Any] = {"listen": ["lan"], "upstreams": [{"id": "isp", "from": "wan"}]}
NAS = {"id": "nas", "name": "nas.home.arpa", "type": "A", "value": "192.168.1.30"}


ADS = {"name": "ads.example", "action": "block"}
KIDS = {"id": "kids", "clients": ["192.168.1.64/26"], "blocklists": ["a", "b"]}
OFFICE = {"id": "office", "address": "10.9.0.53", "domains": ["corp.example", "9.10.in-addr.arpa"]}
OFFICE_TWICE = {**OFFICE, "id": "again", "domains": ["corp.example", "corp.example"]}
FETCHED = {"id": "ads", "url": "https://lists.example/ads"}


def configuration(**dns: Any) -> Configuration:
    return Configuration(
        {
            "network/interfaces": INTERFACES,
            "network/dhcp": Dhcp.model_validate({"pools": [POOL]}),
            "network/dns": Dns.model_validate({**GOOD, **dns}),
        }
    )


def test_a_good_section_has_no_problem() -> None:
    assert list(check(configuration(records=[NAS]))) == []


@pytest.mark.parametrize(
    ("dns", "path", "message"),
    [
        ({"listen": ["lam"]}, "listen.0", "no interface is called lam"),
        ({"listen": ["lan", "lan"]}, "listen.1", "twice"),
        (
            {"upstreams": [{"id": "x", "from": "nowhere"}]},
            "upstreams.0.from",
            "no interface is called nowhere",
        ),
        ({"upstreams": [{"id": "x", "from": "lan"}]}, "upstreams.0.from", "is not told any servers"),
        ({"upstreams": [{"id": "x", "address": "127.0.0.1"}]}, "upstreams.0.address", "would ask itself"),
        ({"upstreams": [OFFICE, OFFICE_TWICE]}, "upstreams.1.domains.1", "corp.example stands here twice"),
        (
            {"upstreams": [{**OFFICE, "domains": ["home.arpa"]}]},
            "upstreams.0.domains.0",
            "this router answers all of home.arpa itself",
        ),
        (
            {"policies": [{"id": "kids", "clients": ["192.168.1.64/26"], "upstreams": [OFFICE]}]},
            "policies.0.upstreams.0.domains",
            "a domain has the same servers whoever asks",
        ),
        (
            {
                "upstreams": [
                    {"id": "x", "address": "198.51.100.53", "protocol": "tcp", "name": "dns.example"}
                ]
            },
            "upstreams.0.name",
            "over tcp nobody shows a certificate",
        ),
        (
            {"upstreams": [{"id": "x", "address": "198.51.100.5", "protocol": "tls", "path": "/q"}]},
            "upstreams.0.path",
            "over tls nothing is asked at a path",
        ),
        ({"blocklists": [{"id": "x", "url": "http://lists.example/a"}]}, "blocklists.0.url", "https alone"),
        ({"blocklists": [{"id": "x", "file": "a", "refresh": "1d"}]}, "blocklists.0.refresh", "not fetched"),
        ({"blocklists": [{**FETCHED, "refresh": "60s"}]}, "blocklists.0.refresh", "too often"),
        ({"records": [{**NAS, "value": "fd00::1"}]}, "records.0.value", "no value of a A record"),
        ({"records": [{**NAS, "type": "MX"}]}, "records.0.value", "no value of a MX record"),
        ({"records": [{**NAS, "type": "SRV", "value": "1 2 70000 x"}]}, "records.0.value", "SRV"),
        ({"records": [{**NAS, "name": "a..b"}]}, "records.0.name", "not a name"),
        ({"records": [{**NAS, "ttl": "24856d"}]}, "records.0.ttl", "nobody can keep"),
        ({"records": [NAS, {**NAS, "id": "b"}]}, "records.1", "twice"),
        (
            {"records": [{**NAS, "type": "CNAME", "value": "www.example"}]},
            "records.0.value",
            "another record",
        ),
        (
            {"policies": [{"id": "x", "interfaces": ["wan"]}]},
            "policies.0.interfaces.0",
            "does not listen on wan",
        ),
        (
            {"policies": [{"id": "x", "interfaces": ["lan"], "blocklists": ["ads"]}]},
            "policies.0.blocklists.0",
            "no blocklist is called ads",
        ),
        (
            {"names": [{"id": "a", **ADS}, {"id": "b", **ADS, "name": "ads.example."}]},
            "names.1.name",
            "ads.example stands here twice",
        ),
        (
            {
                "blocklists": [{"id": "a", "file": "a.txt"}],
                "policies": [
                    {
                        "id": "x",
                        "interfaces": ["lan"],
                        "blocklists": ["a"],
                        "only_allowed": True,
                        "names": [{"id": "a", **ADS, "action": "allow"}],
                    }
                ],
            },
            "policies.0.blocklists",
            "blocklists would do nothing",
        ),
        (
            {"policies": [{**KIDS, "blocklists": None, "upstreams": [{"id": "x", "from": "lan"}]}]},
            "policies.0.upstreams.0.from",
            "is not told any servers",
        ),
        (
            {"policies": [{"id": "x", "interfaces": ["lan"], "records": [{**NAS, "value": "x"}]}]},
            "policies.0.records.0.value",
            "no value of a A record",
        ),
        (
            {"records": [NAS, {**NAS, "id": "b", "type": "CNAME", "value": "nas.home.arpa"}]},
            "records.1",
            "can have no other record",
        ),
    ],
)
def test_each_mistake_is_found_at_its_place(dns: dict[str, Any], path: str, message: str) -> None:
    problems = [(".".join(map(str, item.path[1:])), item.message) for item in check(configuration(**dns))]
    assert any(at == path and message in text for at, text in problems), problems


def test_nobody_to_ask_is_a_warning() -> None:
    (problem,) = check(configuration(upstreams=[]))
    assert problem.severity is Severity.WARNING


def test_the_plan_listens_opens_asks_and_knows() -> None:
    made = plan(configuration(records=[NAS]), {}, Earlier((LINKS,)))
    assert made.devices == ("lo", "eth1")
    assert made.contributions == (Opening("lan", "udp", (53,), "dns"), Opening("lan", "tcp", (53,), "dns"))
    assert made.config.upstreams == (
        UpstreamServer("isp", "203.0.113.53"),
        UpstreamServer("isp", "2001:db8::53"),
    )
    assert [(item.name, item.data) for item in made.config.records] == [
        ("nas.home.arpa", "c0a8011e"),
        ("patronus.home.arpa", "c0a80101"),
        ("printer.home.arpa", "c0a80114"),
    ]


def test_domains_with_the_same_servers_go_together_and_a_domain_may_have_several() -> None:
    second = {"id": "second", "address": "10.9.0.54", "domains": ["corp.example"]}
    same = {"id": "same", "address": "10.9.0.53", "domains": ["other.example"]}
    isp = {"id": "isp", "from": "wan"}
    told = plan(configuration(upstreams=[OFFICE, isp, second, same]), {}, Earlier((LINKS,))).config
    assert [server.id for server in told.upstreams] == ["isp", "isp"]
    found = [(item.domains, [server.id for server in item.upstreams]) for item in told.forwards]
    assert found == [
        (("corp.example",), ["office", "second"]),
        (("9.10.in-addr.arpa",), ["office"]),
        (("other.example",), ["same"]),
    ]
    assert len({item.source for item in told.forwards}) == 3


def test_servers_for_domains_alone_leave_nobody_to_ask_for_the_rest() -> None:
    (problem,) = check(configuration(upstreams=[OFFICE]))
    assert (problem.severity, "nobody is asked" in problem.message) == (Severity.WARNING, True)


def test_a_domain_below_a_blocked_name_is_a_warning() -> None:
    blocked = [{"id": "n", "name": "corp.example", "action": "block"}]
    upstreams = [{"id": "isp", "from": "wan"}, OFFICE]
    (problem,) = check(configuration(upstreams=upstreams, names=blocked))
    assert (problem.severity, problem.path[-1]) == (Severity.WARNING, 0)


def test_a_server_over_tls_is_known_by_its_name_or_else_by_its_address() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    upstreams = [
        {"id": "a", "address": "198.51.100.53", "protocol": "tls", "name": "dns.example", "ca": pem},
        {"id": "b", "address": "2001:db8::53", "protocol": "tls", "port": 8853},
        {"id": "isp", "from": "wan", "protocol": "tcp"},
    ]
    assert list(check(configuration(upstreams=upstreams))) == []
    assert plan(configuration(upstreams=upstreams), {}, Earlier((LINKS,))).config.upstreams == (
        UpstreamServer("a", "198.51.100.53", 853, protocol="tls", name="dns.example", ca=pem),
        UpstreamServer("b", "2001:db8::53", 8853, protocol="tls", name="2001:db8::53"),
        UpstreamServer("isp", "203.0.113.53", protocol="tcp"),
        UpstreamServer("isp", "2001:db8::53", protocol="tcp"),
    )


def test_a_server_over_https_has_a_place_at_which_it_is_asked() -> None:
    upstreams = [
        {"id": "a", "address": "198.51.100.53", "protocol": "https", "name": "dns.example"},
        {"id": "b", "address": "2001:db8::53", "protocol": "https", "port": 8443, "path": "/q/family?x=1"},
    ]
    assert list(check(configuration(upstreams=upstreams))) == []
    assert plan(configuration(upstreams=upstreams), {}, Earlier((LINKS,))).config.upstreams == (
        UpstreamServer("a", "198.51.100.53", 443, "https", name="dns.example", path="/dns-query"),
        UpstreamServer("b", "2001:db8::53", 8443, "https", name="2001:db8::53", path="/q/family?x=1"),
    )


@pytest.mark.parametrize(
    "path", ["dns-query", "https://dns.example/q", "/q{?dns}", "/a b", "/a#b", "/" * 300]
)
def test_what_is_no_place_on_a_server_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        configuration(upstreams=[{"id": "a", "address": "198.51.100.5", "protocol": "https", "path": path}])


def test_the_fastest_is_asked_first_where_the_file_says_so() -> None:
    for ask, fastest in ((None, False), ("in_order", False), ("fastest", True)):
        given = {} if ask is None else {"ask": ask}
        assert plan(configuration(**given), {}, Earlier((LINKS,))).config.fastest_first is fastest


def test_a_section_that_listens_nowhere_opens_nothing() -> None:
    made = plan(configuration(listen=[]), {}, Earlier((LINKS,)))
    assert (made.devices, made.contributions) == ((), ())


def test_lists_that_are_not_there_are_named_and_the_rest_is_served() -> None:
    lists = [{"id": "a", "file": "a.txt"}, {"id": "b", "file": "b.txt"}]
    found = {"a.txt": ListFile("a.txt", 10, 1)}
    made = plan(configuration(blocklists=lists), found, Earlier((LINKS,)))
    assert made.lists == (found["a.txt"],)
    assert made.missing == ("b.txt",)


def test_a_list_of_a_url_is_asked_for_and_served_once_it_is_there() -> None:
    config = configuration(blocklists=[{**FETCHED, "refresh": "12h"}, {"id": "own", "file": "a.txt"}])
    (wanted,) = wanted_lists(config)
    assert (wanted.url, wanted.content, wanted.refresh_s) == ("https://lists.example/ads", "names", 43200)
    assert wanted.used_by == ("blocklist ads",)
    assert plan(config, {}, Earlier((LINKS,))).missing == ("https://lists.example/ads", "a.txt")
    name = fetched(wanted.key)
    made = plan(config, {name: ListFile(name, 10, 1)}, Earlier((LINKS,)))
    assert (made.lists, made.missing) == ((ListFile(name, 10, 1),), ("a.txt",))


@pytest.mark.parametrize("given", [{"id": "x"}, {**FETCHED, "file": "a.txt"}])
def test_a_list_is_a_file_or_a_url(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not say which list it is"):
        configuration(blocklists=[given])


LISTS = [{"id": "a", "file": "a.txt"}, {"id": "b", "file": "b.txt", "everyone": False}]


def test_policies_say_who_is_told_what() -> None:
    guests = {"id": "guests", "interfaces": ["lan"], "records": [{**NAS, "value": "10.0.0.5"}]}
    config = configuration(blocklists=LISTS, policies=[KIDS, guests], records=[NAS])
    assert list(check(config)) == []
    made = plan(config, {}, Earlier((LINKS,))).config
    assert made.lists == ("a.txt",)
    assert made.policies == (
        Policy("kids", (), ("192.168.1.64/26",), ("a.txt", "b.txt")),
        Policy("guests", ("eth1",), (), ("a.txt",), (LocalRecord("nas.home.arpa", 1, 300, "0a000005"),)),
    )
    assert ServerConfig.from_data(json.loads(json.dumps(made.as_data()))) == made


def with_servers(*upstreams: dict[str, Any], **more: Any) -> Policy:
    kids = {**KIDS, "blocklists": None, "upstreams": list(upstreams), **more}
    config = configuration(policies=[kids])
    assert list(check(config)) == []
    made = plan(config, {}, Earlier((LINKS,))).config
    assert ServerConfig.from_data(json.loads(json.dumps(made.as_data()))) == made
    return made.policies[0]


FAMILY = {"id": "family", "address": "198.51.100.3", "protocol": "tls", "name": "family.example"}


def test_a_policys_servers_are_its_own() -> None:
    kids = with_servers(FAMILY, {"id": "isp", "from": "wan"})
    assert kids.upstreams == (
        UpstreamServer("family", "198.51.100.3", 853, protocol="tls", name="family.example"),
        UpstreamServer("isp", "203.0.113.53"),
        UpstreamServer("isp", "2001:db8::53"),
    )
    assert (with_servers().source, with_servers().upstreams) == ("", ())


def test_what_is_kept_of_servers_goes_by_what_the_file_says_of_them() -> None:
    """Not by their ids, nor by what an uplink was given last."""
    source = with_servers(FAMILY).source
    assert len(bytes.fromhex(source)) == 8
    assert with_servers({**FAMILY, "id": "f"}, id="others").source == source
    for other in ({"address": "198.51.100.4"}, {"protocol": "tcp", "name": None}, {"port": 8853}):
        assert with_servers({**FAMILY, **other}).source != source
    learned = {"id": "kids", "clients": ["10.0.0.0/8"], "upstreams": [{"id": "isp", "from": "wan"}]}
    config = configuration(policies=[learned])
    links = (LINKS, InterfacesPlan(devices=LINKS.devices))
    told = [plan(config, {}, Earlier((one,))).config.policies[0] for one in links]
    assert told[0].source == told[1].source != ""
    assert (len(told[0].upstreams), told[1].upstreams) == (2, ())


def test_a_policy_of_interfaces_that_are_missing_is_nobodys() -> None:
    """It must not become everybody's."""
    config = configuration(policies=[{"id": "guests", "interfaces": ["lan"]}])
    assert plan(config, {}, Earlier((InterfacesPlan(devices={"lan": None}),))).config.policies == ()


def test_a_policy_is_somebodys() -> None:
    with pytest.raises(ValueError, match="does not say for whom it is"):
        configuration(policies=[{"id": "x"}])


def test_a_list_for_no_one_is_a_warning() -> None:
    (problem,) = check(configuration(blocklists=LISTS))
    assert (problem.severity, problem.path[1:]) == (Severity.WARNING, ("blocklists", 1, "everyone"))


def test_a_list_whose_content_changed_makes_another_plan() -> None:
    config = configuration(blocklists=[{"id": "a", "file": "a.txt"}])
    plans = {plan(config, {"a.txt": ListFile("a.txt", 10, time_ns)}, Earlier()).lists for time_ns in (1, 2)}
    assert len(plans) == 2


def test_what_the_server_is_told_survives_the_wire() -> None:
    policies, upstreams = (
        [{"id": "kids", "clients": ["192.168.1.64/26"]}],
        [{"id": "isp", "from": "wan"}, OFFICE],
    )
    given = configuration(records=[NAS], upstreams=upstreams, policies=policies)
    config = plan(given, {}, Earlier((LINKS,))).config
    assert config.forwards and config.policies
    assert ServerConfig.from_data(config.as_data()) == config


def lease(client: str, address: str, hostname: str) -> LeaseEntry:
    return LeaseEntry("192.168.1.0/24", "lan", client, address, "", hostname, 0, 1, "active")


class TestHosts:
    def names(self, hosts: Hosts) -> list[tuple[str, str]]:
        return [(name.hostname, name.address) for name in hosts.names()]

    def test_leases_come_and_go(self) -> None:
        hosts = Hosts()
        assert hosts.take(
            LeasesKnown((lease("a", "192.168.1.100", "laptop"), lease("b", "192.168.1.101", "")))
        )
        assert self.names(hosts) == [("laptop", "192.168.1.100")]
        assert hosts.take(LeaseChanged("granted", lease("c", "192.168.1.102", "tv")))
        assert hosts.take(LeaseChanged("released", lease("a", "192.168.1.100", "laptop")))
        assert self.names(hosts) == [("tv", "192.168.1.102")]
        assert hosts.take(LeasesKnown(()))
        assert self.names(hosts) == []

    def test_a_renewal_changes_nothing(self) -> None:
        hosts = Hosts()
        hosts.take(LeasesKnown((lease("a", "192.168.1.100", "laptop"),)))
        assert not hosts.take(LeaseChanged("renewed", lease("a", "192.168.1.100", "laptop")))

    def test_an_address_that_changes_hands_changes_its_name(self) -> None:
        hosts = Hosts()
        hosts.take(LeasesKnown((lease("a", "192.168.1.100", "laptop"),)))
        hosts.take(LeaseChanged("granted", lease("b", "192.168.1.100", "tv")))
        assert self.names(hosts) == [("tv", "192.168.1.100")]

    def test_hosts_without_a_name_are_no_news(self) -> None:
        hosts = Hosts()
        assert not hosts.take(LeaseChanged("granted", lease("a", "192.168.1.100", "")))
        assert hosts.take(LeaseChanged("renewed", lease("a", "192.168.1.100", "laptop")))
        assert hosts.take(LeaseChanged("renewed", lease("a", "192.168.1.101", "laptop")))
        assert self.names(hosts) == [("laptop", "192.168.1.101")]
        assert hosts.take(LeaseChanged("renewed", lease("a", "192.168.1.101", "")))
        assert not hosts.take(LeaseChanged("released", lease("a", "192.168.1.101", "")))
        assert self.names(hosts) == []

    def test_an_address_that_is_declined_has_no_name(self) -> None:
        hosts = Hosts()
        hosts.take(LeasesKnown((lease("a", "192.168.1.100", "laptop"),)))
        hosts.take(LeaseChanged("declined", lease("declined:192.168.1.100", "192.168.1.100", "")))
        assert self.names(hosts) == []


def test_names_that_people_decided_on_are_told_to_the_server() -> None:
    ads, shop = {**ADS, "name": "Ads.example"}, {"name": "shop.example.", "action": "allow"}
    kids = {
        **KIDS,
        "names": [{"id": "s", **ads, "action": "allow"}],
        "only_allowed": True,
        "blocklists": None,
    }
    config = configuration(names=[{"id": "a", **ads}, {"id": "b", **shop}], policies=[kids])
    assert list(check(config)) == []
    made = plan(config, {}, Earlier((LINKS,))).config
    assert (made.block, made.allow) == (("ads.example",), ("shop.example",))
    (policy,) = made.policies
    assert (policy.block, policy.allow, policy.only_allowed) == ((), ("ads.example",), True)
    assert ServerConfig.from_data(json.loads(json.dumps(made.as_data()))) == made


def test_a_name_that_nobody_would_be_asked_for_is_a_warning() -> None:
    """As is a policy that allows nothing."""
    names = [{"id": "a", "name": "x.home.arpa", "action": "block"}]
    kids = {"id": "kids", "clients": ["192.168.1.64/26"], "only_allowed": True}
    problems = list(check(configuration(names=names, policies=[kids])))
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    assert {problem.path[1:] for problem in problems} == {
        ("names", 0, "name"),
        ("policies", 0, "only_allowed"),
    }
