# SPDX-License-Identifier: GPL-2.0-or-later
"""Single changes to links, addresses and routes: values that know their inverse.

``LinkKernel`` is what they need of the kernel; ``patronus.kernel.netlink.Netlink`` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from patronus.core.link import Address, LinkSettings, LinkWanted, Route


class LinkKernel(Protocol):
    """What can be done to links. Every method raises KernelError, and those that add LinkGone.

    To take away what is gone is no error.
    """

    def create_link(self, wanted: LinkWanted) -> None:
        """Make a VLAN, a bridge, a bond, a dummy, a tunnel or a VRF."""

    def delete_link(self, name: str) -> None:
        """Delete a link."""

    def configure_link(self, name: str, settings: LinkSettings) -> None:
        """Set state, MTU, master, STP and VLANs."""

    def add_address(self, address: Address) -> None:
        """Add an address."""

    def delete_address(self, address: Address) -> None:
        """Delete an address."""

    def add_route(self, wanted: Route) -> None:
        """Add a route."""

    def delete_route(self, route: Route) -> None:
        """Delete a route."""


@dataclass(frozen=True)
class CreateLink:
    """Make a link, or, with ``gone``, delete it."""

    wanted: LinkWanted
    gone: bool = False

    @property
    def device(self) -> str:
        """Return the link that it is about."""
        return self.wanted.name

    def apply(self, kernel: LinkKernel) -> None:
        """Do it. Raises KernelError."""
        if self.gone:
            kernel.delete_link(self.wanted.name)
        else:
            kernel.create_link(self.wanted)

    def inverse(self) -> CreateLink:
        """Return the change that takes this one back."""
        return CreateLink(self.wanted, not self.gone)

    def __str__(self) -> str:
        return f"{'delete' if self.gone else 'create'} {self.wanted.kind} {self.wanted.name}"


@dataclass(frozen=True)
class ConfigureLink:
    """Set a link from ``before`` to ``after``."""

    name: str
    before: LinkSettings
    after: LinkSettings

    @property
    def device(self) -> str:
        """Return the link that it is about."""
        return self.name

    def apply(self, kernel: LinkKernel) -> None:
        """Do it. Raises KernelError."""
        kernel.configure_link(self.name, self.after)

    def inverse(self) -> ConfigureLink:
        """Return the change that takes this one back."""
        return ConfigureLink(self.name, self.after, self.before)

    def __str__(self) -> str:
        return f"set {self.name} {self.after}"


@dataclass(frozen=True)
class SetAddress:
    """Add an address, or, with ``gone``, delete it."""

    address: Address
    gone: bool = False

    @property
    def device(self) -> str:
        """Return the link that it is about."""
        return self.address.device

    def apply(self, kernel: LinkKernel) -> None:
        """Do it. Raises KernelError."""
        if self.gone:
            kernel.delete_address(self.address)
        else:
            kernel.add_address(self.address)

    def inverse(self) -> SetAddress:
        """Return the change that takes this one back."""
        return SetAddress(self.address, not self.gone)

    def __str__(self) -> str:
        verb = "delete" if self.gone else "add"
        return f"{verb} address {self.address.interface} on {self.address.device}"


@dataclass(frozen=True)
class SetRoute:
    """Add a route, or, with ``gone``, delete it."""

    route: Route
    gone: bool = False

    @property
    def device(self) -> str:
        """Return the link that it leads to, empty where it refuses."""
        return self.route.device

    def apply(self, kernel: LinkKernel) -> None:
        """Do it. Raises KernelError."""
        if self.gone:
            kernel.delete_route(self.route)
        else:
            kernel.add_route(self.route)

    def inverse(self) -> SetRoute:
        """Return the change that takes this one back."""
        return SetRoute(self.route, not self.gone)

    def __str__(self) -> str:
        return f"{'delete' if self.gone else 'add'} route {self.route}"


Change = CreateLink | ConfigureLink | SetAddress | SetRoute
