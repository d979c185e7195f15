# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on interfaces. Loaded when callers are received."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from patronus.core.control import CommitReport, commit
from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.model import as_data
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.host import Host
from patronus.network.interfaces.factory import by_bus
from patronus.network.interfaces.model import SECTION, Interfaces
from patronus.network.interfaces.plan import Facts, build, of_configuration
from patronus.network.interfaces.verbs import (
    AddInterface,
    InterfaceList,
    Inventory,
    RemoveInterface,
    ReplaceInterface,
    describe,
    nic_info,
    session_info,
)


class Catalogue:
    """Answers callers out of the configuration and of what the kernel has."""

    def __init__(self, host: Host, facts: Callable[[], Facts]) -> None:
        self._host = host
        self._control = host.control
        self._netlink = host.netlink
        self._facts = facts

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on interfaces."""
        return (
            Verb("interfaces.List", Nothing, InterfaceList, self.list, route="GET /interfaces"),
            Verb(
                "interfaces.Inventory", Nothing, Inventory, self.inventory, route="GET /interfaces/inventory"
            ),
            Verb(
                "interfaces.Add",
                AddInterface,
                CommitReport,
                self.add,
                role=Role.ADMIN,
                route="POST /interfaces",
                changes=True,
            ),
            Verb(
                "interfaces.Replace",
                ReplaceInterface,
                CommitReport,
                self.replace,
                role=Role.ADMIN,
                route="PUT /interfaces/{id}",
                changes=True,
            ),
            Verb(
                "interfaces.Remove",
                RemoveInterface,
                CommitReport,
                self.remove,
                role=Role.ADMIN,
                route="DELETE /interfaces/{id}",
                changes=True,
            ),
        )

    def list(self, _: Caller, __: Nothing) -> InterfaceList:
        """List the interfaces: configuration, device, addresses, carrier and counters."""
        seen = self._netlink.snapshot()
        model = self._control.config.get(Interfaces)
        facts = self._facts()
        given, now_s = self._host.secrets.versions(), self._host.clock.boottime()
        sessions = {
            item.id: session_info(
                item, facts.sessions.get(item.id), now_s, missing=item.pppoe.password.secret not in given
            )
            for item in model.interfaces
            if item.pppoe is not None
        }
        return describe(model, build(model, facts), seen.links, seen.addresses, sessions)

    def inventory(self, _: Caller, __: Nothing) -> Inventory:
        """List the network cards by their place on the bus, and which role each plays."""
        facts = self._facts()
        plan = of_configuration(self._control.config, facts)
        return Inventory(nics=[nic_info(nic, plan) for nic in by_bus(facts.inventory)])

    def add(self, caller: Caller, given: AddInterface) -> CommitReport:
        """Add an interface: a NIC's role, a VLAN or a bridge."""
        edit = Insert(SECTION.path, ("interfaces",), as_data(given.interface))
        return commit(self._control, [edit], caller, given, f"add interface {given.interface.id}")

    def replace(self, caller: Caller, given: ReplaceInterface) -> CommitReport:
        """Change an interface; its id stays."""
        self._find(given.id)
        if given.interface.id != given.id:
            raise InvalidRequest(f"an id never changes: interface.id must be {given.id}")
        edit = Replace(SECTION.path, ("interfaces", given.id), as_data(given.interface))
        return commit(self._control, [edit], caller, given, f"change interface {given.id}")

    def remove(self, caller: Caller, given: RemoveInterface) -> CommitReport:
        """Remove an interface; its NIC goes down."""
        self._find(given.id)
        edit = Remove(SECTION.path, ("interfaces", given.id))
        return commit(self._control, [edit], caller, given, f"remove interface {given.id}")

    def _find(self, role: str) -> None:
        if all(item.id != role for item in self._control.config.get(Interfaces).interfaces):
            raise NotFound(f"no interface is called {role}")
