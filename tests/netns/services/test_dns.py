# SPDX-License-Identifier: GPL-2.0-or-later
"""dig and kdig ask the real server; dnsmasq is the world behind it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import dnslib
import pytest

from patronus.core.errors import InvalidRequest
from patronus.core.verb import Nothing
from patronus.lists.folder import Download
from patronus.lists.task import Places
from patronus.lists.wanted import key_of
from patronus.network.dhcp.verbs import RemoveLease
from patronus.network.dns.server import STREAMS_EACH
from patronus.network.dns.verbs import ListQueries, Lookup
from tests.netns.services.network import DNS, ROOT, Router, dig, status, wait_for
from tests.netns.services.test_dhcp import udhcpc

CLIENT = "192.168.1.50/24"
KIDS_NAS = {"id": "nas", "name": "nas.home.arpa", "type": "A", "value": "192.168.1.31"}


@pytest.fixture
def asked(router: Router) -> Router:
    """Return the router, configured, with a client on its LAN."""
    router.lan.ip(f"addr add {CLIENT} dev eth0")
    router.apply()
    return router


def kdig(router: Router, *options: str) -> list[str]:
    with router.lan:
        command = ["kdig", "+short", "+timeout=8", "+retry=0", "@192.168.1.1", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def kdig_answer(router: Router, name: str) -> str:
    """Return the first record of the answer, as in a zone file."""
    with router.lan:
        command = ["kdig", "+noall", "+answer", "+timeout=8", "@192.168.1.1", name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def test_names_of_the_world_come_from_upstream_and_then_from_the_cache(asked: Router) -> None:
    with asked.upstream():
        assert dig(asked.lan, "www.example") == ["198.51.100.7"]
    assert dig(asked.lan, "WWW.Example") == ["198.51.100.7"]
    assert kdig(asked, "www.example") == ["198.51.100.7"]
    assert kdig(asked, "+tcp", "www.example") == ["198.51.100.7"]
    asked.ask_dns.flush_cache(ROOT, Nothing())
    assert dig(asked.lan, "www.example") == []


def test_who_asks_with_a_cookie_has_it_back_and_another_none(asked: Router) -> None:
    """As dig judges; over TCP, and where clients differ, too."""
    kids = {"id": "kids", "clients": ["192.168.1.0/24"]}

    def said(*options: str) -> str:
        with asked.lan:
            command = ["dig", "+time=5", "+tries=1", "@192.168.1.1", "nas.home.arpa", *options]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    for changed in (DNS, {**DNS, "policies": [kids]}):
        asked.apply(dns=changed)
        for way in ("+notcp", "+tcp"):
            assert "(good)" in said("+cookie", way)
            assert "COOKIE" not in said("+nocookie", way)


def test_what_is_kept_ready_for_one_is_no_others_cookie(asked: Router) -> None:
    """The very same bytes from two addresses."""
    asked.lan.ip("addr add 192.168.1.51/24 dev eth0")
    record = dnslib.DNSRecord.question("nas.home.arpa")
    record.add_ar(dnslib.EDNS0(udp_len=1232, opts=[dnslib.EDNSOption(10, bytes(8))]))
    got: dict[str, list[bytes]] = {}
    for address in ("192.168.1.50", "192.168.1.51") * 3:
        with asked.lan, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.bind((address, 0))
            end.settimeout(60)
            end.sendto(record.pack(), ("192.168.1.1", 53))
            got.setdefault(address, []).append(end.recv(2000)[-8:])
    assert not set(got["192.168.1.50"]) & set(got["192.168.1.51"])


UNBOUND = """server:
  interface: 203.0.113.1
  access-control: 0.0.0.0/0 allow_cookie
  answer-cookie: yes
  use-syslog: no
  username: ""
  chroot: ""
  pidfile: ""
  local-zone: "example." static
  local-data: "a.example. 60 IN A 198.51.100.1"
  local-data: "b.example. 60 IN A 198.51.100.2"
remote-control:
  control-enable: yes
  control-interface: {folder}/unbound.sock
  control-use-cert: no
