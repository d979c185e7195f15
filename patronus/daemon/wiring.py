# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts the daemon together: the kernel's adapters, the features in their order, the engine, the verbs.

The one place that names the features. The order is that of planning and applying: what a feature offers,
a later one may use; the firewall comes last, so that it knows every device and every opening, also those of
the plugins, which come before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patronus.core.audit import AuditLog
from patronus.core.boot import BootReport
from patronus.core.bus import Bus
from patronus.core.drafts import Drafts
from patronus.core.engine import Engine
from patronus.core.errors import NotFound
from patronus.core.files import SECRETS, WorkingCopy
from patronus.core.generations import Generations
from patronus.core.parts import Parts
from patronus.core.spare import Spare
from patronus.core.state import StateFile
from patronus.core.varlink import PREFIX, Message
from patronus.core.verb import Role
from patronus.core.walk import AnyFeature
from patronus.daemon import credentials, plugins, remote_log, settings, timekeeping
from patronus.daemon.audit_echo import Echo
from patronus.daemon.audit_verbs import AuditVerbs
from patronus.daemon.backup.keeper import Backups
from patronus.daemon.backup.verbs import BackupVerbs
from patronus.daemon.config_verbs import ConfigVerbs
from patronus.daemon.control import Alarm, LateControl
from patronus.daemon.description import interfaces
from patronus.daemon.draft_verbs import DraftVerbs
from patronus.daemon.event_stream import EventStream
from patronus.daemon.git_history import GitHistory
from patronus.daemon.git_verbs import GitVerbs
from patronus.daemon.gitops import service as gitops
from patronus.daemon.gitops.repository import RepositoryVerbs
from patronus.daemon.guard import Guarded
from patronus.daemon.integrity import integrity_notices
from patronus.daemon.machine import image_release
from patronus.daemon.peer import Peer
from patronus.daemon.system import SystemVerbs
from patronus.daemon.table import VerbTable
from patronus.daemon.updates import service as updates
from patronus.firewall import service as firewall
from patronus.kernel.bpf import Bpf
from patronus.kernel.clock import SystemClock
from patronus.kernel.host import Host, Places
from patronus.kernel.journal import Journal
from patronus.kernel.netlink import Netlink
from patronus.kernel.nft import Nft
from patronus.kernel.units import Units
from patronus.network.dhcp import service as dhcp
from patronus.network.dns import service as dns
from patronus.network.interfaces import service as interfaces_service
from patronus.network.interfaces.factory import factory_texts
from patronus.secrets import resolve
from patronus.secrets import service as secrets_service
from patronus.secrets.password.service import PasswordService
from patronus.secrets.service import Doorkeeper
from patronus.secrets.vault import Vault
from patronus.secrets.vault_verbs import verbs as vault_verbs
from patronus.secrets.verbs import verbs as account_verbs

ORDER = (
    settings.create, gitops.create, remote_log.create, resolve.create, interfaces_service.create,
    timekeeping.create, updates.create, dhcp.create, dns.create, firewall.create,
)  # fmt: skip


@dataclass(frozen=True)
class Daemon:
    """What runs: ready to boot the engine and to answer calls."""

    host: Host
    engine: Engine
    doorkeeper: Doorkeeper
    table: VerbTable
    system: SystemVerbs
    bus: Bus
    stream: EventStream
    vault: Vault
    backups: Backups
    plugins: Sequence[Guarded] = ()

    def boot(self) -> BootReport:
        """Bring up the confirmed generation; keep what a person should know for ``system.Status``."""
        report = self.engine.boot()
        places = self.host.places
        self.system.notices += integrity_notices(places.state.parent, places.run.parent)
        self.system.notices += report.messages
        self.backups.settle()
        for plugin in self.plugins:
            plugin.booted()
        return report

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


def build(places: Places) -> Daemon:
    """Make the daemon on this machine. Raises KernelError, StorageError; changes nothing yet."""
    clock, bus = SystemClock(), Bus()
    control = LateControl(bus)
    units = Units(places.run.with_name("patronus-units") / "units.sock")
    passwords = PasswordService()
    vault = Vault(places.config / SECRETS, units, passwords.stretch)
    host = Host(
        netlink=Netlink(),
        nft=Nft(),
        bpf=Bpf(places.pins),
        units=units,
        clock=clock,
        control=control,
        state=StateFile(places.state / "state" / "runtime-state.json"),
        places=places,
        secrets=vault,
    )
    return assemble(host, control, bus, credentials.read(), vault, passwords)


