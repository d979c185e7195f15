# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person does about interfaces, routes, leases, names and shapers in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.web.chromium import (
    SHOTS,
    browser,
    complaints,
    context,
    counts,
    leave,
    press,
    says,
    says_not,
    show,
    show_anew,
)
from tests.web.conftest import Machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

__all__ = ["browser", "complaints", "context"]  # pytest finds fixtures by name in the module


def test_what_hosts_are_told_about_ipv6_stands_with_their_interface(
    context: BrowserContext, machine: Machine
) -> None:
    _, lan = (item["configuration"] for item in machine.client().call("interfaces.List")["interfaces"])
    ipv6 = {"method": "static", "addresses": ["fd00:7::1/64"], "advertise": True}
    machine.client().call("interfaces.Replace", {"id": "lan", "interface": {**lan, "ipv6": ipv6}})
    page = context.new_page()
    show(page, "/interfaces")
    card = page.locator("article", has_text="192.168.1.1/24").inner_text()
    assert "Announced" in card and "fd00:7::/64" in card and "no way out" in card
    says_not(page.locator("article", has_text="198.51.100.2/24"), "Announced")
    page.screenshot(path=SHOTS / "announced.png", full_page=True)
    leave(page)
    machine.client().call("interfaces.Replace", {"id": "lan", "interface": lan})
    page = context.new_page()
    show(page, "/interfaces")
    says_not(page.locator("main"), "Announced")
    leave(page)


def configured(machine: Machine, role: str) -> dict[str, Any] | None:
    """Return how an interface is written in the file."""
    found = machine.client().call("interfaces.List")["interfaces"]
    return next((item["configuration"] for item in found if item["id"] == role), None)


