# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards do as their roles ask, as ethtool(8) sees it, and go back to what they did before."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any

import pytest

from patronus.core.errors import KernelError, LinkGone
from patronus.core.feature import Difference
from patronus.core.problem import Severity, render_path
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.ethtool import Ethtool
from patronus.network.cards.plan import CardsPlan
from tests.netns.interfaces.router import Router
from tests.netns.interfaces.test_links import lan
from tests.netns.lab import Namespace

TSO = (
    "tx-tcp-segmentation",
    "tx-tcp6-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
)


def offloads(namespace: Namespace, device: str = "eth0") -> dict[str, str]:
    """Return offload → on or off, as ethtool(8) says it."""
    said = namespace.run("ethtool", "--show-features", device)
    return dict(re.findall(r"^\s*([a-z0-9_-]+): (on|off)", said, re.MULTILINE))


def observed(router: Router) -> list[Difference]:
    plan = router.engine.running["cards"]
    assert isinstance(plan, CardsPlan)
    return list(router.cards.observe(plan))


def pending(router: Router) -> list[str]:
    plan = router.engine.running["cards"]
    assert isinstance(plan, CardsPlan)
    return [step.name for step in router.cards.steps(plan, plan)]


def test_offloads_are_switched_stay_so_and_go_back(router: Router, wired: Namespace) -> None:
    found = offloads(wired)
    assert found["generic-receive-offload"] == "off" and {found[name] for name in TSO} == {"on"}
    router.apply(lan(wired, offloads={"tso": False, "gro": True, "rx-udp-gro-forwarding": True}))
    now = offloads(wired)
    assert {now[name] for name in TSO} == {"off"}
    assert (now["generic-receive-offload"], now["rx-udp-gro-forwarding"]) == ("on", "on")
    assert pending(router) == [] and observed(router) == []
    router.apply(lan(wired, offloads={"tso": False}))
    now = offloads(wired)
    assert {now[name] for name in TSO} == {"off"} and now["generic-receive-offload"] == "off"
    router.apply(lan(wired))
    assert offloads(wired) == found


def test_what_was_on_before_is_known_to_a_daemon_that_starts_again(router: Router, wired: Namespace) -> None:
    found = offloads(wired)
    router.apply(lan(wired, offloads={"tso": False}))
    router.cards.__init__(router.host)  # type: ignore[misc]
    router.apply(lan(wired))
    assert offloads(wired) == found


def test_what_people_switch_is_said_refuses_nothing_and_is_set_right(
    router: Router, wired: Namespace
) -> None:
    router.apply(lan(wired, offloads={"tso": False}))
    wired.run("ethtool", "--features", "eth0", "tx-tcp-segmentation", "on")
    (found,) = observed(router)
    assert found.what == "eth0: offloads"
    assert (found.wanted, found.found) == ("tx-tcp-segmentation off", "tx-tcp-segmentation on")
    assert not found.refuses
    assert pending(router) == ["eth0: tx-tcp-segmentation off"]
    router.apply(lan(wired, offloads={"tso": False}))
    assert offloads(wired)["tx-tcp-segmentation"] == "off" and observed(router) == []


def test_what_the_card_lacks_is_said_and_the_rest_is_done(router: Router, wired: Namespace) -> None:
    prepared = router.apply(lan(wired, offloads={"rx-gro-hw": True, "tso": False}))
    (warning,) = [one for one in prepared.warnings if "offloads" in one.path]
    assert render_path(warning.path) == "interfaces[0].offloads.rx-gro-hw"
    assert warning.severity is Severity.WARNING and "eth0, the card of lan" in warning.message
    assert "tso" in (warning.hint or "")
    assert offloads(wired)["tx-tcp-segmentation"] == "off" and observed(router) == []
    (card,) = [one for one in listed(router) if one["device"] == "eth0"]
    assert card["interface"] == "lan" and card["warnings"] == [warning.message]
    shown = {one["name"]: (one["on"], one["changeable"]) for one in card["offloads"]}
    assert shown["tso"] == (False, True) and shown["gso"] == (True, True) and "rx-gro-hw" not in shown


