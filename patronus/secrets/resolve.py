# SPDX-License-Identifier: GPL-2.0-or-later
"""Which secrets the configuration names, and which of them there are: a feature, pure but for its facts.

It comes before the features that need secrets; they find its plan: ``earlier.find(SecretsPlan).handle(ref)``.
A secret that nobody has given yet refuses no change: a file may come before its secret, and a boot must not
fail over one. It is a warning, and ``doctor`` shows it until it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.core.secret import Named, SecretHandle, SecretRef, named_secrets
from patronus.kernel.host import Host

Versions = Mapping[str, str]


@dataclass(frozen=True)
class SecretsPlan(Plan):
    """Name → handle of each secret that the configuration names, and where those stand that are missing."""

    handles: Mapping[str, SecretHandle] = field(default_factory=dict)
    missing: tuple[Named, ...] = ()

    def handle(self, reference: SecretRef) -> SecretHandle:
        """Return the handle of a secret that the configuration names."""
        return self.handles[reference.secret]


class SecretsFeature(Feature[SecretsPlan, Versions]):
    """Names in, handles out."""

    name = "secrets"

    def __init__(self, host: Host) -> None:
        self._host = host

    def facts(self) -> Versions:
        """Read which secrets there are, and their versions; opens none."""
        return dict(self._host.secrets.versions())

    def plan(self, config: Configuration, facts: Versions, earlier: Earlier) -> SecretsPlan:  # noqa: ARG002
        """Return a handle for each name."""
        named = named_secrets(config)
        return SecretsPlan(
            handles={one.name: SecretHandle(one.name, facts.get(one.name)) for one in named},
            missing=tuple(one for one in named if one.name not in facts),
        )

    def rehearse(self, plan: SecretsPlan) -> Iterable[Problem]:
        """Warn of each name that nobody has given a secret to."""
        for one in plan.missing:
            yield Problem(
                one.path, f"there is no secret {one.name} yet", one.name,
                hint=f"give it with: patronus secret set {one.name}", severity=Severity.WARNING,
            )  # fmt: skip

    def steps(self, plan: SecretsPlan, running: SecretsPlan | None) -> Iterable[Step]:  # noqa: ARG002
        """Change nothing: whoever needs a secret reads it in a step of its own."""
        return ()

    def observe(self, plan: SecretsPlan) -> Iterator[Difference]:
        """Yield each secret that is still missing."""
        there = self._host.secrets.versions()
        for name in sorted({one.name for one in plan.missing} - there.keys()):
            yield Difference(f"secret {name}", "given with patronus secret set", "missing", refuses=False)


def create(host: Host) -> SecretsFeature:
    """Make the feature; called once by the daemon."""
    return SecretsFeature(host)