def test_a_bridge_comes_is_changed_and_goes(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/interfaces")
    page.click("text=Add a bridge")
    page.fill("#id", "joined")
    page.check("[name=members][value=lan]")
    page.check("[name=stp]")
    page.select_option("#zone", "lan")
    page.select_option("#ipv4_method", "static")
    page.fill("#ipv4_addresses", "192.168.20.1/24, 192.168.21.1/24")
    page.click("button:has-text('Add bridge')")
    says(page.locator(".note.error"), "lan")
    assert page.is_checked("[name=members][value=lan]") and page.is_checked("[name=stp]")
    page.uncheck("[name=members][value=lan]")
    page.click("button:has-text('Add bridge')")
    made = {
        "id": "joined", "bridge": {"members": [], "stp": True}, "zone": "lan",
        "ipv4": {"method": "static", "addresses": ["192.168.20.1/24", "192.168.21.1/24"]},
    }  # fmt: skip
    assert configured(machine, "joined") == made
    says(page.locator("article", has_text="192.168.21.1/24"), "bridge of nothing yet")
    press(page, "text=Keep these changes")
    page.click("[aria-label='Change joined']")
    page.fill("#ipv4_addresses", "192.168.20.1/24")
    page.fill("#mtu", "1400")
    page.screenshot(path=SHOTS / "interface-filled.png", full_page=True)
    page.click("button:text-is('Save')")
    addresses = {"method": "static", "addresses": ["192.168.20.1/24"]}
    assert configured(machine, "joined") == {**made, "ipv4": addresses, "mtu": 1400}
    page.click("[aria-label='Delete joined']")
    assert configured(machine, "joined") is None
    press(page, "text=Keep these changes")
    leave(page)


def test_the_mode_of_xdp_is_set_at_a_card(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    show(page, "/interfaces/new/vlan")
    assert page.locator("#xdp").count() == 0
    show(page, "/interfaces/lan")
    assert page.input_value("#xdp") == ""
    page.select_option("#xdp", "generic")
    page.click("button:text-is('Save')")
    assert (configured(machine, "lan") or {})["xdp"] == "generic"
    press(page, "text=Keep these changes")
    page.click("[aria-label='Change lan']")
    assert page.input_value("#xdp") == "generic"
    page.select_option("#xdp", "")
    page.click("button:text-is('Save')")
    assert "xdp" not in (configured(machine, "lan") or {})
    press(page, "text=Keep these changes")
    leave(page)


def test_what_a_card_does_is_switched_and_what_it_lacks_is_said(
    context: BrowserContext, machine: Machine
) -> None:
    page = context.new_page()
    show(page, "/interfaces/new/vlan")
    assert page.locator("#offload-tso").count() == 0
    show(page, "/interfaces/lan")
    page.click("text=What the card does for the router")
    says(page.locator("#offload-tso-hint"), "Now on.")
    says(page.locator("#offload-rx-gro-hw-hint"), "Not offered by this card.")
    page.select_option("#offload-tso", "off")
    page.select_option("#offload-rx-gro-hw", "on")
    says(page.locator("#ring-receive-hint"), "Not offered by this card.")
    says(page.locator("#queues-hint"), "Now receive ")
    page.fill("#ring-receive", "512")
    page.fill("#queues", "1")
    page.screenshot(path=SHOTS / "offloads.png", full_page=True)
    page.click("button:text-is('Save')")
    assert (configured(machine, "lan") or {})["offloads"] == {"tso": False, "rx-gro-hw": True}
    assert [(configured(machine, "lan") or {})[name] for name in ("rings", "queues")] == [{"receive": 512}, 1]
    says(page.locator("article", has_text="192.168.1.1/24"), "the card of lan, cannot have rx-gro-hw on")
    press(page, "text=Keep these changes")
    page.click("[aria-label='Change lan']")
    says(page.locator("#offload-tso-hint"), "Now off.")
    assert page.input_value("#offload-tso") == "off"
    for name in ("tso", "rx-gro-hw"):
        page.select_option(f"#offload-{name}", "")
    page.fill("#ring-receive", "")
    page.fill("#queues", "")
    page.click("button:text-is('Save')")
    assert not {"offloads", "rings", "queues"} & (configured(machine, "lan") or {}).keys()
    press(page, "text=Keep these changes")
    leave(page)


def test_interfaces_of_every_kind_are_put_into_a_draft(context: BrowserContext) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/history")
    press(page, "text=Collect changes in a draft")
    for shown in ("02:00:5e:10:20:30", ""):
        show(page, "/interfaces/lan")
        page.fill("#mac", shown)
        page.click("button:text-is('Save')")
        show(page, "/interfaces/lan")
        assert page.input_value("#mac") == shown
    show(page, "/interfaces/new/vlan")
    page.fill("#id", "guest")
    page.select_option("#parent", "lan")
    page.fill("#tag", "5000")
    page.check("[name=ipv6_ula]")
    page.click("button:has-text('Add VLAN')")
    says(page.locator(".note.error"), "5000")
    assert (page.input_value("#id"), page.input_value("#parent")) == ("guest", "lan")
    assert page.is_checked("[name=ipv6_ula]")
    page.fill("#tag", "20")
    page.click("button:has-text('Add VLAN')")
    page.click("text=Add a dummy link")
    page.fill("#id", "loop")
    page.click("button:has-text('Add dummy link')")
    page.click("text=Add a bond")
    page.fill("#id", "trunk")
    page.select_option("#mode", "802.3ad")
    page.select_option("#hash", "layer3+4")
    page.check("[name=lacp_fast]")
    page.click("button:has-text('Add bond')")
    page.click("text=Add a VXLAN")
    page.fill("#id", "branch")
    page.select_option("#parent", "lan")
    page.fill("#vni", "42")
    page.fill("#remote", "224.0.0.1")
    page.click("button:has-text('Add VXLAN')")
    says(page.locator(".note.error"), "is no other router")
    page.fill("#remote", "198.51.100.7")
    page.fill("#others", "198.51.100.9")
    page.click("button:has-text('Add VXLAN')")
    page.click("text=Add a GRE tunnel")
    page.fill("#id", "frames")
    page.select_option("#parent", "lan")
    page.fill("#remote", "198.51.100.8")
    page.fill("#key", "7")
    page.check("[name=frames]")
    page.click("button:has-text('Add GRE tunnel')")
    page.click("text=Add a VRF")
    page.fill("#id", "apart")
    page.fill("#table", "10")
    page.check("[name=members][value=loop]")
    page.click("button:has-text('Add VRF')")
    page.click("text=Add a NAT64 translator")
    page.fill("#id", "six")
    page.fill("#prefix", "64:ff9b::/95")
    page.fill("#pool", "192.168.254.0/24")
    page.click("button:has-text('Add NAT64 translator')")
    says(page.locator(".note.error"), "is no prefix for addresses of IPv4")
    assert page.input_value("#pool") == "192.168.254.0/24"
    page.fill("#prefix", "fd00:64::/96")
    page.click("button:has-text('Add NAT64 translator')")
    page.click("text=Add a PPPoE uplink")
    page.fill("#id", "dsl")
    page.select_option("#parent", "trunk")
    page.fill("#user", "line-7@isp")
    page.fill("#secret", "dsl")
    page.select_option("#ipv4_method", "pppoe")
    page.click("button:has-text('Add PPPoE uplink')")
    for role, said in (
        ("guest", "VLAN 20 of lan"),
        ("loop", "dummy link"),
        ("trunk", "bond of nothing yet"),
        ("branch", "VXLAN 42 over lan to 198.51.100.7, 198.51.100.9"),
        ("apart", "VRF of loop, table 10"),
        ("frames", "GRE over lan to 198.51.100.8, for frames"),
        ("six", "NAT64: fd00:64::/96 to IPv4 by 192.168.254.0/24"),
        ("dsl", "PPPoE over trunk as line-7@isp"),
        ("dsl", "there is no secret dsl yet"),
    ):
        card = page.locator("article", has=page.locator(f"h2:text-is('{role}')"))
        says(card, said)
    page.screenshot(path=SHOTS / "interfaces-of-all-kinds.png", full_page=True)
    page.click("[aria-label='Change trunk']")
    assert (page.input_value("#mode"), page.input_value("#hash")) == ("802.3ad", "layer3+4")
    assert page.is_checked("[name=lacp_fast]")
    show(page, "/draft")
    press(page, "text=Discard it")
    leave(page)


def test_the_vlans_of_a_bridge_are_given_by_member(context: BrowserContext) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/history")
    press(page, "text=Collect changes in a draft")
    show(page, "/interfaces/new/bond")
    page.fill("#id", "trunk")
    page.click("button:has-text('Add bond')")
    page.click("text=Add a bridge")
    page.fill("#id", "switch")
    page.check("[name=members][value=trunk]")
    page.click("summary:has-text('VLANs of the members')")
    page.fill("#untagged-trunk", "10")
    page.fill("#tagged-trunk", "20, 10")
    page.click("button:has-text('Add bridge')")
    says(page.locator(".note.error"), "VLAN 10 is there twice")
    assert (page.input_value("#untagged-trunk"), page.input_value("#tagged-trunk")) == ("10", "20, 10")
    page.screenshot(path=SHOTS / "switch.png", full_page=True)
    page.fill("#tagged-trunk", "20, 30")
    page.click("button:has-text('Add bridge')")
    card = page.locator("article", has=page.locator("h2:text-is('switch')"))
    says(card, "bridge of trunk, which keeps VLANs apart")
    page.click("[aria-label='Change switch']")
    says(page.locator("h1"), "Change switch")
    assert (page.input_value("#untagged-trunk"), page.input_value("#tagged-trunk")) == ("10", "20, 30")
    page.fill("#untagged-trunk", "")
    page.fill("#tagged-trunk", "")
    page.click("button:text-is('Save')")
    says_not(card, "keeps VLANs apart")
    show(page, "/draft")
    press(page, "text=Discard it")
    leave(page)


def test_a_route_and_a_policy_come_change_and_go(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/routes")
    says(page.locator("main"), "No other router is spoken with.")
    page.click("text=Add a route")
    page.fill("#destination", "10.20.0.0/16")
    page.fill("#gateway", "192.168.7.7")
    page.select_option("#interface", "lan")
    page.click("button:has-text('Add route')")
    says(page.locator(".note.error"), "192.168.7.7 is in no subnet of lan")
    page.fill("#gateway", "192.168.1.254")
    page.click("button:has-text('Add route')")
    says(page.locator("tr", has_text="192.168.1.254"), "active")
    page.click("[aria-label='Edit the route to 10.20.0.0/16']")
    says(page.locator("h1"), "Edit the route to 10.20.0.0/16")
    assert (page.input_value("#gateway"), page.input_value("#interface")) == ("192.168.1.254", "lan")
    page.screenshot(path=SHOTS / "route-edited.png", full_page=True)
    page.fill("#gateway", "192.168.7.7")
    page.click("button:text-is('Save')")
    says(page.locator(".note.error"), "192.168.7.7 is in no subnet of lan")
    page.fill("#gateway", "192.168.1.253")
    page.fill("#metric", "30")
    page.uncheck("[name=enabled]")
    page.click("button:text-is('Save')")
    says(page.locator("tr", has_text="192.168.1.253"), "off")
    (route,) = machine.client().call("routing.List")["routes"]
    assert {**route["configuration"], "id": ""} == {
        "id": "", "destination": "10.20.0.0/16", "gateway": "192.168.1.253", "interface": "lan", "metric": 30,
        "enabled": False,
    }  # fmt: skip
    page.locator("tr", has_text="10.20.0.0/16").get_by_role("button", name="Delete").click()
    says(page.locator("main"), "There are no static routes.")
    page.click("text=Add a policy")
    page.fill("#policy-source", "192.168.1.9")
    page.fill("#policy-ways", "192.168.1.254=2, 192.168.1.253@lan")
    page.fill("#policy-ports", "25")
    page.click("button:has-text('Add policy')")
    says(page.locator(".note.error"), "ports mean nothing without a protocol")
    page.select_option("#policy-protocol", "tcp")
    page.click("button:has-text('Add policy')")
    row = page.locator("tr", has_text="from 192.168.1.9/32 tcp port 25")
    says(row, "via 192.168.1.254 on lan0 weight 2")
    says(row, "active")
    row.get_by_role("link", name="Edit").click()
    assert page.input_value("#policy-ways") == "192.168.1.254=2, 192.168.1.253@lan"
    page.screenshot(path=SHOTS / "policy-edited.png", full_page=True)
    page.fill("#policy-ports", "25, 587-588")
    page.fill("#policy-ways", "192.168.1.254")
    page.click("button:text-is('Save')")
    row = page.locator("tr", has_text="from 192.168.1.9/32 tcp port 25, 587-588")
    says(row, "via 192.168.1.254 on lan0")
    other = {"source": "192.168.1.8", "gateways": [{"gateway": "192.168.1.253"}], "confirm_s": 0}
    machine.client().call("routing.AddPolicy", other)
    show(page, "/routes")
    page.get_by_role("button", name="Move the policy for what is from 192.168.1.8/32 up").click()
    says(page.locator("main"), "Policy moved.")
    found = [item["conditions"] for item in machine.client().call("routing.ListPolicies")["policies"]]
    assert found == ["from 192.168.1.8/32", "from 192.168.1.9/32 tcp port 25, 587-588"]
    page.screenshot(path=SHOTS / "policy-moved.png", full_page=True)
    up = page.get_by_role("button", name="Move the policy for what is from 192.168.1.8/32 up")
    assert up.is_disabled()
    for host in ("192.168.1.8", "192.168.1.9"):
        page.locator("tr", has_text=f"from {host}").get_by_role("button", name="Delete").click()
        counts(page.locator("tr", has_text=f"from {host}"), 0)
    says(page.locator("main"), "There are no policies.")
    show(page, "/uplinks")
    says(page.locator("main"), "There are no uplinks")
    page.click("text=Add an uplink")
    page.select_option("#id", "lan")
    page.fill("#checks", "icmp, tcp:192.0.2.1:443")
    page.click("button:has-text('Add uplink')")
    says(page.locator(".note.error"), "lan has no gateway and asks for none")
    assert page.input_value("#checks") == "icmp, tcp:192.0.2.1:443"
    leave(page)


def test_an_uplink_comes_changes_and_goes(context: BrowserContext, machine: Machine) -> None:
    wan, _ = (item["configuration"] for item in machine.client().call("interfaces.List")["interfaces"])
    out = {**wan, "ipv4": {**wan["ipv4"], "gateway": "198.51.100.1"}}
    machine.client().call("interfaces.Replace", {"id": "wan", "interface": out})
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/uplinks")
    page.click("text=Add an uplink")
    page.select_option("#id", "wan")
    page.fill("#checks", "tcp:[2001:db8::1]:443, icmp")
    page.click("button:has-text('Add uplink')")
    page.click("[aria-label='Edit the uplink wan']")
    says(page.locator("h1"), "Edit uplink wan")
    assert page.input_value("#checks") == "tcp:[2001:db8::1]:443, icmp"
    page.screenshot(path=SHOTS / "uplink-edited.png", full_page=True)
    page.fill("#interval", "always")
    page.click("button:text-is('Save')")
    says(page.locator(".note.error"), "always")
    page.fill("#interval", "10s")
    page.fill("#weight", "3")
    page.fill("#checks", "none")
    page.click("button:text-is('Save')")
    (uplink,) = machine.client().call("uplinks.List")["uplinks"]
    assert uplink["configuration"] == {"id": "wan", "weight": 3, "checks": [], "interval": "10s"}
    page.click("[aria-label='Edit the uplink wan']")
    assert (page.input_value("#checks"), page.input_value("#weight")) == ("none", "3")
    page.click("text=Cancel")
    page.click("[aria-label='Delete the uplink wan']")
    says(page.locator("main"), "There are no uplinks")
    press(page, "text=Keep these changes")
    leave(page)
    machine.client().call("interfaces.Replace", {"id": "wan", "interface": wan})


def test_a_lease_is_kept_for_its_host_by_one_click(context: BrowserContext, machine: Machine) -> None:
    leased = machine.lease()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/leases")
    page.screenshot(path=SHOTS / "leases-filled.png", full_page=True)
    page.get_by_role("button", name=f"Reserve {leased}").click()
    says(page.locator("tr", has_text=leased), "reserved")
    (pool,) = machine.client().call("dhcp.ListPools")["pools"]
    assert [item["address"] for item in pool["reservations"]] == [leased]
    page.click(f"[aria-label='Remove the reservation of {leased}']")
    page.get_by_role("button", name=f"Reserve {leased}").wait_for()
    press(page, "text=Keep these changes")
    leave(page)


def test_the_dns_server_is_looked_at_asked_and_told_a_name(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/dns")
    says(page.locator("tr", has_text="test"), "198.51.100.53")
    page.click("text=Add a name")
    page.fill("#name", "nas.home.arpa")
    page.fill("#value", "192.168.1.300")
    page.click("button:has-text('Add name')")
    says(page.locator(".note.error"), "192.168.1.300")
    assert page.input_value("#name") == "nas.home.arpa"
    page.fill("#value", "192.168.1.30")
    page.click("button:has-text('Add name')")
    says(page.locator("tr", has_text="nas.home.arpa"), "192.168.1.30")
    press(page, "text=Keep these changes")
    page.fill("#asked-name", "nas.home.arpa")
    page.click("button:text-is('Ask')")
    says(page.locator("#answer"), "192.168.1.30")
    page.screenshot(path=SHOTS / "dns-asked.png", full_page=True)
    says(page.locator("main"), "All clients are told the same.")
    page.click("text=Add a policy")
    page.fill("#policy-id", "kids")
    page.fill("#clients", "192.168.1.64/26, fd00:1::/64")
    page.fill("#blocklists", "games")
    page.fill("#records", "nas.home.arpa A 192.168.1.31")
    page.click("button:has-text('Add policy')")
    says(page.locator(".note.error"), "no blocklist is called games")
    assert page.input_value("#records") == "nas.home.arpa A 192.168.1.31"
    page.fill("#blocklists", "none")
    page.fill("#servers", "198.51.100.3, nowhere")
    page.select_option("#over", "tls")
    page.fill("#server_name", "family.example")
    page.click("button:has-text('Add policy')")
    says(page.locator(".note.error"), "no interface is called nowhere")
    assert page.input_value("#over") == "tls"
    page.fill("#servers", "198.51.100.3")
    page.fill("#path", "/family")
    page.click("button:has-text('Add policy')")
    says(page.locator(".note.error"), "over tls nothing is asked at a path")
    page.select_option("#over", "https")
    page.click("button:has-text('Add policy')")
    for said in ("192.168.1.31", "198.51.100.3 https"):
        says(page.locator("tr", has_text="192.168.1.64/26"), said)
    says(page.locator("tr", has_text="port 443"), "kids")
    says(page.locator("tr", has_text="198.51.100.53"), "all others")
    page.fill("#decided-name", "not a name")
    page.click("button:has-text('Decide')")
    says(page.locator(".note.error"), "is not a domain name")
    page.fill("#decided-name", "games.example")
    page.select_option("#decided-policy", "kids")
    page.click("button:has-text('Decide')")
    says(page.locator("tr", has_text="games.example"), "blocked kids")
    page.get_by_role("button", name="Undo games.example for kids").click()
    says(page.locator("main"), "The blocklists alone say")
    page.click("text=Servers of kids")
    page.fill("#servers-kids", "nowhere")
    page.get_by_role("button", name="Save the servers of kids").click()
    says(page.locator(".note.error"), "no interface is called nowhere")
    assert page.input_value("#servers-kids") == "nowhere"
    page.fill("#servers-kids", "198.51.100.4, 198.51.100.5")
    page.select_option("#over-kids", "tcp")
    page.get_by_role("button", name="Save the servers of kids").click()
    says(page.locator("tr", has_text="192.168.1.64/26"), "198.51.100.5 tcp")
    page.click("text=Servers of kids")
    page.get_by_role("button", name="Save the servers of kids").click()
    says(page.locator("tr", has_text="192.168.1.64/26"), "everybody's")
    page.get_by_role("button", name="Delete the policy kids").click()
    says_not(page.locator("main"), "192.168.1.31")
    page.get_by_role("button", name="Delete nas.home.arpa").click()
    says_not(page.locator("main"), "nas.home.arpa")
    press(page, "text=Keep these changes")
    page.click("text=Forget all answers")
    says(page.locator(".note.done"), "answers forgotten")
    leave(page)


def test_questions_are_found_in_parts_by_name_and_client(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    show(page, "/dns/queries")
    says(page.locator("main"), "Nothing is written down")
    with machine.client() as client:
        before = client.call("config.Show")["files"]["network/dns.yaml"]
        client.call("config.Load", {"files": {"network/dns.yaml": before + "query_log: {keep: 2h}\n"}})
        for number in range(102):
            client.call("dns.Lookup", {"name": f"x{number}.home.arpa"})
        client.call("dns.Lookup", {"name": "patronus.home.arpa", "type": "AAAA"})
    show_anew(page)
    says(page.locator("main"), "remembered for 2 h")
    says(page.locator("tbody tr >> nth=0"), "patronus.home.arpa")
    counts(page.locator("tbody tr"), 100)
    page.screenshot(path=SHOTS / "queries-filled.png")
    press(page, "text=Older questions")
    assert [row.split()[4] for row in page.locator("tbody tr").all_inner_texts()] == [
        "x2.home.arpa", "x1.home.arpa", "x0.home.arpa",
    ]  # fmt: skip
    page.fill("#name", "PATRONUS.home.arpa")
    press(page, "button:text-is('Filter')")
    counts(page.locator("tbody tr"), 1)
    page.get_by_role("button", name="Block patronus.home.arpa").click()
    says(page.locator("tbody tr"), "blocked for everybody")
    says(page.locator("main"), "answers all of home.arpa itself")
    page.get_by_role("button", name="Undo patronus.home.arpa").click()
    counts(page.get_by_role("button", name="Block patronus.home.arpa"), 1)
    press(page, "text=Keep these changes")
    page.fill("#client", "192.0.2.1")
    press(page, "button:text-is('Filter')")
    says(page.locator("main"), "No such question was asked")
    with machine.client() as client:
        client.call("dns.AddPolicy", {"id": "self", "clients": ["127.0.0.0/8"]})
        client.call("dns.Lookup", {"name": "judged.home.arpa"})
    show(page, "/dns/queries")
    assert page.locator("tbody tr").first.inner_text().split()[3:5] == ["self", "judged.home.arpa"]
    page.select_option("#policy", "self")
    page.select_option("#place", "self")
    press(page, "button:text-is('Filter')")
    counts(page.locator("tbody tr"), 1)
    assert page.input_value("#place") == "self"
    page.select_option("#policy", "none")
    press(page, "button:text-is('Filter')")
    says_not(page.locator("tbody"), "judged.home.arpa")
    counts(page.locator("tbody tr"), 100)
    leave(page)
    with machine.client() as client:
        client.call("config.Load", {"files": {"network/dns.yaml": before}})


def test_a_shaper_has_its_numbers_changed_and_goes(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/shapers")
    page.click("text=Shape an uplink")
    page.select_option("#id", "wan")
    page.fill("#new-download", "20mbit")
    page.fill("#new-upload", "5")
    page.check("input[name=ack_filter] >> visible=true")
    page.click("button:has-text('Shape it')")
    says(page.locator(".note.error"), "5 is not a bit rate")
    assert page.input_value("#new-download") == "20mbit"
    page.fill("#new-upload", "5mbit")
    page.select_option("#new-link", "docsis")
    page.click("button:has-text('Shape it')")
    for said in ("active", "of 20 Mbit/s", "of 5 Mbit/s", "download", "upload"):
        says(page.locator("#live"), said)
    page.screenshot(path=SHOTS / "shaped.png", full_page=True)
    page.click("text=Numbers of wan")
    assert page.input_value("#wan-link") == "docsis"
    page.fill("#wan-upload", "6mbit")
    page.click("button:has-text('Set') >> visible=true")
    says(page.locator("#live"), "of 6 Mbit/s")
    page.click("text=Numbers of wan")
    page.click("button:has-text('Remove the shaper of wan')")
    says(page.locator("#live"), "No uplink is shaped.")
    leave(page)


def test_hosts_may_ask_for_ports_until_that_is_turned_off(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/nat")
    page.click("text=Ports that hosts asked for")
    page.check("[name=inside][value=lan]")
    page.click("button:has-text('Save')")
    says(page.locator("main"), "No host has asked for a port")
    page.click("text=Allow some hosts")
    page.fill("#id", "console")
    page.fill("#hosts", "192.168.1.40")
    page.fill("#ports", "70000")
    page.click("button:has-text('Allow')")
    says(page.locator(".note.error"), "70000")
    page.fill("#ports", "3074, 5000-5100")
    page.click("button:has-text('Allow')")
    says(page.locator("main"), "192.168.1.40, ports 3074, 5000-5100")
    said = machine.client().call("mappings.List")["configuration"]
    assert (said["outside"], said["inside"], len(said["allow"])) == ("wan", ["lan"], 1)
    page.screenshot(path=SHOTS / "port-mappings.png", full_page=True)
    page.evaluate(
        """() => {
            const form = document.querySelector("form[action$='/revoke']");
            const button = form.querySelector("button");
            form.action = "/mappings/end";
            [button.name, button.value] = ["mapping", "tcp/6000"];
        }"""
    )
    page.click("[aria-label='Take the permission console back']")
    says(page.locator(".note.error"), "no host has tcp 6000")  # it ended while somebody looked at it
    page.click("[aria-label='Take the permission console back']")
    says(page.locator("main"), "Nobody.")
    page.click("text=Whose hosts")
    page.uncheck("[name=inside][value=lan]")
    page.click("button:has-text('Save')")
    says(page.locator("main"), "Hosts cannot ask for ports.")
    leave(page)


def test_networks_find_each_others_printers_until_that_is_turned_off(
    context: BrowserContext, machine: Machine
) -> None:
    client, page = machine.client(), context.new_page()
    show(page, "/mdns")
    says(page.locator("main"), "Each network finds its own hosts alone.")
    page.check("[name=between][value=lan]")
    page.click("button:has-text('Save')")
    says(page.locator(".note.error"), "one interface has nothing to be repeated to")
    assert page.is_checked("[name=between][value=lan]")
    other = {"id": "things", "match": {"mac": "02:00:00:00:00:88"}, "zone": "lan"}  # its card is not there
    client.call("interfaces.Add", {"interface": other})
    show(page, "/mdns")
    for role in ("lan", "things"):
        page.check(f"[name=between][value={role}]")
    page.uncheck("[name=everything]")
    page.check("[name=only][value='_ipp._tcp']")
    page.fill("#others", "ssh")
    page.click("button:has-text('Save')")
    says(page.locator(".note.error"), "is not a kind of service")
    page.fill("#others", "_ssh._tcp")
    page.click("button:has-text('Save')")
    says(page.locator("#between"), "Printers, _ssh._tcp")
    says(
        page.locator("main"), "They do not find each other now: fewer than two of these networks have a card."
    )
    found = client.call("mdns.Status")
    assert (found["between"], found["only"]) == (["lan", "things"], ["_ipp._tcp", "_ssh._tcp"])
    page.screenshot(path=SHOTS / "printers-and-screens.png", full_page=True)
    for role in ("lan", "things"):
        page.uncheck(f"[name=between][value={role}]")
    page.click("button:has-text('Save')")
    says(page.locator("main"), "Each network finds its own hosts alone.")
    client.call("interfaces.Remove", {"id": "things"})
    leave(page)


def test_the_clock_is_given_servers_and_a_time_zone(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    show(page, "/")
    page.click("text=clock not set")
    says(page.locator("main"), "No server is asked.")
    page.click("text=Who sets it")
    page.check("[name=nts]")
    page.click("button:has-text('Save')")
    says(page.locator(".note.error"), "nobody is asked")
    page.fill("#servers", "ntp.example, 192.0.2.1")
    page.fill("#timezone", "Europe/Berlin")
    page.click("button:has-text('Save')")
    found = machine.client().call("time.Status")
    assert (found["servers"], found["nts"], found["timezone"]) == (
        ["ntp.example", "192.0.2.1"],
        True,
        "Europe/Berlin",
    )
    says(page.locator(".note.warning"), "chronyc")  # nothing answers here
    machine.client().call("time.Set", {"time": {}, "timezone": "UTC"})
    leave(page)
