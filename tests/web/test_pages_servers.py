# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person does in a browser about the servers that hosts ask: pools, whom DNS asks, what it blocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.web.chromium import (
    SHOTS,
    browser,
    complaints,
    context,
    counts,
    leave,
    look_away,
    press,
    says,
    show,
)
from tests.web.conftest import Machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

LONG_S = 60.0
__all__ = ["browser", "complaints", "context"]  # pytest finds fixtures by name in the module


def pools(machine: Machine) -> dict[str, Any]:
    """Return the pools as they are written, by name."""
    return {item["id"]: item["configuration"] for item in machine.client().call("dhcp.ListPools")["pools"]}


def test_a_pool_comes_is_changed_and_goes(context: BrowserContext, machine: Machine) -> None:
    lan = pools(machine)["lan"]
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/leases")
    press(page, "text=Add a pool")
    page.fill("#id", "more")
    page.select_option("#interface", "lan")
    page.fill("#ranges", "192.168.9.10-192.168.9.20")
    page.click("summary:has-text('What hosts are told')")
    page.fill("#ntp_servers", "192.168.1.1, 192.168.1.2")
    press(page, "button:has-text('Add pool')")
    says(page.locator(".note.error"), "192.168.9.10-192.168.9.20 is in no subnet of lan")
    assert page.input_value("#ntp_servers") == "192.168.1.1, 192.168.1.2"
    page.fill("#ranges", "192.168.1.10-192.168.1.20, 192.168.1.30-192.168.1.40")
    page.fill("#lease_time", "2h")
    page.uncheck("[name=probe]")
    page.screenshot(path=SHOTS / "pool-filled.png", full_page=True)
    press(page, "button:has-text('Add pool')")
    says(page.locator("article", has_text="more"), "192.168.1.10-192.168.1.20")
    assert pools(machine)["more"] == {
        "id": "more", "interface": "lan",
        "ranges": ["192.168.1.10-192.168.1.20", "192.168.1.30-192.168.1.40"],
        "lease_time": "2h", "options": {"ntp_servers": ["192.168.1.1", "192.168.1.2"]}, "probe": False,
    }  # fmt: skip
    page.screenshot(path=SHOTS / "pools.png", full_page=True)
    page.click("[aria-label='Edit more']")
    says(page.locator("h1"), "Edit pool more")
    assert page.input_value("#lease_time") == "2h" and not page.is_checked("[name=probe]")
    page.fill("#ntp_servers", "")
    page.fill("#lease_time", "")
    page.check("[name=probe]")
    press(page, "button:text-is('Save')")
    says(page.locator("article", has_text="more"), "12 h")
    assert pools(machine)["more"].keys() == {"id", "interface", "ranges"}
    page.click("[aria-label='Delete more']")
    counts(page.locator("[aria-label='Delete more']"), 0)
    assert pools(machine) == {"lan": lan}
    press(page, "text=Keep these changes")
    leave(page)


def test_a_reservation_outlives_a_change_of_its_pool(context: BrowserContext, machine: Machine) -> None:
    given = {"pool": "lan", "mac": "02:00:00:00:00:09", "address": "192.168.1.20", "hostname": "nas"}
    machine.client().call("dhcp.AddReservation", given)
    page = context.new_page()
    show(page, "/leases/pools/lan/edit")
    says(page.locator("main"), "This pool also says reservations")
    page.fill("#lease_time", "1d")
    press(page, "button:text-is('Save')")
    says(page.locator("article", has_text="nas"), "192.168.1.20")
    (kept,) = pools(machine)["lan"]["reservations"]
    assert kept["address"] == "192.168.1.20"
    leave(page)
    machine.client().call("dhcp.RemoveReservation", {"id": kept["id"]})


