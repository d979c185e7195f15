# SPDX-License-Identifier: GPL-2.0-or-later
"""Which DHCP clients must start, start again or stop: the configuration wanted against the one there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from patronus.network.interfaces.dhcpcd import ONE_FAMILY, render
from patronus.network.interfaces.plan import InterfacesPlan


@dataclass(frozen=True)
class ClientChange:
    """The client on ``device`` goes from one configuration to another; None is no client."""

    device: str
    before: str | None
    after: str | None

    def inverse(self) -> ClientChange:
        """Return the change that takes this one back."""
        return ClientChange(self.device, self.after, self.before)

    def __str__(self) -> str:
        verb = "stop" if self.after is None else "start" if self.before is None else "restart"
        return f"{verb} the DHCP client on {self.device}"


def wanted(plan: InterfacesPlan) -> dict[str, str]:
    """Return device → configuration."""
    return {client.device: render(client) for client in plan.clients}


def stops(plan: InterfacesPlan, present: Mapping[str, str]) -> list[ClientChange]:
    """Return the clients that must end, before their links and addresses change.

    Among them are those that give a family up and go on with the other one: as they end they take their
    address and their default route away, which may be the very route that the change has put there.
    """
    texts = wanted(plan)
    return [
        ClientChange(device, text, None)
        for device, text in present.items()
        if device not in texts or _gives_up(text, texts[device])
    ]


def _gives_up(before: str, after: str) -> bool:
    """Return whether a client that served both families, or the other one, is to serve one alone."""
    alone = {line for line in after.splitlines() if line in ONE_FAMILY}
    return not alone <= set(before.splitlines())


def starts(plan: InterfacesPlan, present: Mapping[str, str]) -> list[ClientChange]:
    """Return the clients that must begin, or begin again, once their links are up."""
    return [
        ClientChange(device, present.get(device), text)
        for device, text in wanted(plan).items()
        if present.get(device) != text
    ]
