# SPDX-License-Identifier: GPL-2.0-or-later
"""What every page has in a browser: it fits, is reached by keyboard, and works without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.web.chromium import (
    PHONE,
    SHOTS,
    WIDE,
    browser,
    complaints,
    context,
    counts,
    leave,
    look,
    press,
    says,
    says_not,
    show,
)
from tests.web.conftest import PASSWORD, Machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

__all__ = ["browser", "complaints", "context"]  # pytest finds fixtures by name in the module

PAGES = {
    "overview": "/",
    "rules": "/rules",
    "rule": "/rules/r-1",
    "explain": "/explain?arrives_on=lan&source=192.168.1.9&destination=198.51.100.9&destination_port=23",
    "exchange": "/exchange",
    "forwarding": "/nat",
    "translation": "/nat/n-1/edit",
    "mappings": "/mappings",
    "protection": "/protection",
    "connections": "/connections",
    "timeouts": "/connections/timeouts",
    "trace": "/connections/trace?protocol=udp",
    "interfaces": "/interfaces",
    "interface": "/interfaces/lan",
    "bond": "/interfaces/new/bond",
    "vxlan": "/interfaces/new/vxlan",
    "gre": "/interfaces/new/gre",
    "vrf": "/interfaces/new/vrf",
    "routes": "/routes",
    "shapers": "/shapers",
    "uplinks": "/uplinks",
    "leases": "/leases",
    "pool": "/leases/pools/new/ipv4",
    "dns": "/dns?name=patronus.home.arpa",
    "dns-server": "/dns/upstreams/new",
    "dns-blocklist": "/dns/blocklists/new",
    "queries": "/dns/queries",
    "blocklist": "/blocklist",
    "zones": "/zones",
    "zone": "/zones/lan/edit",
    "aliases": "/aliases",
    "alias": "/aliases/new",
    "lists": "/lists",
    "clock": "/clock",
    "secrets": "/secrets",
    "backup": "/backup",
    "update": "/update",
    "installation": "/install",
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


def test_every_page_fits_a_desk_and_a_phone_by_day_and_by_night(
    browser: Browser, context: BrowserContext, machine: Machine, complaints: list[str]
) -> None:
    """Nothing is wider than the screen, no entry of the menu hidden on a desk, and the browser is content."""
    page = look(browser, machine, complaints)
    page.context.add_cookies(context.cookies())
    for name, path in PAGES.items():
        answer = show(page, path)
        assert answer.status == 200, (path, answer.status)
        for kind, size in (("phone", PHONE), ("desk", WIDE)):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (path, kind)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=SHOTS / f"{name}-{kind}-{scheme}.png", full_page=True)
        menu = page.locator(".side nav")
        if menu.count():
            assert menu.evaluate("menu => menu.scrollHeight - menu.clientHeight") == 0, path
    leave(page)
    page.context.close()
    assert complaints == []


def test_on_a_phone_the_menu_shows_where_one_is(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size(PHONE)
    show(page, "/audit")
    box = page.locator(".side [aria-current=page]").bounding_box()
    assert box is not None
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    leave(page)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(context: BrowserContext) -> None:
    page = context.new_page()
    show(page, "/rules")
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
    leave(page)


def test_everything_works_without_javascript(
    browser: Browser, context: BrowserContext, machine: Machine, complaints: list[str]
) -> None:
    page = look(browser, machine, complaints, java_script_enabled=False)
    page.context.add_cookies(context.cookies())
    show(page, "/rules/new")
    page.fill("#name", "by hand")
    page.check("input[value=reject]")
    page.click("text=Add rule")
    says(page.locator("tbody"), "by hand")
    page.locator("tr", has_text="by hand").get_by_role("button", name="Delete").click()
    says_not(page.locator("tbody"), "by hand")
    press(page, "text=Keep these changes")
    counts(page.locator(".pending"), 0)
    leave(page)
    page.context.close()


def test_logging_out_closes_the_window(browser: Browser, machine: Machine, complaints: list[str]) -> None:
    page = look(browser, machine, complaints)
    show(page, "/log-in")
    page.fill("#name", "admin")
    page.fill("#password", "not the password")
    page.click("button.primary")
    says(page.locator(".note.error"), "wrong")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    says(page.locator("h1"), "patronus")
    page.get_by_role("button", name="Log out").click()
    answer = show(page, "/rules")
    assert answer.status == 401
    assert "no telnet" not in page.content()
    page.screenshot(path=SHOTS / "log-in.png")
    leave(page)
    page.context.close()


def test_a_backup_is_downloaded_and_restored_with_a_way_back(
    context: BrowserContext, machine: Machine, tmp_path: Path
) -> None:
    secret, password = "c2VjcmV0IG9mIHRoZSBob3VzZQ", "battery horse correct"
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/secrets")
    page.fill("#name", "wg-home")
    page.fill("#secret", secret)
    page.click("text=Store >> nth=-1")
    says(page.locator("table"), "wg-home")
    assert secret not in page.content()
    show(page, "/backup")
    page.fill("#password", password)
    page.fill("#again", password)
    with page.expect_download() as download:
        page.click("text=Download")
    file = tmp_path / "backup"
    download.value.save_as(file)
    assert download.value.suggested_filename.endswith(".patronus-backup")
    assert secret.encode() not in file.read_bytes()
    show(page, "/secrets")
    page.click("[aria-label='Delete wg-home']")
    assert "There are no secrets" in page.content()
    show(page, "/backup")
    page.set_input_files("#file", file)
    page.fill("#old-password", "battery horse wrong")
    page.click("text=Look at it")
    says(page.locator("[role=alert]"), "password is wrong")
    page.set_input_files("#file", file)
    page.fill("#old-password", password)
    page.click("text=Look at it")
    says(page.locator("main"), "wg-home")
    says(page.locator("main"), "lan0, as it was")
    page.screenshot(path=SHOTS / "restore.png", full_page=True)
    page.fill("#again-password", password)
    page.click("button:text-is('Restore')")
    says(page.locator("main"), "The backup runs")
    if page.locator(".pending").count():
        press(page, "text=Keep these changes")
    show(page, "/secrets")
    says(page.locator("table"), "wg-home")
    leave(page)
