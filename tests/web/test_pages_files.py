# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration's files in a browser: checked with lines, taken, drafted, removed."""

from __future__ import annotations

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
    press,
    says,
    says_not,
    show,
)
from tests.web.conftest import PASSWORD, Machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

__all__ = ["browser", "complaints", "context"]  # pytest finds fixtures by name in the module

WRONG = """\
# Ours, and <nobody> else's.
rules:
  - {id: telnet, name: no telnet, protocol: tcp, destination_port: 70000, action: reject}
"""
RIGHT = WRONG.replace("70000", "[23, 2323]")


def write(page: Page, text: str, deed: str) -> None:
    page.fill("#text", text)
    press(page, f"button:text-is('{deed}')")


def test_a_file_is_checked_with_lines_taken_and_keeps_its_comments(
    context: BrowserContext, machine: Machine, complaints: list[str]
) -> None:
    page = context.new_page()
    show(page, "/files")
    says(page.locator("tr", has_text="network/qos.yaml"), "none yet")
    page.screenshot(path=SHOTS / "files.png", full_page=True)
    page.click("text=firewall/rules.yaml")
    says(page.locator("h1"), "firewall/rules.yaml")
    before = machine.ruleset()
    write(page, WRONG, "Check")
    says(page.locator(".note.error li"), "line 3 rules[0].destination_port")
    assert page.input_value("#text") == WRONG
    page.click("a[data-line]")
    marked = page.locator("#text").evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
    assert marked == WRONG.splitlines()[2]
    page.screenshot(path=SHOTS / "file-refused.png", full_page=True)
    write(page, WRONG, "Take it")
    says(page.locator(".note.error li"), "line 3 rules[0].destination_port")
    assert machine.ruleset() == before
    write(page, RIGHT, "Check")
    says(page.locator("main"), "Nothing is wrong with it")
    says(page.locator("main"), "What it would change")
    assert machine.ruleset() == before
    page.fill("#comment", "the other port, too")
    write(page, RIGHT, "Take it")
    says(page.locator(".note.done"), "firewall/rules.yaml is in force")
    assert page.input_value("#text") == RIGHT
    assert "2323" in machine.ruleset()
    assert machine.client().call("config.Log")["generations"][0]["comment"] == "the other port, too"
    press(page, "text=Keep these changes")
    page.locator("summary", has_text="What it may hold").click()
    says(page.locator(".holds"), "ports and ranges")
    for size, name in ((WIDE, "file"), (PHONE, "file-phone")):
        page.set_viewport_size(size)
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size(WIDE)
    leave(page)
    assert complaints == []


def test_a_draft_shows_its_own_text_again_and_a_file_can_be_removed(
    context: BrowserContext, machine: Machine
) -> None:
    before = machine.ruleset()
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/history")
    press(page, "text=Collect changes in a draft")
    show(page, "/files/network/qos")
    says(page.locator("main details"), "What it may hold")
    write(page, "# nothing is shaped yet\n", "Put into my draft")
    says(page.locator(".note.done"), "Put into your draft")
    assert page.input_value("#text") == "# nothing is shaped yet\n"
    show(page, "/files")
    says(page.locator("tr", has_text="network/qos.yaml"), "in your draft")
    assert "network/qos.yaml" not in machine.client().call("config.Show")["files"]
    press(page, ".drafting >> text=Apply")
    assert machine.client().call("config.Show")["files"]["network/qos.yaml"] == "# nothing is shaped yet\n"
    show(page, "/files/network/qos")
    press(page, "text=Remove this file")
    says(page.locator("tr", has_text="network/qos.yaml"), "none yet")
    press(page, "text=Keep these changes")
    counts(page.locator(".pending"), 0)
    assert "network/qos.yaml" not in machine.client().call("config.Show")["files"]
    assert machine.ruleset() == before
    answer = show(page, "/files/no/such")
    assert answer.status == 404
    says_not(page.locator("main"), "Text")
    leave(page)


def test_what_is_refused_stays_to_be_mended_and_nothing_is_emptied(
    context: BrowserContext, machine: Machine
) -> None:
    before = machine.client().call("config.Show")["files"]
    visitor = machine.visitor()
    assert visitor.ask("POST", "/log-in", form={"name": "admin", "password": PASSWORD}).status == 303
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    show(page, "/files/network/interfaces")
    press(page, "text=Remove this file")
    says(page.locator(".note.error li"), "no interface is called")
    assert page.input_value("#text") == before["network/interfaces.yaml"]
    show(page, "/files/firewall/rules")
    typed = before["firewall/rules.yaml"].replace("no telnet", "never telnet")
    page.fill("#text", typed)
    other = before["firewall/rules.yaml"].replace("no telnet", "telnet is old")
    machine.client().call("config.Load", {"files": {"firewall/rules.yaml": other}})
    press(page, "button:text-is('Take it')")
    says(page.locator(".note.error"), "firewall/rules")
    assert page.input_value("#text") == typed
    assert machine.client().call("config.Show")["files"]["firewall/rules.yaml"] == other
    leave(page)
    for form in ({"deed": "save"}, {"text": ""}, {"text": "", "deed": "burn"}):
        assert visitor.submit("/files/firewall/rules", **form).status == 400
    answer = visitor.submit("/files/firewall/rules", text=other, deed="save", base="9" * 5000)
    assert answer.status == 400
    assert machine.client().call("config.Show")["files"]["firewall/rules.yaml"] == other
    machine.client().call("config.Load", {"files": before})
