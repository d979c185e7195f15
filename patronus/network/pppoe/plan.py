# SPDX-License-Identifier: GPL-2.0-or-later
"""Which uplinks dial in, over what, with which secret. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from patronus.core.feature import Plan
from patronus.core.model import Configuration
from patronus.core.secret import SecretHandle, SecretRef
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan, default_metric
from patronus.network.pppoe.model import OVERHEAD, Pppoe
from patronus.network.pppoe.task import Task

ETHERNET_MTU = 1500


@dataclass(frozen=True)
class Dial:
    """An uplink that dials in; the password is read in the step."""

    role: str
    device: str
    parent: str
    settings: Pppoe
    secret: SecretHandle
    mtu: int
    metric: int
    ipv4: bool
    ipv6: bool

    def task(self, password: str) -> Task:
        """Return what the dialler is told."""
        return Task(
            device=self.device,
            parent=self.parent,
            user=self.settings.user,
            password=password,
            service=self.settings.service,
            concentrator=self.settings.concentrator,
            mtu=self.mtu,
            metric=self.metric,
            ipv4=self.ipv4,
            ipv6=self.ipv6,
            dns=self.settings.dns,
        )


@dataclass(frozen=True)
class DialPlan(Plan):
    """Device → the uplink that it shall be."""

    dials: Mapping[str, Dial] = field(default_factory=dict)


def plan(config: Configuration, links: InterfacesPlan, secrets: Mapping[str, SecretHandle]) -> DialPlan:
    """Return the uplinks that can dial: those over a parent that exists."""
    return DialPlan(dials={dial.device: dial for dial in _dials(config.get(Interfaces), links, secrets)})


def _dials(model: Interfaces, links: InterfacesPlan, secrets: Mapping[str, SecretHandle]) -> Iterator[Dial]:
    for position, item in enumerate(model.interfaces):
        device = links.devices.get(item.id)
        parent = links.devices.get(item.pppoe.parent) if item.pppoe else None
        if item.pppoe is None or device is None or parent is None:
            continue
        yield Dial(
            role=item.id,
            device=device,
            parent=parent,
            settings=item.pppoe,
            secret=_handle(item.pppoe.password, secrets),
            mtu=session_mtu(item),
            metric=default_metric(position),
            ipv4=item.ipv4.method == "pppoe",
            ipv6=item.ipv6.method != "none",
        )


def _handle(reference: SecretRef, secrets: Mapping[str, SecretHandle]) -> SecretHandle:
    return secrets.get(reference.secret, SecretHandle(reference.secret, None))


def session_mtu(item: Interface) -> int:
    """Return the bytes that a session carries: what is left of an Ethernet frame, unless the file says."""
    return item.mtu or ETHERNET_MTU - OVERHEAD