def listed(router: Router) -> list[dict[str, Any]]:
    found = router.cards.list(Caller("root", Role.ADMIN), Nothing())
    return [one.model_dump() for one in found.cards]


def test_a_step_that_fails_later_takes_the_offloads_back(
    router: Router, wired: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    router.apply(lan(wired))
    before = offloads(wired)

    def refuse(*_: object) -> None:
        raise KernelError("no")

    monkeypatch.setattr(router.routing, "steps", refuse)
    with pytest.raises(KernelError):
        router.apply(lan(wired, offloads={"tso": False}))
    assert offloads(wired) == before


@pytest.fixture
def several(namespace: Namespace, neighbour: Namespace) -> Namespace:
    """Give the router a card that has up to four queues for what comes in, and two for what goes out."""
    peer = f"/proc/{os.getpid()}/fd/{neighbour.descriptor}"
    namespace.ip(f"link add eth0 numrxqueues 4 numtxqueues 2 type veth peer name there netns {peer}")
    neighbour.ip("link set there up")
    return namespace


def queues(namespace: Namespace) -> tuple[int, int]:
    """Return how many queues there are for what comes in and for what goes out, as ethtool(8) says it."""
    said = namespace.run("ethtool", "--show-channels", "eth0").partition("Current hardware settings")[2]
    found = dict(re.findall(r"^(RX|TX):\s+(\d+)", said, re.MULTILINE))
    return int(found["RX"]), int(found["TX"])


def test_queues_are_set_at_most_as_many_as_there_are_and_go_back(router: Router, several: Namespace) -> None:
    found = queues(several)
    router.apply(lan(several, queues=1))
    assert queues(several) == (1, 1) and pending(router) == [] and observed(router) == []
    prepared = router.apply(lan(several, queues=8))
    assert queues(several) == (4, 2) and pending(router) == [] and observed(router) == []
    (warning,) = [one for one in prepared.warnings if "queues" in one.path]
    assert warning.message == "eth0, the card of lan, has 4 queues at most, not 8"
    router.apply(lan(several))
    assert queues(several) == found


def test_rings_that_a_card_has_not_are_said_and_the_rest_is_done(router: Router, several: Namespace) -> None:
    prepared = router.apply(lan(several, rings={"receive": 512}, queues=1))
    (warning,) = [one for one in prepared.warnings if "rings" in one.path]
    assert render_path(warning.path) == "interfaces[0].rings.receive"
    assert "eth0, the card of lan, has no receive ring that can be set" in warning.message
    assert queues(several) == (1, 1)


def test_what_the_driver_refuses_fails_no_change_and_is_said(router: Router, several: Namespace) -> None:
    router.apply(lan(several, queues=1))
    plan = router.engine.running["cards"]
    assert isinstance(plan, CardsPlan)
    wanted = dataclasses.replace(plan.cards[0], asked={"queues": {"receive": 9}})
    for step in router.cards.steps(CardsPlan((), (wanted,)), plan):
        step.do()
    (found,) = router.cards.observe(CardsPlan((), (wanted,)))
    assert (found.what, found.wanted, found.refuses) == ("eth0: queues", "queues receive 9", False)
    assert "exceeds maximum" in found.found
    again = [step.name for step in router.cards.steps(CardsPlan((), (wanted,)), plan)]
    assert again == ["eth0: queues receive 9"]


def test_what_is_gone_or_no_offload_is_said_in_words(wired: Namespace) -> None:
    with pytest.raises(LinkGone, match="gone0"):
        Ethtool().read("gone0")
    with pytest.raises(KernelError, match=r"switch nothing-like-it on at eth0: bit name not found"):
        Ethtool().set_offloads("eth0", {"nothing-like-it": True})
