# SPDX-License-Identifier: GPL-2.0-or-later
"""An offer waits for who has its address already; nobody waits for another's, and in a flood nobody waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from scapy.layers.l2 import ARP, Ether

from patronus.network.dhcp.arp import holder, probe
from patronus.network.dhcp.config import read_address
from patronus.network.dhcp.probes import UNDER_WAY, WAIT_S, Probes, Waiting

ADDRESS = read_address("192.168.1.150")
HOST, OTHER, OURS = (bytes((2, 0, 0, 0, 0, number)) for number in (1, 2, 3))


@dataclass
class Due:
    """A callback of the clock."""

    at_s: float
    call: Callable[[], None]
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Room:
    """Probes with a clock that stands still, and what was given."""

    given: list[str] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.probes = Probes(self.later)

    def later(self, delay_s: float, call: Callable[[], None]) -> Due:
        self.due.append(Due(delay_s, call))
        return self.due[-1]

    def ask(self, name: str, address: int = ADDRESS) -> bool:
        offer = Waiting(
            HOST, lambda: self.given.append(name), lambda: self.given.append(f"another for {name}")
        )
        return self.probes.begin("lan0", address, offer)

    def wait(self) -> None:
        due, self.due = self.due, []
        for item in due:
            if not item.closed:
                item.call()


def test_an_offer_is_given_once_nobody_spoke_up() -> None:
    room = Room()
    assert room.ask("first") and room.given == [] and room.due[0].at_s == WAIT_S
    assert room.ask("asked again")
    room.wait()
    assert room.given == ["asked again"]
    room.wait()
    assert room.given == ["asked again"]


@pytest.mark.parametrize(
    ("device", "address", "mac", "stands"),
    [
        ("lan0", ADDRESS, OTHER, False),
        ("lan0", ADDRESS, HOST, True),
        ("lan0", ADDRESS + 1, OTHER, True),
        ("lan1", ADDRESS, OTHER, True),
    ],
)
def test_only_another_host_on_the_link_takes_it_away(
    device: str, address: int, mac: bytes, stands: bool
) -> None:
    room = Room()
    room.ask("first")
    offer = room.probes.heard(device, address, mac)
    assert (offer is None) is stands
    if offer is not None:
        room.probes.end("lan0", ADDRESS)
        offer.again()
    room.wait()
    assert room.given == (["first"] if stands else ["another for first"])


def test_in_a_flood_nobody_waits_and_what_is_forgotten_is_not_given() -> None:
    room = Room()
    assert all(room.ask(str(number), ADDRESS + number) for number in range(UNDER_WAY))
    assert not room.ask("one too many", ADDRESS + UNDER_WAY)
    assert room.ask("asked again", ADDRESS)
    room.probes.clear()
    room.wait()
    assert room.given == []
    assert room.ask("next")


def test_the_question_is_one_that_others_understand_and_names_no_address_of_ours() -> None:
    seen = Ether(probe(OURS, ADDRESS))
    assert (seen.dst, seen.src, seen[ARP].op) == ("ff:ff:ff:ff:ff:ff", OURS.hex(":"), 1)
    assert (seen[ARP].psrc, seen[ARP].pdst, seen[ARP].hwsrc) == ("0.0.0.0", "192.168.1.150", OURS.hex(":"))


def test_who_answers_is_read_from_replies_alone() -> None:
    said = ARP(op=2, hwsrc=OTHER.hex(":"), psrc="192.168.1.150", hwdst=OURS.hex(":"), pdst="0.0.0.0")
    frame = bytes(Ether(src=OTHER.hex(":"), dst=OURS.hex(":")) / said)
    assert holder(frame + bytes(18)) == (ADDRESS, OTHER)
    said.op = 1
    assert holder(bytes(Ether() / said)) is None
    said.op, said.hwlen = 2, 8
    assert holder(bytes(Ether() / said)) is None
    assert all(holder(frame[:length]) is None for length in range(len(frame)))
