# SPDX-License-Identifier: GPL-2.0-or-later
"""What is explained and foreseen follows policies and uplinks, as the kernel and real connections do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from patronus.core.feature import Consequence
from patronus.core.verb import Caller, Role
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.verbs.explain import Explain, Explanation
from patronus.kernel.conntrack import Conntrack
from tests.netns.interfaces.providers import (
    HOST,
    PROVIDERS,
    QUICK,
    WORLD,
    Internet,
    Talk,
    Uplinked,
    talking,
)
from tests.netns.interfaces.router import eventually
from tests.netns.lab import Host

CALLER = Caller("anna", Role.VIEWER)
WAN, SPARE = (own for _, own in PROVIDERS.values())
DEVICE_OF = {own: role for role, (_, own) in PROVIDERS.items()}
INWARDS = {
    "id": "in", "type": "dnat", "in": "wan", "protocol": "tcp", "destination_port": 80, "to": f"{HOST}:7",
}  # fmt: skip


def uplink(role: str, **more: Any) -> dict[str, Any]:
    return {"id": role, **QUICK, **more}


def explained(uplinked: Uplinked, port: int = 7, **more: Any) -> Explanation:
    """Return what is said of a packet of the host to the world, once the kernel's own word agrees."""
    asked = {"arrives_on": "lan", "source": HOST, "destination": WORLD, "protocol": "tcp", **more}
    given = Explain.model_validate({**asked, "destination_port": port})
    said = uplinked.firewall.catalogue().explain(CALLER, given)
    if given.state == "new":
        words = f"{WORLD} from {HOST} iif lan ipproto tcp sport {given.source_port or 50000} dport {port}"
        (found,) = json.loads(uplinked.namespace.ip(f"-json route get {words} mark {given.mark or 0}"))
        assert (said.leaves_by, said.gateway) == (found["dev"], found["gateway"])
    return said


def test_policies_are_followed(uplinked: Uplinked, internet: Internet) -> None:
    policies = [
        {"id": "mail", "protocol": "tcp", "ports": [8], "uplink": "spare"},
        {"id": "near", "mark": "0x10/0xf0", "gateways": [{"gateway": PROVIDERS["spare"][0]}]},
    ]
    uplinked.start(uplink("wan"), uplink("spare", tier=2), policies=policies)
    with internet.world.serving(7), internet.world.serving(8):
        for port, own, chosen in ((7, WAN, None), (8, SPARE, "policy/mail")):
            said = explained(uplinked, port)
            assert (said.leaves_by, said.routed_by) == (DEVICE_OF[own], chosen)
            assert (said.source_address, said.source_by) == (own, "nat/out")
            with talking(internet.lan, port) as talk:
                assert talk.came_by == own
    assert explained(uplinked, 8).text[1] == (
        "The route leads out at spare (zone wan), by the gateway 203.0.113.1, as policy/mail says."
    )
    assert explained(uplinked, mark=0x30).routed_by is None
    assert explained(uplinked, mark=0x310).routed_by == "policy/near"
    internet.router.ip(f"route add {WORLD} via {PROVIDERS['spare'][0]} table 77")
    internet.router.ip("rule add pref 99 to 192.0.2.0/24 iif lan lookup 77")
    assert explained(uplinked).routed_by == "table/77"


def test_an_open_connection_is_explained_on_the_uplink_that_it_is_on(
    uplinked: Uplinked, internet: Internet
) -> None:
    uplinked.start(uplink("wan"), uplink("spare", tier=2))
    with internet.world.serving(7), talking(internet.lan) as old:
        open_: dict[str, Any] = {"source_port": old.source_port, "state": "established"}
        assert explained(uplinked, **open_).routed_by == "uplink/wan"
        uplinked.start(uplink("wan", tier=2), uplink("spare"))
        said = explained(uplinked, **open_)
        assert (said.leaves_by, said.routed_by) == ("wan", "uplink/wan")
        assert old.goes_on()
        assert explained(uplinked).leaves_by == "spare"
        other = explained(uplinked, source_port=old.source_port - 1, state="established")
        assert other.leaves_by == "spare", "of one that is not open nothing is known"