"""


def test_a_server_that_wants_cookies_gets_its_own_back(asked: Router, tmp_path: Path) -> None:
    """unbound answers the first question by BADCOOKIE, and counts which cookies are good."""
    tmp_path.chmod(0o755)
    config = tmp_path / "unbound.conf"
    config.write_text(UNBOUND.format(folder=tmp_path))
    with asked.wan:
        unbound = subprocess.Popen(["unbound", "-d", "-c", str(config)])
    try:
        wait_for(lambda: dig(asked.lan, "a.example") == ["198.51.100.1"])
        assert dig(asked.lan, "b.example") == ["198.51.100.2"]
        stats = ["unbound-control", "-c", str(config), "stats_noreset"]
        said = subprocess.run(stats, capture_output=True, text=True, check=True).stdout
    finally:
        unbound.kill()
        unbound.wait()
    found = dict(line.split("=") for line in said.splitlines() if "total.num.queries_cookie" in line)
    assert int(found["total.num.queries_cookie_valid"]) >= 1, found
    assert found["total.num.queries_cookie_invalid"] == "0"


def test_without_an_upstream_in_the_configuration_nobody_is_asked(asked: Router) -> None:
    with asked.upstream():
        lonely = {**DNS, "upstreams": [{"id": "other", "address": "203.0.113.9"}]}
        asked.apply(dns=lonely)
        assert status(asked.lan, "www.example") == "SERVFAIL"
        asked.apply()
        assert dig(asked.lan, "www.example") == ["198.51.100.7"]


def test_an_answer_longer_than_a_datagram_comes_over_tcp(asked: Router) -> None:
    with asked.upstream():
        (found,) = dig(asked.lan, "big.example", "TXT", "+bufsize=512")
    assert found.count("x") == 9 * 200


def test_an_outside_name_cannot_point_inside(asked: Router) -> None:
    with asked.upstream():
        assert asked.wan_dig("evil.example") == ["192.168.1.30"]
        assert dig(asked.lan, "evil.example") == []
        asked.apply(dns={**DNS, "private_domains": ["evil.example"]})
        assert dig(asked.lan, "evil.example") == ["192.168.1.30"]


def test_local_names_resolve_without_the_world(asked: Router) -> None:
    assert dig(asked.lan, "nas.home.arpa") == ["192.168.1.30"]
    assert dig(asked.lan, "-x", "192.168.1.30") == ["nas.home.arpa."]
    assert dig(asked.lan, "patronus.home.arpa") == ["192.168.1.1"]
    assert status(asked.lan, "nope.home.arpa") == "NXDOMAIN"


def test_a_lease_has_its_name_while_it_lasts(asked: Router) -> None:
    assert status(asked.lan, "laptop.home.arpa") == "NXDOMAIN"
    address = udhcpc(asked.lan, "-x", "hostname:laptop")
    wait_for(lambda: dig(asked.lan, "laptop.home.arpa") == [address])
    assert dig(asked.lan, "-x", address) == ["laptop.home.arpa."]
    names = {(item.name, item.source) for item in asked.ask_dns.list_records(ROOT, Nothing()).records}
    assert ("laptop.home.arpa", "lease") in names
    asked.dns_server.kill()
    asked.dns_server.start()
    wait_for(lambda: dig(asked.lan, "laptop.home.arpa") == [address])
    asked.ask_dhcp.remove_lease(ROOT, RemoveLease.model_validate({"address": address}))
    wait_for(lambda: status(asked.lan, "laptop.home.arpa") == "NXDOMAIN")


def test_a_blocked_name_does_not_exist(asked: Router) -> None:
    folder = asked.dns_server.run.parent / "blocklists"
    folder.mkdir()
    (folder / "ads.txt").write_text("0.0.0.0 www.example\n")
    (folder / "gone.txt").symlink_to(folder / "nowhere")
    with asked.upstream():
        assert status(asked.lan, "www.example") == "NOERROR"
        asked.apply(dns={**DNS, "blocklists": [{"id": "ads", "file": "ads.txt"}]})
        assert status(asked.lan, "www.example") == "NXDOMAIN"
        asked.dns_server.kill()
        asked.dns_server.start()
        wait_for(lambda: status(asked.lan, "www.example") == "NXDOMAIN")
        assert asked.ask_dns.status(ROOT, Nothing()).blocked_names == 1
        (folder / "ads.txt").write_text("0.0.0.0 other.example\n")
        asked.apply(dns={**DNS, "blocklists": [{"id": "ads", "file": "ads.txt"}]})
        assert status(asked.lan, "www.example") == "NOERROR"
        fetched = {**DNS, "blocklists": [{"id": "ads", "url": "https://lists.example/ads"}]}
        asked.apply(dns=fetched)
        assert asked.ask_dns.status(ROOT, Nothing()).missing_lists == ["https://lists.example/ads"]
        brought = Places.below(folder.parent / "run", folder.parent).folder
        brought.path.mkdir()
        key = key_of("https://lists.example/ads", "names")
        brought.keep(key, b"www.example\n", Download(url="https://lists.example/ads", content="names"))
        asked.apply(dns=fetched)
        assert status(asked.lan, "www.example") == "NXDOMAIN"
        assert asked.ask_dns.status(ROOT, Nothing()).missing_lists == []


def test_what_a_client_is_told_goes_by_its_policy(asked: Router) -> None:
    """Over UDP and TCP, by address and by device, also for what is ready or cached for others."""
    folder = asked.dns_server.run.parent / "blocklists"
    folder.mkdir()
    (folder / "games.txt").write_text("www.example\n")
    asked.lan.ip("addr add 192.168.1.70/24 dev eth0")
    kid, parent = ("-b", "192.168.1.70"), ("-b", "192.168.1.50")
    kids = {"id": "kids", "clients": ["192.168.1.64/26"], "blocklists": ["games"], "records": [KIDS_NAS]}
    games = {"id": "games", "file": "games.txt", "everyone": False}
    with asked.upstream():
        assert dig(asked.lan, "www.example", *kid) == ["198.51.100.7"]
        asked.apply(dns={**DNS, "blocklists": [games], "policies": [kids]})
        for way in ((), ("+tcp",), ()):
            assert dig(asked.lan, "www.example", *parent, *way) == ["198.51.100.7"]
            assert status(asked.lan, "www.example", *kid, *way) == "NXDOMAIN"
            assert dig(asked.lan, "nas.home.arpa", *parent, *way) == ["192.168.1.30"]
            assert dig(asked.lan, "nas.home.arpa", *kid, *way) == ["192.168.1.31"]
        everybody = {"id": "all", "interfaces": ["lan"], "blocklists": ["games"]}
        asked.apply(dns={**DNS, "blocklists": [games], "policies": [everybody]})
        assert status(asked.lan, "www.example", *parent) == "NXDOMAIN"
        asked.apply()
        assert dig(asked.lan, "www.example", *kid) == ["198.51.100.7"]


def test_questions_are_written_down_where_the_owner_wants_it(asked: Router) -> None:
    assert dig(asked.lan, "nas.home.arpa") == ["192.168.1.30"]
    assert asked.ask_dns.list_queries(ROOT, ListQueries()).on is False
    asked.apply(dns={**DNS, "query_log": {"keep": "1h"}})
    for options in ((), (), ("+tcp",)):
        assert dig(asked.lan, "nas.home.arpa", *options) == ["192.168.1.30"]
    assert asked.dns_server.stop() == 0
    asked.dns_server.start()
    wait_for(lambda: asked.ask_dns.status(ROOT, Nothing()).running)
    wait_for(lambda: asked.ask_dns.list_queries(ROOT, ListQueries()).on)
    found = asked.ask_dns.list_queries(ROOT, ListQueries(client="192.168.1.50")).queries
    assert [(item.name, item.type, item.outcome) for item in found] == [("nas.home.arpa", "A", "NOERROR")] * 3
    first = asked.ask_dns.list_queries(ROOT, ListQueries(client="192.168.1.50", count=2))
    rest = asked.ask_dns.list_queries(ROOT, ListQueries(client="192.168.1.50", count=2, before=first.before))
    assert [item.number for item in (*first.queries, *rest.queries)] == [item.number for item in found]
    assert (rest.before, first.keep_s) == (None, 3600)
    asked.apply()
    assert asked.ask_dns.list_queries(ROOT, ListQueries()).queries == []


def test_the_log_says_which_policy_judged_a_question_and_finds_by_it(asked: Router) -> None:
    """Over UDP and TCP; when the policy has gone, its questions keep its name."""
    asked.lan.ip("addr add 192.168.1.70/24 dev eth0")
    kid, parent = ("-b", "192.168.1.70"), ("-b", "192.168.1.50")
    logged = {**DNS, "query_log": {"keep": "1h"}}
    asked.apply(dns={**logged, "policies": [{"id": "kids", "clients": ["192.168.1.64/26"]}]})
    for options in (kid, (*kid, "+tcp"), parent, (*parent, "+tcp")):
        assert dig(asked.lan, "nas.home.arpa", *options) == ["192.168.1.30"]

    def judged(policy: str) -> list[tuple[str, str | None]]:
        found = asked.ask_dns.list_queries(ROOT, ListQueries(policy=policy)).queries
        return [(item.client, item.policy) for item in found]

    kids, others = [("192.168.1.70", "kids")] * 2, [("192.168.1.50", None)] * 2
    assert (judged("kids"), judged("-"), judged("")) == (kids, others, others + kids)
    asked.apply(dns=logged)
    assert dig(asked.lan, "nas.home.arpa", *kid) == ["192.168.1.30"]
    assert (judged("kids"), judged("-")) == (kids, [("192.168.1.70", None), *others])


FILTER, FILTERED = "203.0.113.3", "198.51.100.99"


def test_clients_of_a_policy_have_answers_of_its_servers_alone_and_others_none_of_these(
    asked: Router,
) -> None:
    """Also what is cached, kept over a restart, or another policy's place in the list; over UDP and TCP."""
    asked.lan.ip("addr add 192.168.1.70/24 dev eth0")
    asked.wan.ip(f"addr add {FILTER}/24 dev eth0")
    kid, parent = ("-b", "192.168.1.70"), ("-b", "192.168.1.50")
    kids = {
        "id": "kids",
        "clients": ["192.168.1.64/26"],
        "upstreams": [{"id": "filter", "address": FILTER}],
    }
    all_of_them = {"id": "all", "interfaces": ["lan"]}

    def told(*options: str) -> set[str]:
        return {*dig(asked.lan, "www.example", *options), *dig(asked.lan, "www.example", "+tcp", *options)}

    with asked.upstream(), asked.upstream(FILTER, FILTERED):
        assert told(*kid) == {"198.51.100.7"}
        asked.apply(dns={**DNS, "policies": [kids]})
        for _ in range(2):
            assert (told(*kid), told(*parent)) == ({FILTERED}, {"198.51.100.7"})
        found = asked.ask_dns.status(ROOT, Nothing()).upstreams
        assert [(item.id, item.policies) for item in found] == [("up", []), ("filter", ["kids"])]
        assert all(item.answered for item in found)
    asked.apply(dns={**DNS, "policies": [kids, all_of_them]})
    assert (told(*kid), told(*parent)) == ({FILTERED}, set())
    assert asked.dns_server.stop() == 0
    asked.dns_server.start()
    wait_for(lambda: told(*kid) == {FILTERED})
    for other in (all_of_them, {**kids, "upstreams": []}):
        asked.apply(dns={**DNS, "policies": [other]})
        assert told(*kid) == set()


