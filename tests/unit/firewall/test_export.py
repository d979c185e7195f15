# SPDX-License-Identifier: GPL-2.0-or-later
"""The export for iptables: it has an end, and names what it leaves out."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from patronus.core.errors import InvalidRequest
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet
from patronus.firewall.exporting.iptables import iptables
from patronus.firewall.guards import Guards
from patronus.firewall.model.queue import Queue
from patronus.firewall.policy import Forward, Match, Policy, PolicyRule

ZONES = {"wan": ("eth0",), "lan": ("eth1",)}


@pytest.fixture(autouse=True)
def most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an export have a thousand lines."""
    monkeypatch.setattr("patronus.firewall.exporting.iptables.MOST", 1000)


def hosts(count: int) -> AddressSet:
    """Return every second address of a network."""
    return AddressSet(tuple((2 * number, 2 * number) for number in range(5 << 25, (5 << 25) + count)))


def crossed(count: int) -> Policy:
    """Return a policy whose one rule has so many sources, and as many destinations."""
    match = Match(source=hosts(count), destination=hosts(count))
    rule = PolicyRule("rule/r-1", "drop", match, frozenset({"wan"}), frozenset({"lan"}))
    return Policy(zones=ZONES, rules=(rule,))


def test_each_pair_of_addresses_is_a_line_as_long_as_somebody_could_load_them() -> None:
    text, left = iptables(crossed(30), 4)
    assert sum(line.startswith("-A pair-") and " -s " in line for line in text.splitlines()) == 900
    assert left == {}
    with pytest.raises(InvalidRequest, match="more than 1000 lines"):
        iptables(crossed(10_000), 4)


def test_ports_blocks_and_forwards_have_an_end_too() -> None:
    ports = tuple(PortRange(number, number) for number in range(1, 100, 2))
    match = Match(protocols=(6, 17), source_ports=ports, destination_ports=ports)
    one = ip_network("192.168.1.2/32")
    forward = Forward("n-1", 4, "wan", one, source=hosts(40), outer=hosts(40))
    for policy in (
        Policy(zones=ZONES, rules=(PolicyRule("rule/r-1", "drop", match),)),
        Policy(zones=ZONES, blocked=hosts(1001)),
        Policy(zones=ZONES, forwards=(forward,)),
    ):
        with pytest.raises(InvalidRequest, match="more than 1000 lines"):
            iptables(policy, 4)


def test_what_is_never_blocked_is_not_blocked_there() -> None:
    blocked, never = (AddressSet.of([ip_network(item)]) for item in ("10.0.0.0/30", "10.0.0.2/32"))
    text, _ = iptables(Policy(zones=ZONES, blocked=blocked, never=never), 4)
    dropped = [line.split()[3] for line in text.splitlines() if line.startswith("-A PREROUTING -s")]
    assert dropped == ["10.0.0.0/31", "10.0.0.3/32"]


def test_guards_are_named_as_left_out() -> None:
    guards = Guards(spoofing=frozenset({"lan"}), bogons=frozenset({"wan"}))
    text, left = iptables(Policy(zones=ZONES, guards=guards), 4)
    assert left.keys() == {"guard/spoofed", "guard/bogons"}
    assert "# left out: guard/bogons: " in text
    assert iptables(Policy(zones=ZONES), 4)[1] == {}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"numbers": 3}, "-j NFQUEUE --queue-num 3"),
        ({"numbers": "0-3", "bypass": True, "fanout": True},
         "-j NFQUEUE --queue-balance 0:3 --queue-bypass --queue-cpu-fanout"),
        ({"numbers": "4-4", "fanout": True}, "-j NFQUEUE --queue-num 4"),
    ],
)  # fmt: skip
def test_a_queue_is_written_as_iptables_says_it(said: dict[str, Any], line: str) -> None:
    rule = PolicyRule("rule/r-1", "queue", Match(), frozenset({"lan"}), queue=Queue.model_validate(said))
    text, left = iptables(Policy(zones=ZONES, rules=(rule,)), 4)
    assert left == {}
    assert any(one.endswith(line) for one in text.splitlines())
