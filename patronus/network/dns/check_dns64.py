# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with DNS64: prefixes of the other family, and translations that are for no one. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.problem import Path, Problem, Severity
from patronus.network.dns.model import Dns

SECTION_PATH = "network/dns"


def check_dns64(dns: Dns) -> Iterator[Problem]:
    """Yield every problem."""
    place: Path = (SECTION_PATH, "dns64")
    if dns.dns64 is None:
        for position, policy in enumerate(dns.policies):
            if policy.dns64:
                path: Path = (SECTION_PATH, "policies", position, "dns64")
                message = f"addresses of a translator are for {policy.id}, but no translator is named"
                yield Problem(path, message, hint="dns64: {prefix: 64:ff9b::/96} beside the policies")
        return
    for position, prefix in enumerate(dns.dns64.exclude):
        if prefix.version == 4:
            message = f"{prefix} is IPv4: names that have addresses of IPv6 are looked at"
            yield Problem((*place, "exclude", position), message, str(prefix), "prefixes of IPv6")
        elif prefix.overlaps(dns.dns64.prefix):
            message = f"{prefix} is where the translator is, so what leads there would count as none"
            yield Problem((*place, "exclude", position), message, str(prefix))
    if not dns.dns64.everyone and all(not policy.dns64 for policy in dns.policies):
        message = "addresses of the translator are for no one: no policy asks for them"
        hint = "dns64: true in a policy"
        yield Problem((*place, "everyone"), message, hint=hint, severity=Severity.WARNING)