def test_pools_of_ipv6_give_addresses_or_prefixes(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/history")
    press(page, "text=Collect changes in a draft")
    show(page, "/leases/pools/new/ipv6")
    page.fill("#id", "lan6")
    page.select_option("#interface", "lan")
    page.fill("#ranges", "::1000-::1fff")
    page.check("[name=rapid_commit]")
    page.click("summary:has-text('Prefixes for routers')")
    page.fill("#delegation_prefix", "2001:db8:4000::/40")
    page.fill("#delegation_length", "56")
    press(page, "button:has-text('Add pool')")
    says(page.locator("article", has_text="lan6"), "Routers get a /56 of 2001:db8:4000::/40")
    page.click("[aria-label='Edit lan6']")
    assert page.is_checked("[name=rapid_commit]") and page.input_value("#delegation_length") == "56"
    show(page, "/draft")
    press(page, "text=Discard it")
    assert "lan6" not in pools(machine)
    leave(page)


def entries(machine: Machine, verb: str, key: str, inner: str) -> dict[str, Any]:
    """Return the entries of the DNS server's file, by name."""
    return {item["id"]: item[inner] for item in machine.client().call(verb)[key]}


def test_a_dns_server_is_added_changed_and_asked_no_more(context: BrowserContext, machine: Machine) -> None:
    def servers() -> dict[str, Any]:
        return entries(machine, "dns.ListUpstreams", "upstreams", "upstream")

    before = servers()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/dns")
    press(page, "text=Add a server")
    page.fill("#id", "quad")
    page.fill("#address", "198.51.100.54")
    page.click("summary:has-text('Over tls and https')")
    page.fill("#name", "dns.example")
    press(page, "button:has-text('Add server')")
    says(page.locator(".note.error"), "nobody shows a certificate")
    assert (page.input_value("#id"), page.input_value("#name")) == ("quad", "dns.example")
    page.select_option("#protocol", "tls")
    page.screenshot(path=SHOTS / "dns-server-filled.png", full_page=True)
    press(page, "button:has-text('Add server')")
    row = page.locator("tr", has_text="quad")
    says(row, "198.51.100.54")
    made = {"id": "quad", "address": "198.51.100.54", "protocol": "tls", "name": "dns.example"}
    assert servers() == {**before, "quad": made}
    page.select_option("#ask", "fastest")
    press(page, "form[action='/dns/ask'] button")
    assert machine.client().call("dns.ListUpstreams")["ask"] == "fastest"
    page.screenshot(path=SHOTS / "dns-servers.png", full_page=True)
    page.click("summary:has-text('Names without IPv6')")
    page.select_option("#dns64-state", "on")
    page.fill("#dns64-prefix", "64:ff9b::/95")
    press(page, "[aria-label='Save names without IPv6']")
    says(page.locator(".note.error"), "is no prefix for addresses of IPv4")
    assert page.input_value("#dns64-prefix") == "64:ff9b::/95"
    page.fill("#dns64-prefix", "2001:db8:64::/96")
    press(page, "[aria-label='Save names without IPv6']")
    says(page.locator("summary:has-text('Names without IPv6')"), "2001:db8:64::/96")
    told = {"prefix": "2001:db8:64::/96", "everyone": True}
    assert machine.client().call("dns.ListUpstreams")["dns64"] == told
    page.screenshot(path=SHOTS / "dns64.png", full_page=True)
    page.click("summary:has-text('Names without IPv6')")
    page.select_option("#dns64-state", "off")
    press(page, "[aria-label='Save names without IPv6']")
    says(page.locator("summary:has-text('Names without IPv6')"), "as they are")
    page.click("[aria-label='Edit the server quad']")
    assert page.input_value("#protocol") == "tls"
    page.select_option("#protocol", "")
    page.fill("#name", "")
    press(page, "button:text-is('Save')")
    says(row, "udp")
    assert servers()["quad"] == {"id": "quad", "address": "198.51.100.54"}
    page.click("[aria-label='Edit the server quad']")
    page.fill("#domains", "corp.example, 9.10.in-addr.arpa")
    press(page, "button:text-is('Save')")
    says(row, "corp.example, 9.10.in-addr.arpa")
    domains = {"domains": ["corp.example", "9.10.in-addr.arpa"]}
    assert servers()["quad"] == {"id": "quad", "address": "198.51.100.54", **domains}
    page.click("[aria-label='Edit the server quad']")
    assert page.input_value("#domains") == "corp.example 9.10.in-addr.arpa"
    page.screenshot(path=SHOTS / "dns-server-domains.png", full_page=True)
    page.click("text=Cancel")
    page.click("[aria-label='Delete the server quad']")
    counts(row, 0)
    assert servers() == before
    press(page, "text=Keep these changes")
    leave(page)


def test_a_blocklist_comes_is_changed_and_goes_when_no_policy_names_it(
    context: BrowserContext, machine: Machine
) -> None:
    def lists() -> dict[str, Any]:
        return entries(machine, "dns.ListBlocklists", "blocklists", "blocklist")

    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/lists")
    press(page, "text=Add one of names")
    page.fill("#id", "ads")
    page.fill("#place", "http://lists.example/ads.txt")
    press(page, "button:has-text('Add blocklist')")
    says(page.locator(".note.error"), "a list is brought in over https alone")
    page.fill("#place", "https://lists.example/ads.txt")
    page.fill("#refresh", "12h")
    press(page, "button:has-text('Add blocklist')")
    row = page.locator("tr", has_text="ads")
    says(row, "https://lists.example/ads.txt")
    says(row, "everybody")
    assert lists() == {"ads": {"id": "ads", "url": "https://lists.example/ads.txt", "refresh": "12h"}}
    page.click("[aria-label='Edit the blocklist ads']")
    page.fill("#place", "own.txt")
    page.fill("#refresh", "")
    page.uncheck("[name=everyone]")
    press(page, "button:text-is('Save')")
    says(row, "nobody")
    says(row, "own.txt")
    assert lists() == {"ads": {"id": "ads", "file": "own.txt", "everyone": False}}
    policy = {"id": "kids", "clients": ["192.168.1.64/26"], "blocklists": ["ads"]}
    look_away(page)
    machine.client().call("dns.AddPolicy", policy)
    show(page, "/dns")
    says(row, "kids")
    page.screenshot(path=SHOTS / "dns-blocklists.png", full_page=True)
    page.click("[aria-label='Delete the blocklist ads']")
    says(page.locator("main"), "the policy kids names the blocklist ads, so it stays")
    assert list(lists()) == ["ads"]
    look_away(page)
    machine.client().call("dns.RemovePolicy", {"id": "kids"})
    show(page, "/dns")
    page.click("[aria-label='Delete the blocklist ads']")
    says(page.locator("main"), "There are no blocklists.")
    press(page, "text=Keep these changes")
    leave(page)


def test_an_outside_name_comes_is_told_is_changed_and_goes(context: BrowserContext, machine: Machine) -> None:
    client, page = machine.client(), context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    client.call("secrets.Set", {"name": "dyn", "secret": "geheim"})
    show(page, "/dyndns")
    says(page.locator("main"), "No name outside leads here.")
    press(page, "text=Add a name")
    page.fill("#hostnames", "home.example.net, home.example.net")
    page.fill("#id", "home")
    page.select_option("#interface", "wan")
    page.fill("#server", "http://dyn.example")
    page.fill("#user", "anna")
    page.select_option("#password", "dyn")
    press(page, "button:has-text('Add name')")
    says(page.locator(".note.error"), "is not a URL")
    page.fill("#server", "https://dyn.example")
    press(page, "button:has-text('Add name')")
    says(page.locator(".note.error"), "home.example.net is told already")
    page.fill("#hostnames", "home.example.net, www.example.net")
    page.screenshot(path=SHOTS / "outside-name-filled.png", full_page=True)
    press(page, "button:has-text('Add name')")
    row = page.locator("tr", has_text="home.example.net")
    says(row, "www.example.net")
    found = client.call("dyndns.Status")["names"]
    assert [item["configuration"] for item in found] == [
        {
            "id": "home", "hostnames": ["home.example.net", "www.example.net"], "interface": "wan",
            "dyndns2": {"server": "https://dyn.example", "user": "anna", "password": {"secret": "dyn"}},
        }
    ]  # fmt: skip

    end = time.monotonic() + LONG_S  # the process that tells ends without a word: there is no systemd here
    while client.call("dyndns.Status")["names"][0]["state"] != "failed" and time.monotonic() < end:
        time.sleep(0.1)
    show(page, "/dyndns")
    says(row, "could not be told")
    press(page, "[aria-label='Tell the provider of home now']")
    says(page.locator("main"), "The provider is being told.")
    page.screenshot(path=SHOTS / "outside-names.png", full_page=True)
    press(page, "[aria-label='Edit the outside name home']")
    says(page.locator("h1"), "Edit outside name home")
    page.select_option("#protocol", "url")
    page.fill("#server", "https://dyn.example/set?n={nme}&t={password}")
    page.fill("#user", "")
    page.fill("#expect", "OK")
    press(page, "button:has-text('Save')")
    says(page.locator(".note.error"), "{nme} is not a word that is filled in")
    page.fill("#server", "https://dyn.example/set?n={name}&t={password}")
    page.uncheck("[name=enabled]")
    press(page, "button:has-text('Save')")
    says(row, "Off.")
    (one,) = client.call("dyndns.Status")["names"]
    assert (one["state"], one["protocol"], one["configuration"]["url"]["expect"]) == ("off", "url", "OK")
    press(page, "[aria-label='Edit the outside name home']")
    page.select_option("#protocol", "rfc2136")
    page.fill("#server", "ns1.example.net")
    page.click("summary:has-text('For a name server')")
    page.fill("#zone", "example.org")
    page.fill("#key", "router")
    page.select_option("#algorithm", "hmac-sha512")
    page.fill("#port", "5353")
    press(page, "button:has-text('Save')")
    says(page.locator(".note.error"), "home.example.net is not in the zone example.org")
    page.fill("#zone", "example.net")
    press(page, "button:has-text('Save')")
    says(row, "by an update")
    (one,) = client.call("dyndns.Status")["names"]
    assert one["configuration"]["rfc2136"] == {
        "server": "ns1.example.net", "port": 5353, "zone": "example.net", "key": "router",
        "algorithm": "hmac-sha512", "secret": {"secret": "dyn"},
    }  # fmt: skip
    press(page, "[aria-label='Delete the outside name home']")
    says(page.locator("main"), "No name outside leads here.")
    leave(page)