def assemble(
    host: Host,
    control: LateControl,
    bus: Bus,
    given: Mapping[str, str],
    vault: Vault,
    passwords: PasswordService,
) -> Daemon:
    """Put features, engine and verbs on a host; ``given`` are the credentials."""
    system = SystemVerbs(host)
    own: list[AnyFeature] = [create(host) for create in ORDER]
    guests = plugins.load(host, [feature.name for feature in own], system.complain)
    features: list[AnyFeature] = [*own[:-1], *guests, own[-1]]
    audit = AuditLog(host.places.log / "audit.log", host.clock, echo=Echo(Journal()))
    alarm = Alarm(lambda: engine.revert_if_due())
    owed = Alarm(lambda: engine.refresh_if_owed())
    suffixes = {section.path: section.default_suffix for feature in features for section in feature.sections}
    files = credentials.first_files(given, suffixes)
    generations = Generations(host.places.state / "generations")
    engine = Engine(
        Parts(
            features=features,
            generations=generations,
            working=WorkingCopy(host.places.config, host.places.state / "drafts"),
            audit=audit,
            drafts=Drafts(host.places.state / "state" / "drafts"),
            spare=Spare(host.places.run / "spare.json"),
            clock=host.clock,
            bus=bus,
            first_texts=lambda: factory_texts(host.netlink.inventory(), {}),
            given_texts=(lambda: factory_texts(host.netlink.inventory(), files)) if files else None,
            confirm_default=lambda: control.config.get(settings.PatronusFile).engine.confirm_default,
            on_deadline=alarm.set,
            on_owed=owed.set,
            image_version=image_release().version,
        )
    )
    control.attach(engine)
    doorkeeper = secrets_service.create(
        host.places,
        host.clock,
        vault,
        passwords,
        password=given.get(credentials.PASSWORD),
        reset=given.get(credentials.RESET),
        router=lambda: control.config.get(settings.PatronusFile).system.hostname,
    )
    system.watched += [doorkeeper.way_in.notice, engine.notice, vault.notice]
    clock = next(one for one in own if isinstance(one, timekeeping.TimeFeature))
    system.time = clock.state
    system.watched += [clock.notice] + [
        one.notice
        for one in own
        if isinstance(one, remote_log.RemoteLog | gitops.GitOpsFeature | updates.UpdateFeature)
    ]
    system.notices += [audit.complaint] if audit.complaint else []
    verbs = [*system.verbs(), *ConfigVerbs(engine, host.clock).verbs(), *DraftVerbs(engine).verbs()]
    verbs += GitVerbs(engine, GitHistory(host.places.state / "history.git", generations)).verbs()
    verbs += [*account_verbs(doorkeeper, lambda: table.verbs()), *AuditVerbs(audit).verbs()]
    backups = _backups(host, engine, vault, own, bus, passwords)
    verbs += [*vault_verbs(vault, control), *RepositoryVerbs(engine, host).verbs()]
    verbs += BackupVerbs(backups).verbs()
    verbs += [verb for feature in own for verb in feature.verbs()]
    verbs += plugins.verbs(guests, verbs)
    table = VerbTable(verbs, doorkeeper.authenticate, audit)
    system.table = table.verbs()
    return Daemon(host, engine, doorkeeper, table, system, bus, EventStream(bus), vault, backups, guests)


def _backups(
    host: Host, engine: Engine, vault: Vault, features: Sequence[AnyFeature], bus: Bus,
    passwords: PasswordService,
) -> Backups:  # fmt: skip
    """Make what keeps backups, and let it see each change that is confirmed or reverted."""
    leases = next(feature for feature in features if isinstance(feature, dhcp.DhcpFeature))
    backups = Backups(
        engine, vault, leases, host.netlink.inventory, host.clock, passwords.stretch,
        image_release().version,
    )  # fmt: skip
    bus.observe(backups.on_event)
    return backups