def test_where_a_policys_servers_do_not_answer_nobody_else_is_asked(asked: Router) -> None:
    kids = {
        "id": "kids",
        "clients": ["192.168.1.0/26"],
        "upstreams": [{"id": "filter", "address": FILTER}],
    }
    with asked.upstream():
        asked.apply(dns={**DNS, "policies": [kids]})
        assert status(asked.lan, "www.example") == "SERVFAIL"
        (everyones, own) = asked.ask_dns.status(ROOT, Nothing()).upstreams
        assert (everyones.answered, own.healthy) == (0, False)


OFFICE_WORLD = (
    "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file=",
    "--user=root", f"--listen-address={FILTER}", "--local-ttl=600",
    "--host-record=wiki.corp.example,10.9.0.7", "--txt-record=www.example,not asked here",
)  # fmt: skip


def test_names_of_a_domain_are_asked_of_its_server_and_it_of_nothing_else(asked: Router) -> None:
    """Also the reverse of its addresses, which nobody is asked for otherwise; clients of a policy, too."""
    asked.wan.ip(f"addr add {FILTER}/24 dev eth0")
    office = {"id": "office", "address": FILTER, "domains": ["corp.example", "9.10.in-addr.arpa"]}
    with asked.wan:
        server = subprocess.Popen(OFFICE_WORLD)
    try:
        wait_for(lambda: dig(asked.wan, "wiki.corp.example", at=FILTER) == ["10.9.0.7"])
        with asked.upstream():
            assert dig(asked.lan, "wiki.corp.example") == []
            asked.apply(dns={**DNS, "upstreams": [*DNS["upstreams"], office]})
            assert dig(asked.lan, "wiki.corp.example") == ["10.9.0.7"]
            assert dig(asked.lan, "-x", "10.9.0.7") == ["wiki.corp.example."]
            assert dig(asked.lan, "www.example") == ["198.51.100.7"]
            assert dig(asked.lan, "www.example", "TXT") == []
            found = asked.ask_dns.status(ROOT, Nothing()).upstreams
            assert [(item.id, item.domains) for item in found] == [("up", []), ("office", office["domains"])]
            other = {"id": "kids", "clients": ["192.168.1.0/24"], "upstreams": DNS["upstreams"]}
            asked.apply(dns={**DNS, "upstreams": [*DNS["upstreams"], office], "policies": [other]})
            assert dig(asked.lan, "wiki.corp.example", "+tcp") == ["10.9.0.7"]
            asked.apply()
            assert dig(asked.lan, "wiki.corp.example") == []
    finally:
        server.kill()
        server.wait()


