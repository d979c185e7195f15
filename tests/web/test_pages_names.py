# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person does in a browser about the names that rules use: aliases and zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.web.chromium import (
    PHONE,
    SHOTS,
    WIDE,
    browser,
    complaints,
    context,
    counts,
    leave,
    look_away,
    press,
    says,
    says_not,
    show,
)
from tests.web.conftest import Machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

__all__ = ["browser", "complaints", "context"]  # pytest finds fixtures by name in the module


def photograph(page: Page, name: str) -> None:
    """Keep how the page looks on a phone and on a desk, by day and by night."""
    for kind, size in (("phone", PHONE), ("desk", WIDE)):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SHOTS / f"{name}-{kind}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")


def aliases(machine: Machine) -> dict[str, Any]:
    """Return what the aliases hold, by name."""
    return {item["id"]: item["alias"] for item in machine.client().call("firewall.ListAliases")["aliases"]}


def test_an_alias_comes_is_used_changed_and_goes_only_when_nobody_names_it(
    context: BrowserContext, machine: Machine
) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/aliases")
    says(page.locator("main"), "There are no aliases")
    press(page, "text=Add an alias")
    page.fill("#id", "admins")
    page.fill("#description", "who may do everything")
    page.fill("#entries", "192.168.1.10\n192.168.1.300")
    press(page, "button:has-text('Add alias')")
    says(page.locator(".note.error"), "aliases[0].addresses")
    says(page.locator(".note.error"), "192.168.1.300")
    assert page.input_value("#id") == "admins"
    page.fill("#entries", "192.168.1.10, 192.168.1.16/28\n10.0.0.1-10.0.0.9")
    press(page, "button:has-text('Add alias')")
    row = page.locator("tr", has_text="@admins")
    says(row, "192.168.1.10, 192.168.1.16/28, 10.0.0.1-10.0.0.9")
    says(row, "nobody")
    rule = {"name": "admins decide", "from": "lan", "source": "@admins", "action": "allow"}
    look_away(page)
    with machine.client() as client:
        made = client.call("firewall.AddRule", {"rule": rule, "confirm_s": 0})["id"]
    show(page, "/aliases")
    says(row, "admins decide")
    page.click("[aria-label='Edit admins']")
    says(page.locator("h1"), "Edit alias admins")
    assert page.input_value("#entries") == "192.168.1.10\n192.168.1.16/28\n10.0.0.1-10.0.0.9"
    page.fill("#entries", "192.168.1.10 192.168.1.44")
    photograph(page, "alias-filled")
    press(page, "text=Save")
    says(row, "192.168.1.10, 192.168.1.44")
    assert "192.168.1.44" in machine.ruleset()
    page.click("[aria-label='Delete admins']")
    says(page.locator(".note.error"), "the rule admins decide names the alias admins, so it stays")
    assert aliases(machine)["admins"]["addresses"] == ["192.168.1.10", "192.168.1.44"]
    look_away(page)
    with machine.client() as client:
        client.call("firewall.RemoveRule", {"id": made, "confirm_s": 0})
    show(page, "/aliases")
    page.click("[aria-label='Delete admins']")
    says(page.locator("main"), "There are no aliases")
    assert "# What this household decided." in (machine.root / "etc/patronus/firewall/rules.yaml").read_text()
    press(page, "text=Keep these changes")
    leave(page)


def test_an_alias_of_every_kind_is_added_and_a_list_says_how_it_stands(
    context: BrowserContext, machine: Machine
) -> None:
    page = context.new_page()
    show(page, "/history")
    press(page, "text=Collect changes in a draft")
    show(page, "/lists")
    press(page, "text=Add a list of addresses")
    for name, kind, entries in (
        ("ours", "list", "ours.txt"),
        ("scanners", "list", "https://lists.example/bad.txt"),
        ("web", "ports", "80, 443, 8000-8100"),
        ("nas", "names", "nas.home.arpa"),
        ("near", "countries", "DE AT"),
        ("many", "addresses", " ".join(f"10.0.0.{number}" for number in range(1, 10))),
    ):
        if kind != "list" or name != "ours":
            show(page, "/aliases/new")
            page.check(f"input[value={kind}]")
        page.fill("#id", name)
        page.fill("#entries", entries)
        if name == "scanners":
            page.click("summary:has-text('Of a list with an address')")
            page.fill("#refresh", "6h")
        press(page, "button:has-text('Add alias')")
        says(page.locator("tbody"), f"@{name}")
    says(page.locator("tr", has_text="@ours"), "lacking")
    says(page.locator("tr", has_text="@many"), "and 4 more")
    photograph(page, "aliases-filled")
    page.click("[aria-label='Edit scanners']")
    assert page.input_value("#entries") == "https://lists.example/bad.txt"
    assert page.input_value("#refresh") == "6h"
    assert page.is_checked("input[value=list]")
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/draft")
    says(page.locator("main"), "aliases web added")
    press(page, "text=Discard it")
    assert aliases(machine) == {}
    leave(page)


