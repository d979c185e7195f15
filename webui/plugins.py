# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of third parties, found by their entry points; the contract is in docs/plugins.md.

A page lies below ``/plugins/NAME`` and behind the same gate as ours. One that cannot be loaded is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from flask import Blueprint, Flask

log = logging.getLogger(__name__)
GROUP = "patronus.pages"


@dataclass(frozen=True)
class Page:
    """What the entry point names: a blueprint, and its line in the menu.

    ``blueprint`` is named as the entry point, with the url prefix ``/plugins/NAME``; ``endpoint`` is that of
    the page to begin with. The menu shows it where the daemon has ``verb``.
    """

    blueprint: Blueprint
    title: str
    verb: str
    endpoint: str = "show"


def register(app: Flask) -> list[Page]:
    """Add every page that can be loaded to the application, and return them by name. Never raises."""
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            page = _load(point)
            app.register_blueprint(page.blueprint)
            found.append(page)
        except (Exception, SystemExit):
            log.exception("the page of the plugin %s is left out", point.name)
    return found


def _load(point: EntryPoint) -> Page:
    page = point.load()
    if not isinstance(page, Page):
        raise TypeError(f"{point.value} is not a webui.plugins.Page")
    if page.blueprint.name != point.name or page.blueprint.url_prefix != f"/plugins/{point.name}":
        raise ValueError(f"the blueprint is not named {point.name} or not below /plugins/{point.name}")
    return page
