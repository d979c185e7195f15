# SPDX-License-Identifier: GPL-2.0-or-later
"""Chromium before the real router, as its owner has it: a window, set up with the code from the console.

A test's file names the fixtures that it takes from here; screenshots lie in ``build/screenshots``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import PASSWORD, Machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, ViewportSize

playwright = pytest.importorskip("playwright.sync_api")

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PATIENCE_MS = 180_000
"""On a busy machine a browser takes more than half a minute to show its first page."""
SOON_MS = 15_000
"""How long the end of a navigation is waited for at first, and twice as long each turn.

Where a page loads itself anew while it is led elsewhere, its end may never be told, whatever it shows then.
"""
TURNS = 5
OVERTAKEN = ("interrupted by another navigation", "net::ERR_ABORTED")
"""What Playwright says when it notices that a page goes elsewhere by itself while it is led somewhere."""
WIDE: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}


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
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    return page


@pytest.fixture(scope="module")
def context(browser: Browser, machine: Machine, complaints: list[str]) -> Iterator[BrowserContext]:
    """Set the router up with the code from the console, as its owner does; return the window."""
    page = look(browser, machine, complaints, viewport=WIDE)
    show(page, "/")
    assert page.url.endswith("/set-up")
    page.screenshot(path=SHOTS / "set-up.png")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.fill("#code", "0000-0000-0000-0000-0000")
    page.click("text=Set up >> nth=-1")
    says(page.locator(".note.error"), "not the set-up code")
    complaints.clear()
    page.fill("#code", machine.code.lower().replace("-", " "))
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("text=Set up >> nth=-1")
    says(page.locator("h1"), "patronus")
    leave(page)
    yield page.context
    page.context.close()


def show(page: Page, path: str) -> Response:
    """Go to a page and return its answer, also while the page before is on its way to another."""
    for turn in range(TURNS):
        try:
            answer = page.goto(path, timeout=SOON_MS << turn)
        except playwright.Error as error:
            overtaken = any(words in error.message for words in OVERTAKEN)
            if not overtaken and not isinstance(error, playwright.TimeoutError):
                raise
        else:
            assert answer is not None
            return answer
    raise AssertionError(f"{path} was not shown: the page before went elsewhere {TURNS} times")


def show_anew(page: Page) -> Response:
    """Load a page anew; it may do the same by itself, because the configuration has changed."""
    return show(page, page.url)


def says(where: Locator, words: str) -> None:
    """Wait until the first of these elements has the words; a page just asked for may have come by half."""
    playwright.expect(where.first).to_contain_text(words, use_inner_text=True, timeout=PATIENCE_MS)


def says_not(where: Locator, words: str) -> None:
    """Wait until the first of these elements is there without the words."""
    playwright.expect(where.first).not_to_contain_text(words, use_inner_text=True, timeout=PATIENCE_MS)


def counts(where: Locator, number: int) -> None:
    """Wait until there are as many of these elements."""
    playwright.expect(where).to_have_count(number, timeout=PATIENCE_MS)


def press(page: Page, button: str) -> None:
    """Press what leads to a page and wait for it; going on at once could take back what is not sent yet."""
    with page.expect_navigation():
        page.click(button)


def look_away(page: Page) -> None:
    """Show an empty page: one that shows what is then changed elsewhere loads itself anew, at any moment."""
    for turn in range(TURNS):
        with suppress(playwright.Error):
            page.goto("about:blank", timeout=SOON_MS << turn)
            break


def leave(page: Page) -> None:
    """Close a page from an empty one; of one on its way to another, Chromium may never say it is closed."""
    look_away(page)
    page.close()
