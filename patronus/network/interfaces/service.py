# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces inside patronusd: looks at the NICs, applies the plan, follows links and leases."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from ipaddress import IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patronus.core.bus import Event
from patronus.core.errors import KernelError, LinkGone, StorageError, Unavailable
from patronus.core.feature import Consequence, Difference, Earlier, Feature, Step
from patronus.core.head_start import HeadStart
from patronus.core.link import Link
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Verb
from patronus.kernel.host import Host
from patronus.kernel.link_watch import LinkWatch
from patronus.network.interfaces import clients
from patronus.network.interfaces.changes import Change
from patronus.network.interfaces.check import check
from patronus.network.interfaces.clients import ClientChange
from patronus.network.interfaces.dhcpcd import unit
from patronus.network.interfaces.difference import (
    Look,
    additions,
    creations,
    phases,
    removals,
    settings,
    vanished,
)
from patronus.network.interfaces.events import LinkChanged
from patronus.network.interfaces.foresee import foresee, foresee_seat
from patronus.network.interfaces.learned import Learned, parse
from patronus.network.interfaces.model import SECTION, Interfaces
from patronus.network.interfaces.onlink import site_prefix
from patronus.network.interfaces.plan import Facts, InterfacesPlan, of_configuration
from patronus.network.interfaces.script import can_say, script
from patronus.network.pppoe.events import sessions_changed
from patronus.network.pppoe.report import Report
from patronus.network.pppoe.report import parse as parse_report

if TYPE_CHECKING:
    from patronus.network.interfaces.catalogue import Catalogue

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
        self._reports = host.places.run.with_name("patronus-pppd")
        self._sessions: dict[str, Report] = {}
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
        sessions = self._read_sessions()
        for device, session in sessions.items():
            learned[device] = learned.get(device, Learned()).over(session)
        return Facts(self._host.netlink.inventory(), learned, self._site, sessions)

    def _read_sessions(self) -> dict[str, Report]:
        """Return device → what its dialler tells; one that has gone meanwhile tells nothing."""
        found = {}
        for path in sorted(self._reports.glob("*/report.json")):
            with suppress(OSError, ValueError):
                found[path.parent.name] = parse_report(path.read_text(encoding="utf-8"))
        return found

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
        return of_configuration(config, facts)

    def plan_at_boot(self, config: Configuration, earlier: Earlier) -> InterfacesPlan:  # noqa: ARG002
        """Return the plan of uplinks that have told nothing yet."""
        return of_configuration(config, Facts(self._host.netlink.inventory(), site=self._site))

    def head_start(self, plan: InterfacesPlan, earlier: Earlier) -> HeadStart:  # noqa: ARG002
        """Return the links with their addresses and routes; clients wait for the daemon."""
        return HeadStart(script(plan), whole=can_say(plan))

    def rehearse(self, plan: InterfacesPlan) -> Iterable[Problem]:
        """Yield the NICs that are missing, changed or ambiguous, as warnings."""
        return plan.warnings

    def foresee(self, plan: InterfacesPlan, running: InterfacesPlan, caller: Caller) -> Iterator[Consequence]:
        """Say which of the router's addresses would go away, and whose port would be in another VLAN."""
        yield from foresee(plan, running)
        if caller.address is not None and any(link.filters for link in plan.links):
            seats = self._host.netlink.seats(caller.address)
            yield from foresee_seat(plan, running, caller.address, seats)

    def steps(self, plan: InterfacesPlan, running: InterfacesPlan | None) -> Iterator[Step]:
        """Yield what differs from the kernel: stop clients, take away, make, set, add, start clients."""
        patient = running is not None
        if plan.site is not None:
            yield from self._keep_site(plan.site)
        for change in clients.stops(plan, self._configured()):
            yield self._client_step(change, patient=patient)
        yield from self._link_steps(plan, running)
        for change in clients.starts(plan, self._configured()):
            yield self._client_step(change, patient=patient)
        for device, text in clients.wanted(plan).items():
            if device in self._unstarted:
                yield self._client_step(ClientChange(device, text, text), patient=False)
        self._adopt(plan)

    def _link_steps(self, plan: InterfacesPlan, running: InterfacesPlan | None) -> Iterator[Step]:
        """Yield what differs, phase by phase."""
        for changes in phases(plan, running, self._look):
            yield from map(self._link_step, changes)

    def _look(self) -> Look:
        seen = self._host.netlink.snapshot()
        return seen.links, seen.addresses, seen.routes

    def _link_step(self, change: Change) -> Step:
        return Step(str(change), lambda: self._set_link(change), lambda: self._set_link(change.inverse()))

    def _set_link(self, change: Change) -> None:
        """Do it. A card that was pulled out since the plan was made keeps nothing else from being applied."""
        try:
            change.apply(self._host.netlink)
        except LinkGone as error:
            log.warning("%s: %s; it is done when that is back", change, error)

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
        """Read the links back: each change that would still be needed is a difference.

        One on a card that has gone since refuses nothing: the watch plans again without it.
        """
        look = self._look()
        gone = vanished(plan, look[0])
        left: list[Change | ClientChange] = [
            *removals(plan, None, look),
            *creations(plan, look[0]),
            *settings(plan, look[0]),
            *additions(plan, *look[1:]),
            *clients.stops(plan, self._configured()),
            *clients.starts(plan, self._configured()),
        ]
        for change in left:
            away = change.device in gone
            found = f"{change.device} is gone" if away else "not done"
            yield Difference(str(change), "done", found, refuses=not away)

    def _look_again(self) -> None:
        """Tell the bus which links changed, and plan again where that changes what we planned from."""
        links = {link.name: link for link in self._host.netlink.links()}
        before, self._links = self._links, links
        for event in _link_events(before, links, self._plan):
            self._host.control.publish(event)
        facts = self.facts()
        told, self._sessions = self._sessions, dict(facts.sessions)
        for session_event in sessions_changed(told, self._sessions):
            self._host.control.publish(session_event)
        found = of_configuration(self._host.control.config, facts)
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
        """Return the verbs."""
        return self.catalogue().verbs()

    def catalogue(self) -> Catalogue:
        """Return what answers callers."""
        from patronus.network.interfaces.catalogue import Catalogue  # no packet waits for it to be loaded

        return Catalogue(self._host, self.facts)


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
