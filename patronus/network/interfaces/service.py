# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces inside patronusd: looks at the NICs, applies the plan, follows links and leases."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

from patronus.core.bus import Event
from patronus.core.control import CommitReport
from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, KernelError, NotFound, StorageError, Unavailable
from patronus.core.feature import Consequence, Difference, Earlier, Feature, Step
from patronus.core.link import Link
from patronus.core.model import Configuration, as_data
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.host import Host
from patronus.kernel.link_watch import LinkWatch
from patronus.network.interfaces import clients
from patronus.network.interfaces.changes import Change
from patronus.network.interfaces.check import check
from patronus.network.interfaces.clients import ClientChange
from patronus.network.interfaces.dhcpcd import unit
from patronus.network.interfaces.difference import Look, additions, creations, removals, settings
from patronus.network.interfaces.factory import by_bus
from patronus.network.interfaces.foresee import foresee
from patronus.network.interfaces.learned import Learned, parse
from patronus.network.interfaces.model import SECTION, Interfaces
from patronus.network.interfaces.onlink import site_prefix
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build
from patronus.network.interfaces.verbs import (
    AddInterface,
    InterfaceList,
    Inventory,
    LinkChanged,
    RemoveInterface,
    ReplaceInterface,
    describe,
    nic_info,
)
from patronus.network.routing.model import Routing

log = logging.getLogger(__name__)

_PROTOCOLS = ("dhcp", "dhcp6", "ra")
SITE = "local-prefix"
"""Key of the runtime state: this site's IPv6 prefix of RFC 4193."""


