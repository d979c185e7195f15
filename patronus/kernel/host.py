# SPDX-License-Identifier: GPL-2.0-or-later
"""The bundle that the daemon hands to every feature's ``create(host)``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from patronus.core.control import Clock, Control, NoSecrets, RuntimeState, Secrets

if TYPE_CHECKING:
    from patronus.kernel.bpf import Bpf
    from patronus.kernel.netlink import Netlink
    from patronus.kernel.nft import Nft
    from patronus.kernel.units import Units


@dataclass(frozen=True)
class Places:
    """Where things lie on the device; tests point them into a folder of their own."""

    config: Path = Path("/etc/patronus")
    state: Path = Path("/var/lib/patronus")
    run: Path = Path("/run/patronus")
    factory: Path = Path("/usr/share/patronus/factory")
    objects: Path = Path("/usr/lib/patronus/bpf")
    pins: Path = Path("/run/patronus-bpf")
    log: Path = Path("/var/log/patronus")
    timesync: Path = Path("/run/patronus-clock/synchronised")
    time_servers: Path = Path("/run/patronus-ntp/chrony.conf")
    mappings: Path = Path("/run/patronus-mappings/miniupnpd.conf")
    miniupnpd: Path = Path("/run/patronus-miniupnpd")
    mdns: Path = Path("/run/patronus-mdns/avahi.conf")
    nat64: Path = Path("/run/patronus-nat64/tayga.conf")
    tayga: Path = Path("/run/patronus-tayga")
    machine_id: Path = Path("/etc/machine-id")
    routers: Path = Path("/run/patronus-frr")

    @classmethod
    def below(cls, root: Path) -> Places:
        """Return all places below another root folder, for a daemon that runs beside the machine's own."""
        return cls(**{place.name: root / str(place.default).lstrip("/") for place in fields(cls)})


@dataclass(frozen=True)
class Host:
    """The kernel, the clock, the engine and the durable scraps of state, as one feature sees them."""

    netlink: Netlink
    nft: Nft
    bpf: Bpf
    units: Units
    clock: Clock
    control: Control
    state: RuntimeState
    places: Places
    secrets: Secrets = field(default_factory=NoSecrets)
