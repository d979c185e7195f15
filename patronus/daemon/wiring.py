# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts the router together: the kernel's adapters, the features in their order, the engine.

The one place that names the features. The order is that of planning and applying: what a feature offers,
a later one may use; the firewall comes last, so that it knows every device and every opening, also those of
the plugins, which come before it.

Nothing here knows a verb: packets pass before those are loaded, which ``reception`` and ``every_verb`` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patronus.core.audit import AuditLog
from patronus.core.boot import BootReport
from patronus.core.bus import Bus
from patronus.core.drafts import Drafts
from patronus.core.engine import Engine
from patronus.core.files import SECRETS, WorkingCopy
from patronus.core.generations import Generations
from patronus.core.kept_start import KeptStart
from patronus.core.parts import Parts
from patronus.core.spare import Spare
from patronus.core.state import StateFile
from patronus.core.walk import AnyFeature
from patronus.daemon import credentials, plugins, remote_log, settings, timekeeping
from patronus.daemon.audit_echo import Echo
from patronus.daemon.control import LateControl
from patronus.daemon.gitops import service as gitops
from patronus.daemon.guard import Guarded
from patronus.daemon.head_start import NAME as HEAD_START
from patronus.daemon.head_start import await_beginning, occasion, running
from patronus.daemon.integrity import integrity_notices, recovery_notices, reset_notices
from patronus.daemon.lists import service as lists
from patronus.daemon.machine import image_release
from patronus.daemon.notices import Notices
from patronus.daemon.updates import service as updates
from patronus.firewall import service as firewall
from patronus.kernel.alarm import Alarm
from patronus.kernel.bpf import Bpf
from patronus.kernel.clock import SystemClock
from patronus.kernel.host import Host, Places
from patronus.kernel.journal import Journal
from patronus.kernel.netlink import Netlink
from patronus.kernel.nft import Nft
from patronus.kernel.units import Units
from patronus.network.advertising import service as advertising
from patronus.network.cards import service as cards
from patronus.network.dhcp import service as dhcp
from patronus.network.dns import service as dns
from patronus.network.dynamic import service as dynamic
from patronus.network.dyndns import service as dyndns
from patronus.network.interfaces import service as interfaces_service
from patronus.network.interfaces.factory import factory_texts
from patronus.network.mappings import service as mappings
from patronus.network.mdns import service as mdns
from patronus.network.nat64 import service as nat64
from patronus.network.pppoe import service as pppoe
from patronus.network.qos import service as qos
from patronus.network.routing import service as routing
from patronus.secrets import resolve
from patronus.secrets.password.service import PasswordService
from patronus.secrets.vault import Vault

ORDER = (
    settings.create, gitops.create, remote_log.create, resolve.create, interfaces_service.create,
    cards.create, pppoe.create, routing.create, dynamic.create, qos.create, timekeeping.create,
    mappings.create, mdns.create, nat64.create, dyndns.create,
    updates.create, lists.create,
    dhcp.create, dns.create, advertising.create, firewall.create,
)  # fmt: skip


@dataclass(frozen=True)
class Router:
    """What brings the router up, and all that its verbs will stand on. ``given`` are the credentials."""

    host: Host
    engine: Engine
    bus: Bus
    control: LateControl
    vault: Vault
    passwords: PasswordService
    audit: AuditLog
    generations: Generations
    given: Mapping[str, str]
    notices: Notices
    own: Sequence[AnyFeature]
    plugins: Sequence[Guarded] = ()

    def hostname(self) -> str:
        """Return the router's name."""
        return self.control.config.get(settings.PatronusFile).system.hostname

    def boot(self) -> BootReport:
        """Bring up the confirmed generation; keep what a person should know for ``system.Status``."""
        places = self.host.places
        for text in reset_notices(places.state.parent, self.audit):
            self.notices.complain(text)
        for text in recovery_notices(places.state.parent, self.audit, self.host.state):
            self.notices.complain(text)
        await_beginning(places.run.parent)
        report = self.engine.boot()
        for text in integrity_notices(places.state.parent, places.run.parent):
            self.notices.complain(text)
        self.notices.add(report.messages)
        for plugin in self.plugins:
            plugin.booted()
        return report


def build(places: Places) -> Router:
    """Make the router on this machine. Raises KernelError, StorageError; changes nothing yet."""
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
) -> Router:
    """Put features and engine on a host; ``given`` are the credentials."""
    notices = Notices()
    own: list[AnyFeature] = [create(host) for create in ORDER]
    guests = plugins.load(host, [feature.name for feature in own], notices.complain)
    features: list[AnyFeature] = [*own[:-1], *guests, own[-1]]
    audit = AuditLog(host.places.log / "audit.log", host.clock, echo=Echo(Journal()))
    alarm = Alarm(lambda: engine.revert_if_due())
    owed = Alarm(lambda: engine.refresh_if_owed())
    settled = Alarm(lambda: engine.keep_head_start())
    suffixes = {section.path: section.default_suffix for feature in features for section in feature.sections}
    files = credentials.first_files(given, suffixes)
    generations = Generations(host.places.state / "generations")
    (waiting,) = (one.waiting for one in own if isinstance(one, updates.UpdateFeature))
    kept_start = KeptStart(
        host.places.state / HEAD_START,
        generations,
        lambda: occasion(host.netlink.inventory(), host.clock.wall()),
        lambda: (running(), *waiting()),
    )
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
            on_settled=settled.set,
            kept_start=kept_start,
            image_version=image_release().version,
        )
    )
    control.attach(engine)
    notices.watched += [engine.notice, vault.notice] + [
        one.notice
        for one in own
        if isinstance(
            one,
            timekeeping.TimeFeature
            | mappings.MappingsFeature
            | mdns.MdnsFeature
            | nat64.Nat64Feature
            | dyndns.DyndnsFeature
            | dynamic.DynamicFeature
            | remote_log.RemoteLog
            | gitops.GitOpsFeature
            | pppoe.PppoeFeature
            | updates.UpdateFeature
            | lists.ListsFeature,
        )
    ]
    notices.add([audit.complaint] if audit.complaint else [])
    return Router(
        host, engine, bus, control, vault, passwords, audit, generations, given, notices, own, guests
    )