class InterfacesFeature(Feature[InterfacesPlan, Facts]):
    """Roles in, links and addresses out."""

    name = "interfaces"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._folder = host.places.run.with_name("patronus-dhcpcd")
        self._watch = LinkWatch(self._folder / "changed.sock", self._look_again)
        self._plan = InterfacesPlan()
        self._links: dict[str, Link] = {}
        self._tried: object = None
        self._unstarted: set[str] = set()

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the interfaces."""
        return check(config.get(Interfaces))

    def facts(self) -> Facts:
        """Read which NICs exist, and what the DHCP clients have learned."""
        devices = {path.name.split(".")[0] for path in self._folder.glob("*.json")}
        learned = {device: self._learned(device) for device in sorted(devices)}
        return Facts(self._host.netlink.inventory(), learned, self._site)

    @cached_property
    def _site(self) -> IPv6Network:
        """Return the local prefix of this router: made by chance once, and kept from its first use on."""
        kept = self._host.state.get(SITE)
        try:
            return IPv6Network(kept)
        except ValueError:
            return site_prefix(os.urandom(8))

    def _keep_site(self, site: IPv6Network) -> Iterator[Step]:
        """Keep the local prefix before it is used; it is never taken back."""
        if self._host.state.get(SITE) != str(site):
            yield Step(f"local prefix {site}", lambda: self._host.state.put(SITE, str(site)), lambda: None)

    def _learned(self, device: str) -> Learned:
        return parse(*(_variables(self._folder / f"{device}.{protocol}.json") for protocol in _PROTOCOLS))

    def plan(self, config: Configuration, facts: Facts, earlier: Earlier) -> InterfacesPlan:  # noqa: ARG002
        """Return the links, addresses, routes and clients wanted."""
        return _built(config, facts)

    def rehearse(self, plan: InterfacesPlan) -> Iterable[Problem]:
        """Yield the NICs that are missing, changed or ambiguous, as warnings."""
        return plan.warnings

    def foresee(self, plan: InterfacesPlan, running: InterfacesPlan, caller: Caller) -> Iterator[Consequence]:
        """Say which of the router's addresses would go away."""
        return foresee(plan, running, caller.address)

    def steps(self, plan: InterfacesPlan, running: InterfacesPlan | None) -> Iterator[Step]:
        """Yield what differs from the kernel: stop clients, take away, make, set, add, start clients."""
        patient = running is not None
        if plan.site is not None:
            yield from self._keep_site(plan.site)
        for change in clients.stops(plan, self._configured()):
            yield self._client_step(change, patient=patient)
        yield from map(self._link_step, removals(plan, running, self._look()))
        yield from map(self._link_step, creations(plan, self._look()[0]))
        yield from map(self._link_step, settings(plan, self._look()[0]))
        yield from map(self._link_step, additions(plan, *self._look()[1:]))
        for change in clients.starts(plan, self._configured()):
            yield self._client_step(change, patient=patient)
        for device, text in clients.wanted(plan).items():
            if device in self._unstarted:
                yield self._client_step(ClientChange(device, text, text), patient=False)
        self._adopt(plan)

    def _look(self) -> Look:
        seen = self._host.netlink.snapshot()
        return seen.links, seen.addresses, seen.routes

    def _link_step(self, change: Change) -> Step:
        kernel = self._host.netlink
        return Step(str(change), lambda: change.apply(kernel), lambda: change.inverse().apply(kernel))

    def _client_step(self, change: ClientChange, *, patient: bool) -> Step:
        """Return the step. ``patient``: it fails where the units helper does, as in a change by a person."""
        do = self._set_client if patient else self._try_client
        return Step(str(change), lambda: do(change), lambda: do(change.inverse()))

    def _try_client(self, change: ClientChange) -> None:
        """Do the same at a boot; an uplink without its client must not keep the router from the rest."""
        self._unstarted.discard(change.device)
        try:
            self._set_client(change)
        except KernelError as error:
            log.error("%s: %s", change, error)
            if change.after is None:
                (self._folder / f"{change.device}.conf").unlink(missing_ok=True)
            else:
                self._unstarted.add(change.device)

    def _adopt(self, plan: InterfacesPlan) -> None:
        """Remember what runs, say what is wrong with the NICs, and follow the links from now on."""
        for problem in plan.warnings:
            if problem not in self._plan.warnings:
                log.warning("%s", problem.message)
        self._plan, self._tried = plan, None
        self._links = {link.name: link for link in self._host.netlink.links()}
        self._watch.start()

    def _configured(self) -> dict[str, str]:
        """Return device → configuration of the clients that run, or shall."""
        try:
            return {path.stem: path.read_text(encoding="utf-8") for path in self._folder.glob("*.conf")}
        except OSError as error:
            raise StorageError(f"cannot read {self._folder}: {error}") from error

    def _set_client(self, change: ClientChange) -> None:
        """Write the configuration and start the client, or stop it. Raises KernelError, StorageError."""
        path = self._folder / f"{change.device}.conf"
        try:
            if change.after is None:
                self._order("stop", change.device)
                path.unlink(missing_ok=True)
                return
            fresh = path.with_suffix(".new")
            fresh.write_text(change.after, encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error}") from error
        self._order("restart", change.device)

    def _order(self, verb: str, device: str) -> None:
        try:
            getattr(self._host.units, verb)(unit(device))
        except Unavailable as error:
            raise KernelError(str(error)) from error

    def observe(self, plan: InterfacesPlan) -> Iterator[Difference]:
        """Read the links back: each change that would still be needed is a difference."""
        look = self._look()
        left: list[Change | ClientChange] = [
            *removals(plan, None, look),
            *creations(plan, look[0]),
            *settings(plan, look[0]),
            *additions(plan, *look[1:]),
            *clients.stops(plan, self._configured()),
            *clients.starts(plan, self._configured()),
        ]
        for change in left:
            yield Difference(str(change), "done", "not done")

    def _look_again(self) -> None:
        """Tell the bus which links changed, and plan again where that changes what we planned from."""
        links = {link.name: link for link in self._host.netlink.links()}
        before, self._links = self._links, links
        for event in _link_events(before, links, self._plan):
            self._host.control.publish(event)
        facts = self.facts()
        found = _built(self._host.control.config, facts)
        attempt = (found, self._lost(found))
        if attempt not in ((self._plan, []), self._tried):
            self._tried = attempt  # what failed is not tried again until the links change once more
            self._host.control.refresh("links or leases have changed")

    def _lost(self, plan: InterfacesPlan) -> list[Change]:
        """Return what must be set again, because a link that was away came back."""
        look = self._look()
        return [*creations(plan, look[0]), *settings(plan, look[0]), *additions(plan, *look[1:])]

    def stop(self) -> None:
        """Follow the links no longer; they stay as they are."""
        self._watch.stop()

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
        seen = self._host.netlink.snapshot()
        model = self._host.control.config.get(Interfaces)
        return describe(model, build(model, self.facts()), seen.links, seen.addresses)

    def inventory(self, _: Caller, __: Nothing) -> Inventory:
        """List the network cards by their place on the bus, and which role each plays."""
        facts = self.facts()
        plan = _built(self._host.control.config, facts)
        return Inventory(nics=[nic_info(nic, plan) for nic in by_bus(facts.inventory)])

    def add(self, caller: Caller, given: AddInterface) -> CommitReport:
        """Add an interface: a NIC's role, a VLAN or a bridge."""
        edit = Insert(SECTION.path, ("interfaces",), as_data(given.interface))
        comment = f"add interface {given.interface.id}"
        return CommitReport.of(self._host.control.submit([edit], caller, comment=comment))

    def replace(self, caller: Caller, given: ReplaceInterface) -> CommitReport:
        """Change an interface; its id stays."""
        self._find(given.id)
        if given.interface.id != given.id:
            raise InvalidRequest(f"an id never changes: interface.id must be {given.id}")
        edit = Replace(SECTION.path, ("interfaces", given.id), as_data(given.interface))
        comment = f"change interface {given.id}"
        return CommitReport.of(self._host.control.submit([edit], caller, comment=comment))

    def remove(self, caller: Caller, given: RemoveInterface) -> CommitReport:
        """Remove an interface; its NIC goes down."""
        self._find(given.id)
        edit = Remove(SECTION.path, ("interfaces", given.id))
        comment = f"remove interface {given.id}"
        return CommitReport.of(self._host.control.submit([edit], caller, comment=comment))

    def _find(self, role: str) -> None:
        if all(item.id != role for item in self._host.control.config.get(Interfaces).interfaces):
            raise NotFound(f"no interface is called {role}")


def _built(config: Configuration, facts: Facts) -> InterfacesPlan:
    return build(config.get(Interfaces), facts, config.get(Routing))


def _variables(path: Path) -> dict[str, str]:
    """Return what dhcpcd's hook wrote; a file that is gone or broken says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("cannot read %s: %s", path, error)
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _link_events(before: dict[str, Link], now: dict[str, Link], plan: InterfacesPlan) -> Iterator[Event]:
    roles = {device: role for role, device in plan.devices.items()}
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        shown = [(link.index, link.up, link.carrier) if link else None for link in (old, new)]
        if shown[0] != shown[1]:
            up, carrier = (new.up, new.carrier) if new else (False, False)
            yield LinkChanged(name, roles.get(name), new is not None, up, carrier)


def create(host: Host) -> InterfacesFeature:
    """Make the feature; called once by the daemon."""
    return InterfacesFeature(host)
