# SPDX-License-Identifier: GPL-2.0-or-later
"""Where callers are received: the doorkeeper, the verbs, backups. Loaded when the router is up.

The verbs are a third of what patronusd is made of, and no packet waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from patronus.core.errors import NotFound
from patronus.core.varlink import PREFIX, Message
from patronus.core.verb import Role
from patronus.daemon import credentials, plugins, settings, timekeeping
from patronus.daemon.attest import AttestVerbs
from patronus.daemon.audit_verbs import AuditVerbs
from patronus.daemon.backup.keeper import Backups
from patronus.daemon.backup.verbs import BackupVerbs
from patronus.daemon.config_verbs import ConfigVerbs
from patronus.daemon.description import interfaces
from patronus.daemon.draft_verbs import DraftVerbs
from patronus.daemon.event_stream import EventStream
from patronus.daemon.factory_reset import FactoryResetVerbs
from patronus.daemon.git_history import GitHistory
from patronus.daemon.git_verbs import GitVerbs
from patronus.daemon.gitops.repository import RepositoryVerbs
from patronus.daemon.machine import image_release
from patronus.daemon.peer import Peer
from patronus.daemon.system import SystemVerbs
from patronus.daemon.table import VerbTable
from patronus.daemon.updates.health import GUNICORN, Health
from patronus.daemon.updates.service import UpdateFeature
from patronus.daemon.wiring import Router
from patronus.kernel.sealing import has_tpm
from patronus.network.dhcp.service import DhcpFeature
from patronus.network.dns.service import DnsFeature
from patronus.secrets import service as secrets_service
from patronus.secrets.service import Doorkeeper
from patronus.secrets.vault_verbs import verbs as vault_verbs
from patronus.secrets.verbs import verbs as account_verbs

F = TypeVar("F")


@dataclass(frozen=True)
class Reception:
    """Ready to answer calls."""

    doorkeeper: Doorkeeper
    table: VerbTable
    stream: EventStream
    backups: Backups

    def answer(self, peer: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
        """Answer one call: a verb, the stream of events, or a question about the verbs themselves."""
        if method == f"{PREFIX}.system.v1.Events":
            yield from self._events(peer, parameters)
        elif method.startswith("org.varlink.service."):
            yield {"parameters": self._service(method, parameters)}
        else:
            yield {"parameters": self.table.call(peer, method, parameters)}

    def _events(self, peer: Peer, parameters: dict[str, Any]) -> Iterator[Message]:
        def permit() -> None:
            self.table.permit(peer, Role.VIEWER, dict(parameters))

        yield from self.stream.replies(parameters, permit)

    def _service(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        described = interfaces(self.table.verbs())
        if method == "org.varlink.service.GetInfo":
            version = image_release().version
            return {
                "vendor": "Patronus", "product": "patronusd", "version": version, "url": "",
                "interfaces": sorted(described),
            }  # fmt: skip
        name = parameters.get("interface")
        if method != "org.varlink.service.GetInterfaceDescription" or name not in described:
            raise NotFound(f"there is no {method} of {name}")
        return {"description": described[str(name)]}


def make(router: Router) -> Reception:
    """Put the verbs on the router."""
    host, engine, control, vault = router.host, router.engine, router.control, router.vault

    def name() -> str:
        return control.config.get(settings.PatronusFile).system.hostname

    doorkeeper = secrets_service.create(
        host.places,
        host.clock,
        vault,
        router.passwords,
        password=router.given.get(credentials.PASSWORD),
        reset=router.given.get(credentials.RESET),
        router=name,
    )
    router.notices.watched.insert(0, doorkeeper.way_in.notice)
    system = SystemVerbs(host, router.notices)
    system.time = feature(router, timekeeping.TimeFeature).state
    page = ("127.0.0.1", settings.WEB_PORT) if GUNICORN.exists() else None
    dhcp, dns = feature(router, DhcpFeature).catalogue(), feature(router, DnsFeature).catalogue()
    updates = feature(router, UpdateFeature)
    updates.look = Health(engine, host.units, dhcp, dns, page, updates.own_check()).look
    backups = _backups(router)
    verbs = [*system.verbs(), *ConfigVerbs(engine, host.clock).verbs(), *DraftVerbs(engine).verbs()]
    history = GitHistory(host.places.state / "history.git", router.generations)
    verbs += GitVerbs(engine, history).verbs()
    verbs += [*account_verbs(doorkeeper, lambda: table.verbs()), *AuditVerbs(router.audit).verbs()]
    verbs += [*vault_verbs(vault, control, tpm=has_tpm()), *RepositoryVerbs(engine, host).verbs()]
    verbs += AttestVerbs(host, router.audit).verbs()
    verbs += FactoryResetVerbs(host.units, doorkeeper, name).verbs()
    verbs += BackupVerbs(backups).verbs()
    verbs += [verb for one in router.own for verb in one.verbs()]
    verbs += plugins.verbs(router.plugins, verbs)
    table = VerbTable(verbs, doorkeeper.authenticate, router.audit)
    system.table = table.verbs()
    return Reception(doorkeeper, table, EventStream(router.bus), backups)


def feature(router: Router, kind: type[F]) -> F:
    """Return the router's own feature of a kind; each is there once."""
    return next(one for one in router.own if isinstance(one, kind))


def _backups(router: Router) -> Backups:
    """Make what keeps backups, and let it see each change that is confirmed or reverted."""
    backups = Backups(
        router.engine, router.vault, feature(router, DhcpFeature), router.host.netlink.inventory,
        router.host.clock, router.passwords.stretch, image_release().version,
    )  # fmt: skip
    router.bus.observe(backups.on_event)
    return backups
