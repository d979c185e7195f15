# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person does in a browser: Chromium before the real router, with screenshots of every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import PASSWORD, Machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

playwright = pytest.importorskip("playwright.sync_api")

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PAGES = {
    "overview": "/",
    "rules": "/rules",
    "rule": "/rules/r-1",
    "explain": "/explain?arrives_on=lan&source=192.168.1.9&destination=198.51.100.9&destination_port=23",
    "exchange": "/exchange",
    "forwarding": "/nat",
    "protection": "/protection",
    "connections": "/connections",
    "interfaces": "/interfaces",
    "routes": "/routes",
    "leases": "/leases",
    "blocklist": "/blocklist",
    "lists": "/lists",
    "secrets": "/secrets",
    "backup": "/backup",
    "update": "/update",
    "history": "/history",
    "generation": "/history/1",
    "repository": "/repository",
    "audit": "/audit",
    "audit-verify": "/audit/verify",
    "draft": "/draft",
    "reference": "/reference",
    "account": "/account",
    "people": "/people",
}
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """Collect what the browser's console says: refused scripts and styles are said there."""
    return []


def look(browser: Browser, machine: Machine, complaints: list[str], **options: Any) -> Page:
    """Return a page of a fresh browser window."""
    context = browser.new_context(base_url=machine.url, ignore_https_errors=True, **options)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    return page


@pytest.fixture(scope="module")
def context(browser: Browser, machine: Machine, complaints: list[str]) -> Iterator[BrowserContext]:
    """Set the router up with the code from the console, as its owner does; return the window."""
    page = look(browser, machine, complaints, viewport=WIDE)
    page.goto("/")
    assert page.url.endswith("/set-up")
    page.screenshot(path=SHOTS / "set-up.png")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.fill("#code", "0000-0000-0000-0000-0000")
    page.click("text=Set up >> nth=-1")
    assert "not the set-up code" in page.inner_text(".note.error")
    complaints.clear()
    page.fill("#code", machine.code.lower().replace("-", " "))
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("text=Set up >> nth=-1")
    assert page.inner_text("h1") == "patronus"
    page.close()
    yield page.context
    page.context.close()


def test_every_page_fits_a_desk_and_a_phone_by_day_and_by_night(
    browser: Browser, context: BrowserContext, machine: Machine, complaints: list[str]
) -> None:
    """Nothing is wider than the screen, and the browser has nothing to complain of."""
    for name, path in PAGES.items():
        for scheme in ("light", "dark"):
            for kind, size in (("desk", WIDE), ("phone", PHONE)):
                page = look(browser, machine, complaints, viewport=size, color_scheme=scheme)
                page.context.add_cookies(context.cookies())
                answer = page.goto(path)
                assert answer is not None
                assert answer.status == 200, (path, answer.status)
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (path, kind)
                page.screenshot(path=SHOTS / f"{name}-{kind}-{scheme}.png", full_page=True)
                page.context.close()
    assert complaints == []