def test_a_record_for_all_names_below_answers_for_each(asked: Router) -> None:
    wild = {"id": "apps", "name": "*.apps.home.arpa", "type": "A", "value": "192.168.1.40"}
    asked.apply(dns={**DNS, "records": [*DNS["records"], wild]})
    assert dig(asked.lan, "x.apps.home.arpa") == dig(asked.lan, "y.z.apps.home.arpa") == ["192.168.1.40"]
    assert dig(asked.lan, "nas.home.arpa") == ["192.168.1.30"]
    assert status(asked.lan, "apps.home.arpa") == "NOERROR"
    asked.apply()
    assert status(asked.lan, "x.apps.home.arpa") == "NXDOMAIN"


def test_nobody_is_served_where_the_server_does_not_listen(asked: Router) -> None:
    assert dig(asked.wan, "nas.home.arpa", at="203.0.113.2") == []
    assert dig(asked.lan, "nas.home.arpa") == ["192.168.1.30"]


def test_the_router_asks_its_own_server(asked: Router) -> None:
    with asked.namespace:
        found = asked.ask_dns.lookup(ROOT, Lookup(name="nas.home.arpa"))
    assert (found.status, found.answers) == (
        "NOERROR",
        ["nas.home.arpa.          300     IN      A       192.168.1.30"],
    )


