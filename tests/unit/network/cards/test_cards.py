# SPDX-License-Identifier: GPL-2.0-or-later
"""What is refused of the settings of cards, what a card is told, and what it is set back to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.card import Amount, Card, Offload
from patronus.core.link import Nic
from patronus.core.model import Configuration
from patronus.core.problem import Severity, render_path
from patronus.network.cards.offloads import PARTS, changeable, is_on
from patronus.network.cards.plan import CardsPlan, Facts, Kept, differing, plan, refused
from patronus.network.cards.verbs import card_info
from patronus.network.interfaces.card_model import Offloads
from patronus.network.interfaces.check import check
from patronus.network.interfaces.model import SECTION, Interfaces
from patronus.network.interfaces.plan import Facts as LinkFacts
from patronus.network.interfaces.plan import of_configuration

MAC = "52:54:00:00:00:01"
ON, OFF, NEVER = Offload(on=True, asked=True), Offload(), Offload(fixed=True)
TSO = {
    "tx-tcp-segmentation": ON,
    "tx-tcp6-segmentation": ON,
    "tx-tcp-ecn-segmentation": NEVER,
    "tx-tcp-mangleid-segmentation": OFF,
}
CARD = Card("eth0", 2, {**TSO, "rx-gro": ON, "rx-lro": NEVER, "tx-scatter-gather": ON, "rx-hashing": NEVER})


def card(role: str = "lan", **given: Any) -> dict[str, Any]:
    return {"id": role, "match": {"mac": MAC}, **given}


def model(*items: dict[str, Any]) -> Interfaces:
    return Interfaces.model_validate({"interfaces": items})


def problems(*items: dict[str, Any]) -> dict[str, str]:
    return {render_path(one.path): one.message for one in check(model(*items))}


def planned(facts: Facts, **given: Any) -> CardsPlan:
    config = Configuration({SECTION.path: model(card(**given))})
    return plan(config, of_configuration(config, LinkFacts((Nic("eth0", MAC),))), facts)


def told(facts: Facts, **given: Any) -> dict[str, Any]:
    (wanted,) = planned(facts, **given).cards
    return dict(differing(wanted, facts.cards["eth0"]))


@pytest.mark.parametrize(
    ("offloads", "name", "message"),
    [
        ({"lro": True}, "lro", "cannot be sent on"),
        ({"tso": True, "tx": False}, "tso", "tso needs tx, which is off here"),
        ({"tso": True, "sg": False}, "tso", "tso needs sg, which is off here"),
        ({"gso": True, "sg": False}, "gso", "gso needs sg, which is off here"),
        ({"rx-gro-hw": True, "gro": False}, "rx-gro-hw", "rx-gro-hw needs gro"),
        ({"rx-udp-gro-forwarding": True, "gro": False}, "rx-udp-gro-forwarding", "needs gro"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(
    offloads: dict[str, bool], name: str, message: str
) -> None:
    found = problems(card(offloads=offloads))
    assert list(found) == [f"interfaces[0].offloads.{name}"] and message in next(iter(found.values()))
    assert problems(card(offloads=dict.fromkeys(offloads, False))) == {}


def test_offloads_belong_to_cards() -> None:
    vlan = {"id": "guest", "vlan": {"parent": "lan", "tag": 20}}
    found = check(model(card(), {**vlan, "offloads": {"tso": False}}))
    (problem,) = found
    assert render_path(problem.path) == "interfaces[1].offloads" and problem.hint == "set it at lan"
    assert problems(card(), {**vlan, "offloads": {}}) == {}
    for name, value in (("rings", {"receive": 512}), ("queues", 2)):
        assert list(problems(card(), {**vlan, name: value})) == [f"interfaces[1].{name}"]


@pytest.mark.parametrize("offloads", [{"tos": False}, {"tso": "perhaps"}, {"rx-gro": True}])
def test_what_is_no_offload_is_refused(offloads: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(card(offloads=offloads))


def test_each_name_of_the_file_has_parts() -> None:
    names = {field.alias or name for name, field in Offloads.model_fields.items()}
    assert names == PARTS.keys()


def test_a_card_is_told_what_differs_alone() -> None:
    facts = Facts({"eth0": CARD})
    assert told(facts) == {}
    assert told(facts, offloads={"tso": True, "gro": True, "lro": False}) == {}
    off = {"tx-tcp-segmentation": False, "tx-tcp6-segmentation": False}
    assert told(facts, offloads={"tso": False, "gro": True}) == {"offloads": off}
    assert told(facts, offloads={"sg": False}) == {"offloads": {"tx-scatter-gather": False}}


def test_what_a_card_lacks_is_a_warning_with_what_it_offers_and_the_rest_is_done() -> None:
    found = planned(Facts({"eth0": CARD}), offloads={"rxhash": True, "rxvlan": True, "gro": False})
    assert {render_path(one.path): one.hint for one in found.warnings} == {
        "interfaces[0].offloads.rxhash": "it can switch tso, gro, sg",
        "interfaces[0].offloads.rxvlan": "it can switch tso, gro, sg",
    }
    assert {one.severity for one in found.warnings} == {Severity.WARNING}
    assert dict(differing(found.cards[0], CARD)) == {"offloads": {"rx-gro": False}}
    assert planned(Facts({"eth0": CARD}), offloads={"rxhash": False, "lro": False}).warnings == []


def test_rings_and_queues_are_as_asked_or_the_most_that_the_card_has() -> None:
    rings = {"receive": Amount(256, 4096), "transmit": Amount(256, 1024)}
    pairs = Card("eth0", 2, {}, rings, {"combined": Amount(1, 4), "receive": Amount(0, 8)})  # type: ignore[arg-type]
    asked = {"rings": {"receive": 512, "transmit": 2048}, "queues": 4}
    assert told(Facts({"eth0": pairs}), **asked) == {
        "queues": {"combined": 4},
        "rings": {"receive": 512, "transmit": 1024},
    }
    (warning,) = planned(Facts({"eth0": pairs}), **asked).warnings
    assert (render_path(warning.path), warning.hint) == ("interfaces[0].rings.transmit", "1024 are set")
    apart = Card("eth0", 2, {}, {}, {"receive": Amount(1, 4), "transmit": Amount(1, 2)})
    assert told(Facts({"eth0": apart}), queues=3) == {"queues": {"receive": 3, "transmit": 2}}
    (warning,) = planned(Facts({"eth0": apart}), queues=9).warnings
    assert warning.message == "eth0, the card of lan, has 4 queues at most, not 9"
    assert told(Facts({"eth0": apart}), queues=9) == {"queues": {"receive": 4, "transmit": 2}}


def test_a_card_without_rings_and_queues_says_so() -> None:
    found = planned(Facts({"eth0": CARD}), rings={"receive": 512}, queues=2)
    assert [(render_path(one.path), one.message) for one in found.warnings] == [
        ("interfaces[0].queues", "eth0, the card of lan, has no queues that can be set"),
        ("interfaces[0].rings.receive", "eth0, the card of lan, has no receive ring that can be set"),
    ]
    assert dict(differing(found.cards[0], CARD)) == {}


def test_what_the_file_no_longer_says_is_set_back_at_the_same_card_alone() -> None:
    now = Card("eth0", 2, {**CARD.offloads, "rx-gro": OFF})
    kept = {"eth0": Kept(2, {"offloads": {"rx-gro": True, "tx-tcp-segmentation": True}})}
    assert told(Facts({"eth0": now}, kept)) == {"offloads": {"rx-gro": True}}
    assert told(Facts({"eth0": now}, kept), offloads={"gro": False}) == {}
    assert told(Facts({"eth0": Card("eth0", 9, now.offloads)}, kept)) == {}


def test_a_card_that_does_not_do_as_it_was_told_is_found() -> None:
    (wanted,) = planned(Facts({"eth0": CARD}), offloads={"gro": True, "sg": True}).cards
    waiting = Card("eth0", 2, {**CARD.offloads, "rx-gro": Offload(on=False, asked=True)})
    assert list(refused(wanted, CARD)) == []
    assert list(refused(wanted, waiting)) == [("offloads", {"rx-gro": True}, {"rx-gro": False})]
    assert list(differing(wanted, waiting)) == []


def test_a_missing_card_is_left_out() -> None:
    assert planned(Facts(), offloads={"tso": False}) == CardsPlan()


def test_a_card_is_described_by_what_is_on_or_can_be_switched() -> None:
    found = card_info(CARD, None)
    assert {one.name: (one.on, one.changeable) for one in found.offloads} == {
        "tso": (True, True),
        "gro": (True, True),
        "sg": (True, True),
    }
    assert list(changeable(CARD.offloads)) == ["tso", "gro", "sg"] and not is_on("lro", CARD.offloads)