def test_a_rule_is_added_kept_switched_moved_and_deleted(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/rules")
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
    assert row.locator(".tag", has_text="evening").count() == 1
    waiting = page.locator(".pending")
    assert "goes back by itself" in waiting.inner_text()
    page.screenshot(path=SHOTS / "pending.png")
    waiting.locator("button").click()
    assert page.url.endswith("/rules")
    assert page.locator(".pending").count() == 0
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
    page.click("text=Save")
    first = machine.client().call("firewall.ListRules")["rules"][0]["rule"]
    assert first["name"] == "the tablet stays at home"
    assert "limit" not in first and first["connections"] == {"most": 7}
    assert first["schedule"] == {"days": ["sat", "sun"], "time": "00:00-24:00"}
    handle = page.locator("tr", has_text="the tablet stays at home").locator(".order")
    handle.drag_to(page.locator("tbody tr").last, target_position={"x": 200, "y": 40})
    page.wait_for_load_state()
    assert "the tablet stays at home" in page.locator("tbody tr").last.inner_text()
    row = page.locator("tr", has_text="the tablet stays at home")
    row.get_by_role("button", name="up").click()
    assert "the tablet stays at home" in page.locator("tbody tr").first.inner_text()
    page.locator("tr", has_text="the tablet stays at home").get_by_role("button", name="Delete").click()
    assert page.locator("tr", has_text="the tablet stays at home").count() == 0
    page.click("text=Keep these changes")
    assert "no telnet" in page.inner_text("tbody")
    page.close()


def test_rules_of_iptables_go_into_the_draft_and_ours_become_a_file(
    context: BrowserContext, machine: Machine, tmp_path: Path
) -> None:
    before = machine.ruleset()
    saved = tmp_path / "rules.v4"
    saved.write_text("*filter\n-A INPUT -i eth0 -p tcp --dport 7 -j ACCEPT\n-A INPUT -j TARPIT\nCOMMIT\n")
    page = context.new_page()
    page.goto("/exchange")
    page.set_input_files("#file", saved)
    page.fill("#names", "eth0=wan")
    page.click("text=Put into my draft")
    assert "1 rules and 0 translations" in page.inner_text("h2 >> nth=0")
    assert "TARPIT has no word here" in page.inner_text("tbody")
    page.screenshot(path=SHOTS / "exchange-done.png", full_page=True)
    assert machine.ruleset() == before
    with page.expect_download() as started:
        page.click("text=IPv4")
    assert "-m multiport --destination-ports 23 -j reject" in Path(started.value.path()).read_text()
    page.goto("/draft")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=Discard it")
    assert "The draft is gone" in page.content()
    page.close()


def test_changes_are_collected_in_a_draft_seen_beforehand_and_applied_together(
    context: BrowserContext, machine: Machine
) -> None:
    before = machine.ruleset()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/history")
    page.click("text=Collect changes in a draft")
    for name, port in (("no finger", "79"), ("no gopher", "70")):
        page.goto("/rules/new")
        page.fill("#name", name)
        page.fill("#protocol", "tcp")
        page.fill("#destination_port", port)
        page.check("input[value=drop]")
        page.click("text=Add rule")
    assert "no finger" in page.inner_text("tbody") and "no gopher" in page.inner_text("tbody")
    assert "2 changes" in page.inner_text(".drafting")
    page.locator("tr", has_text="no finger").get_by_role("button", name="Delete").click()
    assert "1 change;" in page.inner_text(".drafting")
    assert machine.ruleset() == before
    page.click("text=Check, and what will change")
    shown = page.inner_text("main")
    assert "firewall/rules: rules" in shown and "web for lan" in shown and "no gopher" in page.content()
    page.screenshot(path=SHOTS / "draft-with-changes.png", full_page=True)
    page.fill("#comment", "old things")
    page.click("text=Apply the draft")
    assert "The draft runs." in page.inner_text("main") and "old things" in page.inner_text("tbody")
    page.click("text=Keep these changes")
    assert machine.ruleset() != before and page.locator(".drafting").count() == 0
    page.goto("/draft")
    page.click("text=Collect changes in a draft")
    page.goto("/rules")
    page.locator("tr", has_text="no gopher").get_by_role("button", name="Delete").click()
    page.click(".drafting >> text=Discard")
    assert "no gopher" in page.inner_text("tbody") and page.locator(".drafting").count() == 0
    page.close()


def test_a_mistake_is_shown_beside_what_was_typed(context: BrowserContext, machine: Machine) -> None:
    before = machine.ruleset()
    page = context.new_page()
    page.goto("/rules/new")
    page.fill("#name", "too high")
    page.fill("#protocol", "tcp")
    page.fill("#destination_port", "70000")
    page.click("text=Add rule")
    assert "70000" in page.inner_text(".note.error")
    assert page.input_value("#name") == "too high"
    assert page.input_value("#destination_port") == "70000"
    page.screenshot(path=SHOTS / "mistake.png")
    assert machine.ruleset() == before
    page.close()


def test_a_block_and_a_port_forward_come_and_go(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/blocklist")
    page.fill("#prefix", "203.0.113.0/24")
    page.select_option("#for_s", "3600")
    page.fill("#reason", "scans")
    page.click("form.inline button")
    assert "203.0.113.0/24" in page.inner_text("tbody")
    assert "203.0.113" in machine.ruleset()
    page.get_by_role("button", name="Unblock").click()
    assert "Nothing is blocked" in page.inner_text("main")
    assert "203.0.113" not in machine.ruleset()
    page.goto("/nat")
    page.click("text=Add a port forward")
    page.fill("#destination_port", "8443")
    page.fill("#to", "192.168.1.30:443")
    page.get_by_role("button", name="Add port forward").click()
    assert "192.168.1.30:443" in page.inner_text("tbody")
    assert "192.168.1.30" in machine.ruleset()
    page.locator("tr", has_text="192.168.1.30").get_by_role("switch").click()
    assert "192.168.1.30" not in machine.ruleset()
    page.locator("tr", has_text="192.168.1.30").get_by_role("button", name="Delete").click()
    assert "192.168.1.30:443" not in page.inner_text("tbody")
    assert "192.168.1.30" not in machine.ruleset()
    page.click("text=Add addresses one to one")
    page.fill("#mapping-inside", "192.168.1.31")
    page.fill("#mapping-outside", "203.0.113.31")
    page.get_by_role("button", name="Add mapping").click()
    assert "203.0.113.31" in page.inner_text("tbody")
    assert "203.0.113.31" in machine.ruleset()
    page.locator("tr", has_text="203.0.113.31").get_by_role("button", name="Delete").click()
    assert "203.0.113.31" not in machine.ruleset()
    page.goto("/protection")
    assert "fib saddr" in machine.ruleset()
    page.get_by_role("switch", name="Forged sources").click()
    assert page.get_by_role("switch", name="Forged sources").get_attribute("aria-checked") == "false"
    assert "fib saddr" not in machine.ruleset()
    page.click("text=Figures of: Port scans")
    page.fill("#port_scan-rate", "often")
    page.locator("details[open]").get_by_role("button", name="Set").click()
    assert "is not a rate" in page.inner_text("main")
    page.get_by_role("switch", name="Forged sources").click()
    assert "fib saddr" in machine.ruleset()
    page.click("text=Keep these changes")
    page.close()


def test_what_hosts_are_told_about_ipv6_stands_with_their_interface(
    context: BrowserContext, machine: Machine
) -> None:
    _, lan = (item["configuration"] for item in machine.client().call("interfaces.List")["interfaces"])
    ipv6 = {"method": "static", "addresses": ["fd00:7::1/64"], "advertise": True}
    machine.client().call("interfaces.Replace", {"id": "lan", "interface": {**lan, "ipv6": ipv6}})
    page = context.new_page()
    page.goto("/interfaces")
    card = page.locator("article", has_text="192.168.1.1/24").inner_text()
    assert "Announced" in card and "fd00:7::/64" in card and "no way out" in card
    assert "Announced" not in page.locator("article", has_text="198.51.100.2/24").inner_text()
    page.screenshot(path=SHOTS / "announced.png", full_page=True)
    page.close()
    machine.client().call("interfaces.Replace", {"id": "lan", "interface": lan})
    page = context.new_page()
    page.goto("/interfaces")
    assert "Announced" not in page.inner_text("main")
    page.close()


def test_a_route_comes_and_goes(context: BrowserContext) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/routes")
    page.click("text=Add a route")
    page.fill("#destination", "10.20.0.0/16")
    page.fill("#gateway", "192.168.7.7")
    page.select_option("#interface", "lan")
    page.click("button:has-text('Add route')")
    assert "192.168.7.7 is in no subnet of lan" in page.inner_text(".note.error")
    page.fill("#gateway", "192.168.1.254")
    page.click("button:has-text('Add route')")
    assert "active" in page.locator("tr", has_text="192.168.1.254").inner_text()
    page.locator("tr", has_text="10.20.0.0/16").get_by_role("button", name="Delete").click()
    assert "There are no static routes." in page.inner_text("main")
    page.close()


def test_the_way_back_leads_to_an_earlier_generation(context: BrowserContext, machine: Machine) -> None:
    rule = {"name": "no SMTP", "protocol": "tcp", "destination_port": 25, "action": "reject"}
    with machine.client() as client:
        before = client.call("system.Status")["generation"]
        client.call("firewall.AddRule", {"rule": rule, "confirm_s": 0})
    assert "dport 25" in machine.ruleset()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/history")
    page.locator("tr", has=page.locator(f"a[href='/history/{before}']")).get_by_role("button").click()
    assert f"Back at generation {before}" in page.inner_text(".note.done")
    assert "dport 25" not in machine.ruleset()
    page.click("text=Keep these changes")
    page.close()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/rules")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const at = document.activeElement; const style = getComputedStyle(at);
            return [at.tagName + ":" + (at.innerText || at.title || at.value || ""), style.outlineStyle,
                    at.getBoundingClientRect().width > 0]; }"""
        )
        if seen[0].startswith("BODY"):
            break
        assert seen[1] != "none", seen
        assert seen[2], seen
        reached.append(seen[0])
    assert reached[0] == "A:Skip to content"
    assert any("Add a rule" in name for name in reached)
    assert any("no telnet is on" in name for name in reached)
    page.close()


def test_everything_works_without_javascript(
    browser: Browser, context: BrowserContext, machine: Machine, complaints: list[str]
) -> None:
    page = look(browser, machine, complaints, java_script_enabled=False)
    page.context.add_cookies(context.cookies())
    page.goto("/rules/new")
    page.fill("#name", "by hand")
    page.check("input[value=reject]")
    page.click("text=Add rule")
    assert "by hand" in page.inner_text("tbody")
    page.locator("tr", has_text="by hand").get_by_role("button", name="Delete").click()
    assert "by hand" not in page.inner_text("tbody")
    page.click("text=Keep these changes")
    assert page.locator(".pending").count() == 0
    page.context.close()


def test_logging_out_closes_the_window(browser: Browser, machine: Machine, complaints: list[str]) -> None:
    page = look(browser, machine, complaints)
    page.goto("/log-in")
    page.fill("#name", "admin")
    page.fill("#password", "not the password")
    page.click("button.primary")
    assert "wrong" in page.inner_text(".note.error")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    assert page.inner_text("h1") == "patronus"
    page.get_by_role("button", name="Log out").click()
    answer = page.goto("/rules")
    assert answer is not None
    assert answer.status == 401
    assert "no telnet" not in page.content()
    page.screenshot(path=SHOTS / "log-in.png")
    page.context.close()


def test_a_backup_is_downloaded_and_restored_with_a_way_back(
    context: BrowserContext, machine: Machine, tmp_path: Path
) -> None:
    secret, password = "c2VjcmV0IG9mIHRoZSBob3VzZQ", "battery horse correct"
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/secrets")
    page.fill("#name", "wg-home")
    page.fill("#secret", secret)
    page.click("text=Store >> nth=-1")
    assert "wg-home" in page.inner_text("table") and secret not in page.content()
    page.goto("/backup")
    page.fill("#password", password)
    page.fill("#again", password)
    with page.expect_download() as download:
        page.click("text=Download")
    file = tmp_path / "backup"
    download.value.save_as(file)
    assert download.value.suggested_filename.endswith(".patronus-backup")
    assert secret.encode() not in file.read_bytes()
    page.goto("/secrets")
    page.click("[aria-label='Delete wg-home']")
    assert "There are no secrets" in page.content()
    page.goto("/backup")
    page.set_input_files("#file", file)
    page.fill("#old-password", "battery horse wrong")
    page.click("text=Look at it")
    assert "password is wrong" in page.inner_text("[role=alert]")
    page.set_input_files("#file", file)
    page.fill("#old-password", password)
    page.click("text=Look at it")
    assert "wg-home" in page.inner_text("main") and "lan0, as it was" in page.inner_text("main")
    page.screenshot(path=SHOTS / "restore.png", full_page=True)
    page.fill("#again-password", password)
    page.click("button:text-is('Restore')")
    assert "The backup runs" in page.inner_text("main")
    if page.locator(".pending").count():
        page.click("text=Keep these changes")
    page.goto("/secrets")
    assert "wg-home" in page.inner_text("table")
    page.close()


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
    page.goto("/lists")
    assert "lacking" in page.inner_text("tbody")
    (folder / "ours.txt").write_text("192.0.2.1\n2001:db8::/32\n")
    page.click("text=Look at them now")
    page.goto("/lists")
    assert "@ours" in page.inner_text("tbody")
    assert "1 IPv4, 1 IPv6" in page.inner_text("tbody")
    assert "lacking" not in page.inner_text("tbody")
    page.close()
    with machine.client() as client:
        client.call("config.Load", {"files": {"firewall/rules.yaml": before}})