def test_a_name_that_somebody_changed_meanwhile_is_not_overwritten(
    context: BrowserContext, machine: Machine
) -> None:
    with machine.client() as client:
        client.call("firewall.AddAlias", {"alias": {"id": "web", "ports": [80]}, "confirm_s": 0})
    page = context.new_page()
    show(page, "/aliases/web/edit")
    page.fill("#entries", "443")
    with machine.client() as client:
        given = {"id": "web", "alias": {"ports": [8080]}, "confirm_s": 0}
        client.call("firewall.ReplaceAlias", given)
    press(page, "text=Save")
    says(page.locator(".note.error"), "web")
    assert aliases(machine)["web"]["ports"] in (8080, [8080])
    press(page, "text=Save")  # the form stands on what runs now: it was seen
    says(page.locator("tr", has_text="@web"), "443")
    says_not(page.locator("tr", has_text="@web"), "8080")
    look_away(page)
    with machine.client() as client:
        client.call("firewall.RemoveAlias", {"id": "web", "confirm_s": 0})
    show(page, "/aliases")
    counts(page.locator("tbody tr"), 0)
    leave(page)


def zones(machine: Machine) -> dict[str, Any]:
    """Return the zones as they are written, by name."""
    return {item["id"]: item["zone"] for item in machine.client().call("firewall.ListZones")["zones"]}


def test_a_zone_comes_is_told_whom_it_reaches_and_goes_only_when_nobody_names_it(
    context: BrowserContext, machine: Machine
) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/zones")
    press(page, "text=Add a zone")
    page.fill("#id", "guest")
    page.select_option("#to-wan", "allow")
    page.check("[name=limited]")
    page.fill("#self_services", "dhcp, d n s!")
    press(page, "button:has-text('Add zone')")
    says(page.locator(".note.error"), "zones[2].self_services")
    assert (page.input_value("#id"), page.input_value("#to-wan")) == ("guest", "allow")
    assert page.is_checked("[name=limited]")
    page.fill("#self_services", "dhcp, dns")
    press(page, "button:has-text('Add zone')")
    says(page.locator("tr", has_text="dhcp, dns"), "guest")
    made = {"id": "guest", "to": {"wan": "allow"}, "self_services": ["dhcp", "dns"]}
    assert zones(machine)["guest"] == made
    page.click("[aria-label='From guest to lan: drop']")
    press(page, "details[open] button:text-is('reject')")
    counts(page.locator("[aria-label='From guest to lan: reject']"), 1)
    assert zones(machine)["guest"]["to"] == {"wan": "allow", "lan": "reject"}
    page.click("[aria-label='From guest to lan: reject']")
    photograph(page, "zones-open")
    press(page, "details[open] button:text-is('as the rest')")
    counts(page.locator("[aria-label='From guest to lan: drop']"), 1)
    assert zones(machine)["guest"] == made
    page.click("[aria-label='Edit guest']")
    assert page.is_checked("[name=limited]") and page.input_value("#self_services") == "dhcp, dns"
    page.uncheck("[name=limited]")
    press(page, "text=Save")
    says_not(page.locator("main"), "dhcp, dns")
    assert zones(machine)["guest"] == {"id": "guest", "to": {"wan": "allow"}}
    page.click("[aria-label='Delete wan']")
    says(page.locator(".note.error"), "the interface wan names the zone wan, so it stays")
    says(page.locator(".note.error"), "the translation n-1 names the zone wan")
    page.click("[aria-label='Delete guest']")
    counts(page.locator("[aria-label='Delete guest']"), 0)
    assert list(zones(machine)) == ["wan", "lan"]
    press(page, "text=Keep these changes")
    leave(page)


def test_what_happens_where_nothing_is_said_is_chosen(context: BrowserContext, machine: Machine) -> None:
    page = context.new_page()
    show(page, "/zones")
    page.select_option("#default", "reject")
    press(page, "button:text-is('Save')")
    counts(page.locator("[aria-label='From wan to lan: reject']"), 1)
    assert machine.client().call("firewall.ListZones")["default"] == "reject"
    leave(page)
    with machine.client() as client:
        client.call("firewall.SetZoneDefault", {"default": "drop", "confirm_s": 0})