def test_the_daemon_shows_all_of_an_answer_that_no_datagram_holds(asked: Router) -> None:
    addresses = [f"192.168.1.{number}" for number in range(60, 120)]
    records = [
        {"id": f"r{number}", "name": "many.home.arpa", "type": "A", "value": address}
        for number, address in enumerate(addresses)
    ]
    asked.apply(dns={**DNS, "records": records})
    with asked.namespace:
        found = asked.ask_dns.lookup(ROOT, Lookup(name="many.home.arpa"))
        with pytest.raises(InvalidRequest, match=r"a\.\.b is no name of DNS"):
            asked.ask_dns.lookup(ROOT, Lookup(name="a..b"))
    assert sorted(line.split()[-1] for line in found.answers) == sorted(addresses)


def test_the_cache_outlives_a_restart(asked: Router) -> None:
    with asked.upstream():
        assert dig(asked.lan, "www.example") == ["198.51.100.7"]
    assert asked.dns_server.stop() == 0
    asked.dns_server.start()
    wait_for(lambda: dig(asked.lan, "www.example") == ["198.51.100.7"])


def test_what_is_kept_ready_grows_old_and_ends_with_the_configuration(asked: Router) -> None:
    def ttl() -> int:
        return int(kdig_answer(asked, "www.example").split()[1])

    with asked.upstream():
        assert dig(asked.lan, "www.example") == ["198.51.100.7"]
    for _ in range(3):
        first = ttl()
    wait_for(lambda: ttl() < first)
    for _ in range(3):
        assert dig(asked.lan, "nas.home.arpa") == ["192.168.1.30"]
    moved = {**DNS["records"][0], "value": "192.168.1.31"}
    asked.apply(dns={**DNS, "records": [moved]})
    assert dig(asked.lan, "nas.home.arpa") == ["192.168.1.31"]


