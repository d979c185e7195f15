# SPDX-License-Identifier: GPL-2.0-or-later
"""How a network card works: what the form of an interface shows of it and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from webui.pages import forms

OFFLOADS = {
    "tso": "The card cuts segments of TCP",
    "gso": "The kernel cuts packets last of all",
    "gro": "The kernel joins packets of a stream",
    "rx-gro-hw": "The card joins them",
    "rx-udp-gro-forwarding": "UDP that passes through is joined",
    "rx": "The card looks at checksums",
    "tx": "The card makes checksums",
    "sg": "The card sends what lies in pieces",
    "rxvlan": "The card takes tags of VLANs off",
    "txvlan": "The card puts tags of VLANs on",
    "rxhash": "The card gives hashes of streams",
}
"""What may be switched, in words; ``lro`` is off at a router, whoever asks."""
RINGS = {"receive": "Packets that have come in", "transmit": "Packets that go out"}
_SWITCH = {"on": True, "off": False}
_WORDS: Mapping[bool | None, str] = {True: "on", False: "off"}


def given(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form says of the card; what it does not show stays."""
    switched = {name: _SWITCH.get(request.form.get(f"offload-{name}", "")) for name in OFFLOADS}
    sizes = {name: forms.number(request.form.get(f"ring-{name}", "").strip()) for name in RINGS}
    return {
        "offloads": forms.changed(old.get("offloads") or {}, switched, tuple(switched)) or None,
        "rings": forms.changed(old.get("rings") or {}, sizes, tuple(sizes)) or None,
        "queues": forms.number(request.form.get("queues", "").strip()),
    }


def shown(configuration: Mapping[str, Any], card: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the form shows: as the file has it, beside what the card has now where there is one."""
    asked = configuration.get("offloads") or {}
    now = {one["name"]: one for one in card["offloads"]} if card else {}
    rows = [
        (name, words, _WORDS.get(asked.get(name), ""), _now(now.get(name), card))
        for name, words in OFFLOADS.items()
    ]
    sizes = configuration.get("rings") or {}
    rings = [(name, words, sizes.get(name), _most(card, "rings", name)) for name, words in RINGS.items()]
    queues = configuration.get("queues")
    return {
        "offloads": rows,
        "rings": rings,
        "queues": (queues, _most(card, "queues")),
        "open": bool(asked or sizes or queues),
    }


def _most(card: Mapping[str, Any] | None, what: str, name: str | None = None) -> str:
    """Return how many there are now and at most, in words."""
    if card is None:
        return ""
    found = [one for one in card[what] if name in (None, one["name"])]
    now = (f"{'' if name else one['name'] + ' '}{one['now']} of {one['most']}" for one in found)
    return f"Now {', '.join(now)}." if found else "Not offered by this card."


def _now(found: Mapping[str, Any] | None, card: Mapping[str, Any] | None) -> str:
    """Return how it is now, in words."""
    if card is None:
        return ""
    if found is None:
        return "Not offered by this card."
    return f"Now {'on' if found['on'] else 'off'}{'' if found['changeable'] else ', for good'}."
