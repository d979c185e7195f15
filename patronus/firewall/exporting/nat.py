# SPDX-License-Identifier: GPL-2.0-or-later
"""The translations of a policy as rules of iptables.

A rule behind routing cannot ask where a packet came in, so a hairpin's packets are marked on their way
through, with the highest bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from patronus.core.values import PortRange, Range
from patronus.firewall.addresses import AddressSet, IpNetwork, Version
from patronus.firewall.exporting.words import joined, ports_of, protocols_of, side
from patronus.firewall.policy import Forward, Policy, SourceTranslation

HAIRPIN = "0x80000000/0x80000000"


def nat_lines(policy: Policy, version: Version) -> Iterator[str]:
    """Yield the rules of the table nat for one family."""
    for item in policy.forwards:
        if item.version == version:
            yield from (f"-A PREROUTING {line}" for line in _destinations(item, policy))
    if next(hairpin_marks(policy, version), None) is not None:
        yield f"-A POSTROUTING -m mark --mark {HAIRPIN} -j MASQUERADE"
    for source in policy.sources:
        if version in source.versions:
            yield from (f"-A POSTROUTING {line}" for line in _sources(source, policy, version))


def hairpin_marks(policy: Policy, version: Version) -> Iterator[str]:
    """Yield the rules of the table mangle that mark what goes back out at the interface it came from."""
    for item in policy.forwards:
        if item.version != version or item.hairpin is None or item.inner is None:
            continue
        ports = (item.target_ports,) if item.target_ports else item.ports
        there = side("dst", AddressSet.of([item.inner]), version)
        for device, target, what, outer in product(
            _inside(item, policy),
            there,
            _asked(replace(item, ports=ports)),
            side("dst", item.hairpin, version),
        ):
            asked = f"-m conntrack --ctstate DNAT --ctorigdst {outer.rpartition(' ')[2]}"
            words = joined(f"-i {device} -o {device}", target, what, asked)
            yield f"-A FORWARD {words} -j MARK --set-xmark {HAIRPIN}"


def _inside(item: Forward, policy: Policy) -> list[str]:
    others = (found for zone, found in policy.zones.items() if zone != item.from_zone)
    return sorted(device for found in others for device in found)


def _asked(item: Forward | SourceTranslation) -> list[str]:
    both = product(protocols_of(item.protocols), ports_of("destination", item.ports))
    return [joined(*words) for words in both]


def _destinations(item: Forward, policy: Policy) -> Iterator[str]:
    version = item.version
    outer = ("-m addrtype --dst-type LOCAL",) if item.outer is None else side("dst", item.outer, version)
    for device, source, there in product(
        policy.zones.get(item.from_zone, ()), side("src", item.source, version), outer
    ):
        yield from (joined(f"-i {device}", source, there, words) for words in _rewritten(item))
    if item.hairpin is not None:
        for device, there in product(_inside(item, policy), side("dst", item.hairpin, version)):
            yield from (joined(f"-i {device}", there, words) for words in _rewritten(item))


def _rewritten(item: Forward) -> Iterator[str]:
    """Yield what is asked for and what becomes of it; a range that moves is a rule for each port."""
    if item.inner is None:
        yield from (joined(words, "-j ACCEPT") for words in _asked(item))
        return
    ports = item.target_ports
    if ports is not None and item.ports and ports.first != ports.last and item.ports != (ports,):
        asked = item.ports[0]
        for number in range(asked.first, asked.last + 1):
            one = replace(item, ports=(PortRange(number, number),))
            yield from (f"{words} {_to(item, ports.first + number - asked.first)}" for words in _asked(one))
        return
    port = ports.first if ports is not None and ports.first == ports.last else None
    yield from (joined(words, _to(item, port)) for words in _asked(item))


def _to(item: Forward, port: int | None) -> str:
    assert item.inner is not None, "an exception leads nowhere"
    if not item.is_host:
        return f"-j NETMAP --to {item.inner}"
    host = str(item.inner.network_address)
    if port is not None:
        host = f"[{host}]:{port}" if item.version == 6 else f"{host}:{port}"
    return f"-j DNAT --to-destination {host}"


def _sources(item: SourceTranslation, policy: Policy, version: Version) -> Iterator[str]:
    devices = policy.zones.get(item.out_zone, ())
    sides = (side("src", item.source, version), side("dst", item.destination, version))
    for device, source, there, words in product(devices, *sides, _asked(item)):
        yield joined(f"-o {device}", source, there, words, _becomes(item))


def _becomes(item: SourceTranslation) -> str:
    if item.exempt:
        return "-j ACCEPT"
    if item.to is None:
        return "-j MASQUERADE"
    if isinstance(item.to, Range):
        return f"-j SNAT --to-source {item.to.first}-{item.to.last} --persistent"
    return _network(item.to)


def _network(network: IpNetwork) -> str:
    if network.num_addresses == 1:
        return f"-j SNAT --to-source {network.network_address}"
    return f"-j NETMAP --to {network}"
