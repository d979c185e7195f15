# SPDX-License-Identifier: GPL-2.0-or-later
"""Every verb of the router, and the backups. Loaded when the door is open: see ``reception``."""

from __future__ import annotations

from typing import TypeVar

from patronus.daemon import plugins, settings, timekeeping
from patronus.daemon.attest import AttestVerbs
from patronus.daemon.audit_verbs import AuditVerbs
from patronus.daemon.backup.keeper import Backups
from patronus.daemon.backup.verbs import BackupVerbs
from patronus.daemon.config_verbs import ConfigVerbs
from patronus.daemon.draft_verbs import DraftVerbs
from patronus.daemon.factory_reset import FactoryResetVerbs
from patronus.daemon.git_history import GitHistory
from patronus.daemon.git_verbs import GitVerbs
from patronus.daemon.gitops.repository import RepositoryVerbs
from patronus.daemon.machine import image_release
from patronus.daemon.reception import Reception
from patronus.daemon.system import SystemVerbs
from patronus.daemon.updates.health import GUNICORN, Health
from patronus.daemon.updates.service import UpdateFeature
from patronus.daemon.wiring import Router
from patronus.kernel.sealing import has_tpm
from patronus.network.dhcp.service import DhcpFeature
from patronus.network.dns.service import DnsFeature
from patronus.secrets.vault_verbs import verbs as vault_verbs
from patronus.secrets.verbs import verbs as account_verbs

F = TypeVar("F")


def bring_in(router: Router, reception: Reception) -> Backups:
    """Put all verbs on the router; return what keeps backups, which is to settle once the router is up."""
    host, engine, control, vault = router.host, router.engine, router.control, router.vault
    doorkeeper, known = reception.doorkeeper, reception.table.verbs
    system = SystemVerbs(host, router.notices, known)
    system.time = feature(router, timekeeping.TimeFeature).state
    page = ("127.0.0.1", settings.WEB_PORT) if GUNICORN.exists() else None
    dhcp, dns = feature(router, DhcpFeature).catalogue(), feature(router, DnsFeature).catalogue()
    updates = feature(router, UpdateFeature)
    updates.look = Health(engine, host.units, dhcp, dns, page, updates.own_check()).look
    backups = _backups(router)
    verbs = [*system.verbs(), *ConfigVerbs(engine, host.clock).verbs(), *DraftVerbs(engine).verbs()]
    history = GitHistory(host.places.state / "history.git", router.generations)
    verbs += GitVerbs(engine, history).verbs()
    verbs += [*account_verbs(doorkeeper, known), *AuditVerbs(router.audit).verbs()]
    verbs += [*vault_verbs(vault, control, tpm=has_tpm()), *RepositoryVerbs(engine, host).verbs()]
    verbs += AttestVerbs(host, router.audit).verbs()
    verbs += FactoryResetVerbs(host.units, doorkeeper, router.hostname).verbs()
    verbs += BackupVerbs(backups).verbs()
    verbs += [verb for one in router.own for verb in one.verbs()]
    for verb in [*verbs, *plugins.verbs(router.plugins, [*known(), *verbs])]:
        reception.table.add(verb)
    return backups


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
