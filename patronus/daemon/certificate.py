# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps the admin page's certificate right: renewed when names change or time runs out."""

from __future__ import annotations

import logging

from patronus.core.bus import Event
from patronus.core.errors import PatronusError
from patronus.core.events import ConfigChanged, ConfigReverted
from patronus.daemon.settings import PatronusFile, router_addresses
from patronus.kernel.alarm import Alarm
from patronus.kernel.host import Host
from patronus.secrets.store import TlsIdentity, TlsStore
from patronus.secrets.tls import Names

log = logging.getLogger(__name__)

WEB_FOLDER = "patronus-web"
"""Beside the daemon's own run folder; the admin page reads its certificate there."""
WEB_UNIT = "patronus-web.service"
DAY_S = 86400.0


class Certificate:
    """The certificate of the admin page on one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._store = TlsStore(host.places.state / "secrets")
        self._folder = host.places.run.with_name(WEB_FOLDER)
        self._alarm = Alarm(self._renew)

    def hand_out(self) -> str:
        """Give the page a certificate that serves now; return its fingerprint. Raises StorageError."""
        return self._ensure().fingerprint

    def try_to_hand_out(self) -> str:
        """Do the same; where it fails, say so and return that there is none: only the page suffers."""
        try:
            return self.hand_out()
        except PatronusError as error:
            log.error("the admin page has no certificate: %s", error)
            return "none, see the journal"

    def keep(self) -> None:
        """Look again every day, and after each change of the configuration."""
        self._host.control.observe(self._on_event)
        self._alarm.set(DAY_S)

    def _ensure(self) -> TlsIdentity:
        config = self._host.control.config
        names = Names(config.get(PatronusFile).system.hostname, tuple(router_addresses(config)))
        identity = self._store.ensure(names, self._host.clock.wall())
        if self._folder.is_dir() and (identity.renewed or not any(self._folder.iterdir())):
            identity.hand_out(self._folder)
        return identity

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ConfigChanged | ConfigReverted):
            self._alarm.set(0.0)

    def _renew(self) -> None:
        """Renew what needs it; a page that runs is restarted with it, and its users stay logged in."""
        self._alarm.set(DAY_S)
        try:
            if self._ensure().renewed and self._host.units.status(WEB_UNIT).running:
                self._host.units.restart(WEB_UNIT)
        except PatronusError as error:
            log.error("the admin page's certificate could not be renewed: %s", error)
