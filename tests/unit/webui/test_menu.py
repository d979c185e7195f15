# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page stands in one group of the menu, under an icon of its own that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from webui.menu import GROUPS, unfolded
from webui.pages import BLUEPRINTS

ELSEWHERE = {"account", "own", "draft"}
"""Log-in and set-up, the visitor's own name below the menu, and the draft above every page."""
ENTRIES = [entry for group in GROUPS for entry in group.entries]


def test_each_subject_is_in_the_menu_once() -> None:
    subjects = [entry.subject for entry in ENTRIES]
    assert sorted(subjects) == sorted({one.name for one in BLUEPRINTS} - ELSEWHERE)


def test_each_entry_has_an_icon_that_is_drawn_and_no_one_elses() -> None:
    drawn = (Path(__file__).parents[3] / "webui/templates/icons.html").read_text()
    icons = [entry.icon for entry in ENTRIES]
    assert [icon for icon in icons if f'name == "{icon}"' not in drawn] == []
    assert len(set(icons)) == len(icons)


@pytest.mark.parametrize(
    ("subject", "opened"),
    [
        ("qos", ["Network"]),
        ("audit", ["System"]),
        ("dashboard", ["Firewall", "Network"]),
        ("draft", ["Firewall", "Network"]),
        (None, ["Firewall", "Network"]),
    ],
)
def test_the_group_of_a_page_is_open_and_elsewhere_those_of_every_day(
    subject: str | None, opened: list[str]
) -> None:
    assert [group.title for group in unfolded(list(GROUPS), subject) if group.is_open] == opened
