# SPDX-License-Identifier: GPL-2.0-or-later
"""The features of third parties, found by their entry points; the contract is in docs/plugins.md.

Everything of a plugin lies under its own name: its sections in ``plugins/NAME``, its verbs in ``NAME.…``,
its routes below ``/plugins/NAME``. So it cannot stand in the place of a part of the router, and what it left
in the configuration can be told apart when it is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from patronus.core.feature import Feature
from patronus.core.model import Section, Strict
from patronus.core.schema import PLUGINS_FOLDER
from patronus.core.values import parse_interface_id
from patronus.core.verb import Verb
from patronus.daemon.guard import Guarded
from patronus.daemon.patience import Patience
from patronus.kernel.host import Host

log = logging.getLogger(__name__)
GROUP = "patronus.features"

Complain = Callable[[str], None]


def load(host: Host, own: Iterable[str], complain: Complain) -> list[Guarded]:
    """Make the plugins, by name; ``own`` are the names of the router's features. Never raises.

    What cannot be loaded, or has hung since the router was started, is left out, and ``complain`` is told.
    """
    found: list[Guarded] = []
    patience = Patience(host.places.run)
    hung = patience.hung()
    taken = set(own)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            if point.name in taken:
                raise ValueError("there is a feature of this name")
            if what := hung.get(point.name):
                complain(f"the plugin {point.name} is left out until the router restarts: it hung ({what})")
                continue
            with patience.calling(point.name, "start"):
                made = _make(point, host)
            found.append(Guarded(made, complain, patience))
            taken.add(point.name)
        except (Exception, SystemExit) as error:
            log.exception("the plugin %s cannot be loaded", point.name)
            complain(f"the plugin {point.name} is left out: {type(error).__name__}: {error}")
    return found


def _make(point: EntryPoint, host: Host) -> Feature[Any, Any]:
    feature = point.load()(host)
    if not isinstance(feature, Feature):
        raise TypeError(f"create(host) returned {type(feature).__name__}, not a Feature")
    if feature.name != parse_interface_id(point.name):
        raise ValueError(f"the entry point is named {point.name}, the feature {feature.name}")
    for section in feature.sections:
        _check_section(section, f"{PLUGINS_FOLDER}{feature.name}")
    return feature


def _check_section(section: Section, place: str) -> None:
    if section.path != place and not section.path.startswith(f"{place}/"):
        raise ValueError(f"the section {section.path} is not {place}")
    if not issubclass(section.model, Strict):
        raise TypeError(f"the model of {section.path} is not strict")
    section.model()
    section.model.model_json_schema()


def verbs(plugins: Iterable[Guarded], own: Iterable[Verb[Any, Any]]) -> list[Verb[Any, Any]]:
    """Return the plugins' verbs; a plugin that is named like an interface of the router is left out."""
    taken = {verb.interface for verb in own}
    found: list[Verb[Any, Any]] = []
    for plugin in plugins:
        offered = list(plugin.verbs())
        if any(verb.interface in taken for verb in offered):
            plugin.leave_out("the router has an interface of this name")
            continue
        found += offered
    return found