def test_who_holds_many_connections_keeps_nobody_else_out(asked: Router) -> None:
    asked.lan.ip("addr add 192.168.1.51/24 dev eth0")
    held = []
    for _ in range(STREAMS_EACH + 1):
        held.append(asked.lan.socket(4, socket.SOCK_STREAM))
        held[-1].connect(("192.168.1.1", 53))
    wait_for(lambda: asked.ask_dns.status(ROOT, Nothing()).counters.get("too many streams", 0) > 0)
    assert dig(asked.lan, "nas.home.arpa", "+tcp") == []
    assert dig(asked.lan, "nas.home.arpa", "+tcp", "-b", "192.168.1.51") == ["192.168.1.30"]
    for stream in held:
        stream.close()
    wait_for(lambda: dig(asked.lan, "nas.home.arpa", "+tcp") == ["192.168.1.30"])


def test_the_answer_leaves_from_the_address_that_was_asked(asked: Router) -> None:
    asked.namespace.ip("addr add 192.168.1.2/24 dev lan0")
    assert dig(asked.lan, "nas.home.arpa", at="192.168.1.2") == ["192.168.1.30"]


def test_names_without_ipv6_lead_to_the_translator_for_those_who_want_it(asked: Router) -> None:
    """Names of the world and our own, their reverse, and the name by which hosts find the prefix."""
    reverse = "7.0.4.6.3.3.6.c." + "0." * 12 + "4.6.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    own = {"dns64": {"prefix": "2001:db8:64::/96"}}
    with asked.upstream():
        assert dig(asked.lan, "www.example", "AAAA") == []
        asked.apply(dns={**DNS, **own})
        assert dig(asked.lan, "www.example", "AAAA") == ["2001:db8:64::c633:6407"]
        assert dig(asked.lan, "www.example", "AAAA", "+tcp") == ["2001:db8:64::c633:6407"]
        assert dig(asked.lan, "www.example", "AAAA", "+dnssec", "+cdflag") == []
        assert dig(asked.lan, "www.example") == ["198.51.100.7"]
        assert dig(asked.lan, "nas.home.arpa", "AAAA") == ["2001:db8:64::c0a8:11e"]
        assert dig(asked.lan, reverse, "PTR") == ["7.100.51.198.in-addr.arpa.", "www.example."]
        assert sorted(dig(asked.lan, "ipv4only.arpa", "AAAA")) == [
            "2001:db8:64::c000:aa",
            "2001:db8:64::c000:ab",
        ]
        others = {"id": "others", "clients": ["192.168.1.0/24"], "dns64": False}
        asked.apply(dns={**DNS, **own, "policies": [others]})
        assert dig(asked.lan, "www.example", "AAAA") == []
