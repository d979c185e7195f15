# SPDX-License-Identifier: GPL-2.0-or-later
"""In Chromium, from the LAN: set-up code, password, a rule that blocks a host, and its removal."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from image.host import BUILD
from qemu.internet import ADDRESS, PAGE
from qemu.topology import Host
from tests.vm.lab import LAN_ADDRESS, Lab
from tests.vm.test_9_doors import PASSWORD, console_code

SHOTS = BUILD / "screenshots"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run", "--disable-default-apps", "--disable-domain-reliability", "--disable-gpu",
         "--dns-over-https-mode=off", "--disable-features=OptimizationHints,MediaRouter"]  # fmt: skip
SLOW_MS = 60_000


@contextmanager
def browser_on(host: Host, folder: Path) -> Iterator[Page]:
    """Open a page of a Chromium that lives on that host."""
    wrapper = folder / "chromium"
    enter = shlex.join(["nsenter", f"--target={host.namespace.pid}", "--net", "--"])
    wrapper.write_text(f'#!/bin/sh\nexec {enter} /usr/bin/chromium "$@"\n')
    wrapper.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(wrapper), args=QUIET, timeout=SLOW_MS)
        page = browser.new_page(ignore_https_errors=True, viewport={"width": 1280, "height": 900})
        page.set_default_timeout(SLOW_MS)
        yield page
        page.goto("about:blank")
        browser.close()


def reaches(host: Host) -> bool:
    """Whether the host's own connection to the WAN works."""
    done = host.execute(["curl", "--silent", "--max-time", "6", f"http://{ADDRESS}/"])
    return done.returncode == 0 and done.stdout == PAGE


def test_an_admin_blocks_a_host_and_lets_it_go_again(lab: Lab, tmp_path: Path) -> None:
    lab.lease("client")
    victim = lab.lease("other")
    assert reaches(lab.other)
    with browser_on(lab.client, tmp_path) as page:
        set_up(page, console_code(lab))
        _block(page, victim)
        assert not reaches(lab.other)
        assert reaches(lab.client)
        _unblock(page)
        assert reaches(lab.other)


def set_up(page: Page, code: str) -> None:
    """Give the code from the console and a password, on the page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.goto(f"https://{LAN_ADDRESS}/")
    page.get_by_label("Set-up code").fill(code)
    page.locator("[name=name]").fill("admin")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    page.screenshot(path=SHOTS / "1-set-up.png")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible(timeout=SLOW_MS)
    page.wait_for_load_state()  # with its pictures
    page.screenshot(path=SHOTS / "2-dashboard.png")


def _block(page: Page, victim: str) -> None:
    page.get_by_role("link", name="Rules").first.click()
    page.get_by_role("link", name="Add a rule").first.click()
    page.locator("[name=name]").fill("Block one host")
    page.locator("[name=action][value=drop]").check()
    page.locator("[name=from]").select_option("lan")
    page.locator("[name=to]").select_option("wan")
    page.locator("[name=source]").fill(victim)
    page.locator("[name=place]").fill("1")
    page.screenshot(path=SHOTS / "3-new-rule.png")
    page.get_by_role("button", name="Add rule").click()
    expect(_row(page)).to_be_visible(timeout=SLOW_MS)
    page.screenshot(path=SHOTS / "4-blocked.png")
    page.get_by_role("button", name="Keep these changes").click()
    expect(page.get_by_role("button", name="Keep these changes")).to_have_count(0, timeout=SLOW_MS)


def _unblock(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete Block one host").click()
    expect(_row(page)).to_have_count(0, timeout=SLOW_MS)
    page.screenshot(path=SHOTS / "5-unblocked.png")


def _row(page: Page) -> Locator:
    return page.get_by_role("row").filter(has_text="Block one host")
