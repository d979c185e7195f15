# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person does about rules in a browser, from the first one to the way back."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.web.chromium import SHOTS, browser, complaints, context, counts, leave, press, says, says_not, show
from tests.web.conftest import Machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Route

__all__ = ["browser", "complaints", "context"]  # pytest finds fixtures by name in the module


def test_a_rule_is_added_kept_switched_moved_and_deleted(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/rules")
    page.click("text=Add a rule")
    page.fill("#name", "the tablet stays at home")
    page.check("input[value=drop]")
    page.select_option("#from", "lan")
    page.select_option("#to", "wan")
    page.fill("#source", "192.168.1.114, 192.168.1.115")
    for heading in ("More to match", "Only so often", "Only at times", "Words about it"):
        page.locator("summary", has_text=heading).click()
    page.fill("#description", "until the homework is done")
    page.fill("#tags", "children, evening")
    page.fill("#dscp", "af41 0")
    page.fill("#limit_rate", "10/s")
    page.fill("#limit_burst", "20")
    page.select_option("#limit_per", "source")
    page.fill("#connections_most", "7")
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        page.check(f"input[value={day}]")
    page.fill("#schedule_time", "00:00-24:00")
    page.screenshot(path=SHOTS / "rule-filled.png", full_page=True)
    page.click("text=Add rule")
    rule = machine.client().call("firewall.ListRules")["rules"][-1]["rule"]
    assert rule["limit"] == {"rate": "10/s", "burst": 20, "per": "source"}
    assert rule["connections"] == {"most": 7}
    assert rule["schedule"] == {"time": "00:00-24:00"}
    assert "192.168.1.114" in machine.ruleset()
    assert "af41" in machine.ruleset()
    row = page.locator("tr", has_text="until the homework is done")
    counts(row.locator(".tag", has_text="evening"), 1)
    waiting = page.locator(".pending")
    says(waiting, "goes back by itself")
    page.screenshot(path=SHOTS / "pending.png")
    waiting.locator("button").click()
    assert page.url.endswith("/rules")
    counts(page.locator(".pending"), 0)
    row = page.locator("tr", has_text="the tablet stays at home")
    row.get_by_role("switch").click()
    row = page.locator("tr", has_text="the tablet stays at home")
    assert row.get_by_role("switch").get_attribute("aria-checked") == "false"
    assert "192.168.1.114" not in machine.ruleset()
    row.get_by_role("link", name="Edit").click()
    for day in ("sat", "sun"):
        page.check(f"input[value={day}]")
    page.fill("#limit_rate", "")
    page.fill("#limit_burst", "")
    page.select_option("#limit_per", "")
    page.fill("#place", "1")
    press(page, "text=Save")
    first = machine.client().call("firewall.ListRules")["rules"][0]["rule"]
    assert first["name"] == "the tablet stays at home"
    assert "limit" not in first and first["connections"] == {"most": 7}
    assert first["schedule"] == {"days": ["sat", "sun"], "time": "00:00-24:00"}
    handle = page.locator("tr", has_text="the tablet stays at home").locator(".order")
    handle.drag_to(page.locator("tbody tr").last, target_position={"x": 200, "y": 40})
    page.wait_for_load_state()
    says(page.locator("tbody tr").last, "the tablet stays at home")
    row = page.locator("tr", has_text="the tablet stays at home")
    row.get_by_role("button", name="up").click()
    says(page.locator("tbody tr").first, "the tablet stays at home")
    page.locator("tr", has_text="the tablet stays at home").get_by_role("button", name="Delete").click()
    counts(page.locator("tr", has_text="the tablet stays at home"), 0)
    press(page, "text=Keep these changes")
    says(page.locator("tbody"), "no telnet")
    leave(page)


def test_rules_of_iptables_go_into_the_draft_and_ours_become_a_file(
    context: BrowserContext, machine: Machine, tmp_path: Path
) -> None:
    before = machine.ruleset()
    saved = tmp_path / "rules.v4"
    saved.write_text("*filter\n-A INPUT -i eth0 -p tcp --dport 7 -j ACCEPT\n-A INPUT -j TARPIT\nCOMMIT\n")
    page = context.new_page()
    show(page, "/exchange")
    page.set_input_files("#file", saved)
    page.fill("#names", "eth0=wan")
    page.click("text=Put into my draft")
    says(page.locator("h2 >> nth=0"), "1 rules and 0 translations")
    says(page.locator("tbody"), "TARPIT has no word here")
    page.screenshot(path=SHOTS / "exchange-done.png", full_page=True)
    assert machine.ruleset() == before
    with page.expect_download() as started:
        page.click("text=IPv4")
    assert "-m multiport --destination-ports 23 -j reject" in Path(started.value.path()).read_text()
    show(page, "/draft")
    page.on("dialog", lambda dialog: dialog.accept())
    press(page, "text=Discard it")
    assert "The draft is gone" in page.content()
    leave(page)


def test_changes_are_collected_in_a_draft_seen_beforehand_and_applied_together(
    context: BrowserContext, machine: Machine
) -> None:
    before = machine.ruleset()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/history")
    press(page, "text=Collect changes in a draft")
    for name, port in (("no finger", "79"), ("no gopher", "70")):
        show(page, "/rules/new")
        page.fill("#name", name)
        page.fill("#protocol", "tcp")
        page.fill("#destination_port", port)
        page.check("input[value=drop]")
        press(page, "text=Add rule")
    says(page.locator("tbody"), "no finger")
    says(page.locator("tbody"), "no gopher")
    says(page.locator(".drafting"), "2 changes")
    page.locator("tr", has_text="no finger").get_by_role("button", name="Delete").click()
    says(page.locator(".drafting"), "1 change;")
    assert machine.ruleset() == before
    page.click("text=Check, and what will change")
    for said in ("firewall/rules: rules", "web for lan"):
        says(page.locator("main"), said)
    assert "no gopher" in page.content()
    page.screenshot(path=SHOTS / "draft-with-changes.png", full_page=True)
    page.fill("#comment", "old things")
    page.click("text=Apply the draft")
    says(page.locator("main"), "The draft runs.")
    says(page.locator("tbody"), "old things")
    press(page, "text=Keep these changes")
    assert machine.ruleset() != before
    counts(page.locator(".drafting"), 0)
    show(page, "/draft")
    press(page, "text=Collect changes in a draft")
    show(page, "/rules")
    page.locator("tr", has_text="no gopher").get_by_role("button", name="Delete").click()
    page.click(".drafting >> text=Discard")
    says(page.locator("tbody"), "no gopher")
    counts(page.locator(".drafting"), 0)
    leave(page)


def test_a_mistake_is_shown_beside_what_was_typed(context: BrowserContext, machine: Machine) -> None:
    before = machine.ruleset()
    page = context.new_page()
    show(page, "/rules/new")
    page.fill("#name", "too high")
    page.fill("#protocol", "tcp")
    page.fill("#destination_port", "70000")
    page.fill("#place", "1")
    page.locator("summary", has_text="How it refuses").click()
    page.fill("#log_prefix", "high")
    page.click("text=Add rule")
    says(page.locator(".note.error"), "70000")
    assert page.input_value("#name") == "too high"
    assert page.input_value("#destination_port") == "70000"
    assert (page.input_value("#place"), page.input_value("#log_prefix")) == ("1", "high")
    page.screenshot(path=SHOTS / "mistake.png")
    machine.client().call("firewall.Block", {"prefix": "203.0.113.77"})
    says(page.locator("#changed"), "changed meanwhile")
    assert page.input_value("#name") == "too high"
    machine.client().call("firewall.Unblock", {"prefix": "203.0.113.77"})
    page.fill("#destination_port", "7000")
    for place in ("-1", "1e3"):
        page.fill("#place", place)
        press(page, "text=Add rule")
        says(page.locator(".note.error"), f"{place} is no place in the order")
    assert machine.ruleset() == before
    page.fill("#place", "1")
    press(page, "text=Add rule")
    rule = machine.client().call("firewall.ListRules")["rules"][0]
    assert (rule["rule"]["name"], rule["rule"]["log"]) == ("too high", {"prefix": "high"})
    machine.client().call("firewall.RemoveRule", {"id": rule["id"], "confirm_s": 0})
    leave(page)


def test_the_end_of_an_unconfirmed_change_takes_nothing_away_that_was_typed(
    context: BrowserContext, machine: Machine
) -> None:
    rule = {"name": "waits", "protocol": "udp", "destination_port": 61998, "action": "drop"}
    made = machine.client().call("firewall.AddRule", {"rule": rule, "confirm_s": 600})
    for typed in (True, False):
        page = context.new_page()
        page.clock.install()
        show(page, "/rules/new")
        page.evaluate("window.before = true")
        if typed:
            page.fill("#name", "half a rule")
        page.clock.fast_forward("11:00")
        page.clock.fast_forward(3000)
        if typed:
            assert page.input_value("#name") == "half a rule" and page.evaluate("window.before")
        else:
            page.wait_for_function("!window.before")
        leave(page)
    machine.client().call("config.Confirm")
    machine.client().call("firewall.RemoveRule", {"id": made["id"], "confirm_s": 0})


def test_who_is_on_the_way_elsewhere_is_not_called_back_by_a_change(
    context: BrowserContext, machine: Machine
) -> None:
    """The page is told of the change while the one after it is waited for."""
    page = context.new_page()
    show(page, "/history")
    for _ in range(2000):
        if page.evaluate("lastEvent"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate("lastEvent"), "the stream of events is open"

    def slowly(route: Route) -> None:
        machine.client().call("firewall.Block", {"prefix": "203.0.113.78"})
        time.sleep(1)
        route.continue_()

    page.route("**/lists", slowly, times=1)
    page.evaluate("window.location.assign('/lists')")
    page.wait_for_url("**/lists")
    machine.client().call("firewall.Unblock", {"prefix": "203.0.113.78"})
    leave(page)


def test_a_block_and_a_port_forward_come_and_go(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/blocklist")
    page.fill("#prefix", "203.0.113.0/24")
    page.select_option("#for_s", "3600")
    page.fill("#reason", "scans")
    page.click("form.inline button")
    says(page.locator("tbody"), "203.0.113.0/24")
    assert "203.0.113" in machine.ruleset()
    page.get_by_role("button", name="Unblock 203.0.113.0/24").click()
    says(page.locator("main"), "Nothing is blocked")
    assert "203.0.113" not in machine.ruleset()
    show(page, "/nat")
    page.click("text=Add a port forward")
    page.fill("#destination_port", "8443")
    page.fill("#to", "nowhere")
    page.select_option("#protocol", "both")
    page.uncheck("details[open] [name=hairpin]")
    page.get_by_role("button", name="Add port forward").click()
    says(page.locator(".note.error"), "nowhere")
    assert not page.is_checked("details[open] [name=hairpin]") and page.input_value("#protocol") == "both"
    page.fill("#to", "192.168.1.30:443")
    page.get_by_role("button", name="Add port forward").click()
    says(page.locator("tbody"), "192.168.1.30:443")
    assert "192.168.1.30" in machine.ruleset()
    page.locator("tr", has_text="192.168.1.30").get_by_role("link", name="Edit").click()
    says(page.locator("h1"), "Edit port forward")
    assert (page.input_value("#protocol"), page.input_value("#destination_port")) == ("both", "8443")
    assert not page.is_checked("[name=hairpin]") and page.is_checked("[name=rule]")
    page.screenshot(path=SHOTS / "forward-edited.png", full_page=True)
    page.fill("#destination_port", "70000")
    page.get_by_role("button", name="Save").click()
    says(page.locator(".note.error"), "70000")
    page.fill("#destination_port", "8444")
    page.fill("#forward-source", "203.0.113.0/24, 198.51.100.7")
    page.get_by_role("button", name="Save").click()
    says(page.locator("tr", has_text="192.168.1.30"), "8444 from 203.0.113.0/24, 198.51.100.7")
    with machine.client() as client:
        entry = client.call("firewall.ListNat")["nat"][-1]["entry"]
    row = page.locator("tr", has_text="192.168.1.30")
    assert row.get_by_role("button", name="down").is_disabled(), "it is the last one"
    row.get_by_role("button", name="up").click()
    says(page.locator("main"), "Translation moved.")
    page.screenshot(path=SHOTS / "forward-moved.png", full_page=True)
    with machine.client() as client:
        order = [item["id"] for item in client.call("firewall.ListNat")["nat"]]
    assert order[-2] == entry["id"]
    assert (entry["protocol"], entry["source"]) == (["tcp", "udp"], ["203.0.113.0/24", "198.51.100.7"])
    page.locator("tr", has_text="192.168.1.30").get_by_role("switch").click()
    assert "192.168.1.30" not in machine.ruleset()
    page.locator("tr", has_text="192.168.1.30").get_by_role("button", name="Delete").click()
    says_not(page.locator("tbody"), "192.168.1.30:443")
    assert "192.168.1.30" not in machine.ruleset()
    page.click("text=Add addresses one to one")
    page.fill("#mapping-inside", "192.168.1.31")
    page.fill("#mapping-outside", "203.0.113.31")
    page.get_by_role("button", name="Add mapping").click()
    says(page.locator("tbody"), "203.0.113.31")
    assert "203.0.113.31" in machine.ruleset()
    page.locator("tr", has_text="203.0.113.31").get_by_role("link", name="Edit").click()
    page.select_option("#mapping-kind", "nptv6")
    page.get_by_role("button", name="Save").click()
    says(page.locator(".note.error"), "is not a prefix for nptv6")
    page.select_option("#mapping-kind", "one-to-one")
    page.fill("#mapping-inside", "192.168.1.32")
    page.get_by_role("button", name="Save").click()
    says(page.locator("tr", has_text="203.0.113.31"), "192.168.1.32")
    page.locator("tr", has_text="203.0.113.31").get_by_role("button", name="Delete").click()
    assert "203.0.113.31" not in machine.ruleset()
    show(page, "/protection")
    assert "fib saddr" in machine.ruleset()
    page.get_by_role("switch", name="Forged sources").click()
    assert page.get_by_role("switch", name="Forged sources").get_attribute("aria-checked") == "false"
    assert "fib saddr" not in machine.ruleset()
    page.click("text=Figures of: Port scans")
    page.fill("#port_scan-rate", "often")
    page.locator("details[open]").get_by_role("button", name="Set").click()
    says(page.locator("main"), "is not a rate")
    assert page.input_value("details[open] #port_scan-rate") == "often"
    page.get_by_role("switch", name="Forged sources").click()
    assert "fib saddr" in machine.ruleset()
    page.click("text=Figures of: Floods of UDP")
    page.check("details[open] [name=early]")
    page.locator("details[open]").get_by_role("button", name="Set").click()
    page.click("text=Figures of: Floods of UDP")
    assert page.is_checked("details[open] [name=early]")
    page.uncheck("details[open] [name=early]")
    page.locator("details[open]").get_by_role("button", name="Set").click()
    page.click("text=Figures of: Floods of UDP")
    assert not page.is_checked("details[open] [name=early]")
    press(page, "text=Keep these changes")
    leave(page)


def test_how_long_connections_are_remembered_is_set(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    show(page, "/connections")
    page.click("text=How long they are remembered")
    page.fill("#udp", "soon")
    page.fill("#table_size", "70000")
    page.click("button:text-is('Save')")
    says(page.locator(".note.error"), "soon")
    assert (page.input_value("#udp"), page.input_value("#table_size")) == ("soon", "70000")
    page.fill("#udp", "45s")
    page.fill("#table_size", "")
    page.click("button:text-is('Save')")
    assert page.input_value("#udp") == "45s"
    with machine.client() as client:
        assert client.call("firewall.ShowTracking")["settings"] == {"timeouts": {"udp": "45s"}}
    page.fill("#udp", "")
    for name in ("offload", "xdp_forwarding"):
        page.check(f"[name={name}]")
    page.click("button:text-is('Save')")
    with machine.client() as client:
        switches = client.call("firewall.ShowTracking")["settings"]
        assert switches == {"offload": True, "xdp_forwarding": True}
    for name in ("offload", "xdp_forwarding"):
        assert page.is_checked(f"[name={name}]")
        page.uncheck(f"[name={name}]")
    says(page.locator("label:has([name=xdp_forwarding])"), "the kernel forwards all packets")
    page.click("button:text-is('Save')")
    assert machine.client().call("firewall.ShowTracking")["settings"] == {}
    press(page, "text=Keep these changes")
    leave(page)


def test_the_way_back_leads_to_an_earlier_generation(context: BrowserContext, machine: Machine) -> None:
    rule = {"name": "no SMTP", "protocol": "tcp", "destination_port": 25, "action": "reject"}
    with machine.client() as client:
        before = client.call("system.Status")["generation"]
        client.call("firewall.AddRule", {"rule": rule, "confirm_s": 0})
    assert "dport 25" in machine.ruleset()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/history")
    page.locator("tr", has=page.locator(f"a[href='/history/{before}']")).get_by_role("button").click()
    says(page.locator(".note.done"), f"Back at generation {before}")
    assert "dport 25" not in machine.ruleset()
    press(page, "text=Keep these changes")
    leave(page)


def test_a_list_shows_what_it_holds_and_is_looked_at_on_demand(
    context: BrowserContext, machine: Machine
) -> None:
    rules = machine.root / "etc/patronus/firewall/rules.yaml"
    before, folder = rules.read_text(), machine.root / "etc/patronus/lists"
    folder.mkdir()
    with machine.client() as client:
        aliases = "aliases:\n  - {id: ours, list: {file: ours.txt}}\n"
        client.call("config.Load", {"files": {"firewall/rules.yaml": aliases + before}})
    page = context.new_page()
    show(page, "/lists")
    says(page.locator("tbody"), "lacking")
    (folder / "ours.txt").write_text("192.0.2.1\n2001:db8::/32\n")
    press(page, "text=Look at them now")
    show(page, "/lists")
    says(page.locator("tbody"), "@ours")
    says(page.locator("tbody"), "1 IPv4, 1 IPv6")
    says_not(page.locator("tbody"), "lacking")
    leave(page)
    with machine.client() as client:
        client.call("config.Load", {"files": {"firewall/rules.yaml": before}})


SENDER = """
import socket, time
outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3000):
    outbox.sendto(b"x", ("127.0.0.1", 9009))
    time.sleep(0.1)
"""


def test_real_packets_are_followed_until_somebody_stops_it(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    show(page, "/connections")
    press(page, "text=Follow packets")
    page.select_option("#protocol", "udp")
    page.fill("#destination_port", "9009")
    page.fill("#seconds", "1")
    press(page, "button:has-text('Follow')")
    says(page.locator("main"), "No such packet came")
    page.fill("#packets", "1")
    page.check("text=Go on until I stop it")
    inside = [
        "nsenter",
        "--target",
        (machine.root / "pid").read_text(),
        "--net",
        sys.executable,
        "-c",
        SENDER,
    ]
    with subprocess.Popen(inside) as sender:
        try:
            press(page, "button:has-text('Follow')")
            page.locator("#followed section.card >> nth=2").wait_for()
            says(page.locator("#followed section.card >> nth=0"), "to 127.0.0.1:9009 arrives at lo")
            says(page.locator("#followed section.card h2 >> nth=0"), "It is accepted by loopback.")
            page.screenshot(path=SHOTS / "trace-live.png", full_page=True)
            press(page, "a:text-is('Stop')")
        finally:
            sender.kill()
    counts(page.locator("#followed"), 0)
    leave(page)