def test_where_connections_are_shared_out_it_is_said(uplinked: Uplinked, internet: Internet) -> None:
    """By which way one goes hangs on what its card made of it, so that no question can tell."""
    uplinked.start(uplink("wan"), uplink("spare"))
    with internet.world.serving(7):
        talks = [Talk(internet.lan) for _ in range(12)]
        assert {talk.came_by for talk in talks} == {WAN, SPARE}
        assert explained(uplinked).ways == 2
        for talk in talks:
            open_ = explained(uplinked, source_port=talk.source_port, state="established")
            assert (open_.leaves_by, open_.ways) == (DEVICE_OF[talk.came_by], 1)
            talk.close()


@pytest.mark.parametrize("tier", [1, 2])
def test_who_is_taken_for_forged_is_who_the_kernel_takes_for_it(
    uplinked: Uplinked, internet: Internet, tier: int
) -> None:
    """The guard looks for the way back among those of the best route: both uplinks, or the first alone."""
    guard = {"anti_spoofing": {"enabled": True, "zones": ["wan"]}}
    uplinked.start(uplink("wan"), uplink("spare", tier=tier), nat=[INWARDS], protection=guard)
    world = Host(internet.world.namespace, WORLD, "")
    explain = uplinked.firewall.catalogue().explain
    with internet.lan.serving(7):
        for role, (_, own) in PROVIDERS.items():
            asked = {"arrives_on": role, "destination": own, "protocol": "tcp", "destination_port": 80}
            passes = tier == 1 or role == "wan"
            assert world.reaches(own, 80) is passes
            said = explain(CALLER, Explain.model_validate({**asked, "source": WORLD})).decided_by
            assert said == ("nat/in" if passes else "spoofed")
            inside = explain(CALLER, Explain.model_validate({**asked, "source": HOST}))
            assert inside.decided_by == "spoofed"


def flows(uplinked: Uplinked, *rules: dict[str, Any]) -> list[Consequence]:
    """Return what another rule set would mean for the open connections."""
    config = uplinked.configured(uplink("wan"), uplink("spare", tier=2), nat=[INWARDS], rules=list(rules))
    assert uplinked.engine.walk is not None
    plan, running = (
        uplinked.engine.walk.prepare(config).plans["firewall"],
        uplinked.engine.running["firewall"],
    )
    assert isinstance(plan, FirewallPlan)
    assert isinstance(running, FirewallPlan)
    found = uplinked.firewall.foresee(plan, running, CALLER)
    return [one for one in found if one.kind == "flow"]


@pytest.mark.parametrize("role", ["wan", "spare"])
def test_a_change_ends_what_came_in_by_an_uplink_and_nothing_that_came_by_the_other(
    uplinked: Uplinked, internet: Internet, role: str
) -> None:
    """The default route leads to the world by wan alone."""
    uplinked.start(uplink("wan"), uplink("spare", tier=2), nat=[INWARDS])
    world = Host(internet.world.namespace, WORLD, "")
    rule = {"id": "r-1", "interface": role, "to": "lan", "protocol": "tcp", "action": "drop"}
    with internet.lan.serving(7), world.stream(WAN, 80) as by_wan, world.stream(SPARE, 80) as by_spare:
        streams = {"wan": by_wan, "spare": by_spare}
        for stream in streams.values():
            stream.settimeout(20.0)
            assert stream.recv(100).decode().strip() == WORLD
        (lost,) = flows(uplinked, rule)
        port = streams[role].getsockname()[1]
        assert (lost.after, lost.what.split()[1]) == ("dropped by rule/r-1", f"{WORLD}:{port}")
        assert lost.packet is not None
        assert lost.packet["arrives_on"] == role
        uplinked.start(uplink("wan"), uplink("spare", tier=2), nat=[INWARDS], rules=[rule])
        kept = streams.pop("wan" if role == "spare" else "spare")
        kept.sendall(b"still there\n")
        assert kept.recv(100) == b"still there\n"
        eventually(lambda: _open_ports() == {kept.getsockname()[1]}, "the end of the other")


def _open_ports() -> set[int]:
    ways = [one.connection.original for one in Conntrack().tracked() if one.state == "established"]
    return {way.source_port for way in ways}
