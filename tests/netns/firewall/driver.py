# SPDX-License-Identifier: GPL-2.0-or-later
"""The real firewall feature on a lab's router: files in, steps run, the kernel read back.

Everything below it is real; only the engine around it is this class, which runs the steps as the engine does.
Without a folder of XDP's pins nftables is seen to decide alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from patronus.core.bus import Event
from patronus.core.errors import InvalidConfiguration, KernelError
from patronus.core.feature import Difference, Earlier, Step
from patronus.core.model import Configuration
from patronus.core.problem import Severity
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.service import FirewallFeature
from patronus.kernel.bpf import Bpf
from patronus.kernel.clock import SystemClock
from patronus.kernel.host import Host, Places
from patronus.kernel.netlink import Netlink
from patronus.kernel.nft import Nft
from patronus.network.mappings.model import Mappings
from patronus.network.mappings.plan import plan as plan_mappings
from tests.golden.case import links, load, openings
from tests.netns.lab import Lab

INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan, ipv4: {method: static, addresses: [198.51.100.2/24]},
     ipv6: {method: static, addresses: ["2001:db8:1::2/64"]}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]},
     ipv6: {method: static, addresses: ["fd00:1::1/64"]}}
  - {id: guest, match: {path: c}, zone: guest, ipv4: {method: static, addresses: [10.10.0.1/24]},
     ipv6: {method: static, addresses: ["fd00:2::1/64"]}}
"""
ZONES = """
zones:
  - {id: wan}
  - {id: lan, to: {wan: allow, self: allow}}
  - {id: guest, to: {wan: allow}}
"""


def in_mode(role: str, mode: str, interfaces: str = INTERFACES) -> str:
    """Return the interfaces with a mode of XDP at one of them."""
    return interfaces.replace(f"{{id: {role},", f"{{id: {role}, xdp: {mode},")


@dataclass
class State:
    """Durable state, for as long as the test lasts."""

    values: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def put(self, key: str, value: Any) -> None:
        self.values[key] = value


class Firewall:
    """One router's firewall. ``apply`` takes the files of ``firewall/`` by name: ``rules``, ``nat``, …

    ``mappings`` is the file of ``network/mappings``.
    """

    def __init__(self, lab: Lab, pins: Path = Path("/nonexistent"), places: Places | None = None) -> None:
        self._lab = lab
        self.config = Configuration({})
        self.running: FirewallPlan | None = None
        with lab.router:
            self.nft = Nft()  # libnftables opens its socket here, and keeps it
        self.state = State()
        self.bpf = Bpf(pins)
        host = Host(
            netlink=Netlink(),
            nft=self.nft,
            bpf=self.bpf,
            units=cast(Any, None),
            clock=SystemClock(),
            control=cast(Any, self),
            state=self.state,
            places=places or Places(),
        )
        self.feature = FirewallFeature(host)
        self.verbs = self.feature.catalogue()

    @property
    def generation(self) -> int:
        return 1

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Tell nobody: here the configuration is set before the walk."""

    def refresh(self, reason: str) -> None:
        """Apply the same configuration with the facts of now."""
        assert reason
        self._walk()

    def apply(self, *, mappings: str = "", interfaces: str = INTERFACES, **files: str) -> None:
        """Load files, then check, plan, rehearse, step and observe. Raises what the engine would."""
        texts = {"network/interfaces.yaml": interfaces, "firewall/zones.yaml": ZONES}
        texts |= {f"firewall/{name}.yaml": text for name, text in files.items()}
        loaded = load(texts | ({"network/mappings.yaml": mappings} if mappings else {}))
        problems = [*loaded.problems, *self.feature.check(loaded.config)]
        if any(problem.severity is Severity.ERROR for problem in problems):
            raise InvalidConfiguration(problems)
        self.config = loaded.config
        self._walk()

    def _walk(self) -> None:
        with self._lab.router:
            there = links(self.config, set())
            asked = plan_mappings(self.config.get(Mappings), there, "0" * 32)
            earlier = Earlier((there, openings(self.config), asked))
            plan = self.feature.plan(self.config, self.feature.facts(), earlier)
            problems = list(self.feature.rehearse(plan))
            if any(problem.severity is Severity.ERROR for problem in problems):
                raise InvalidConfiguration(problems)
            self._run(plan)
            assert list(self.feature.observe(plan)) == []
            self.running = plan

    def _run(self, plan: FirewallPlan) -> None:
        done: list[Step] = []
        try:
            for step in self.feature.steps(plan, self.running):
                step.do()
                done.append(step)
        except KernelError:
            for step in reversed(done):
                step.undo()
            raise

    def differences(self) -> list[Difference]:
        """Return how the kernel differs from what runs, read whole."""
        assert self.running is not None
        with self._lab.router:
            return list(self.feature.observe(self.running))

    def packets(self, counter: str) -> int:
        """Return what a named counter has seen."""
        with self._lab.router:
            return self.nft.counters("inet", "patronus")[counter].packets

    def restart(self) -> None:
        """Forget what runs, as a daemon that starts again does."""
        self.running = None
