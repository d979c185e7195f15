# SPDX-License-Identifier: GPL-2.0-or-later
"""The cards between which XDP sends on: exactly those that are brought, over every load of the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import KernelError
from patronus.firewall.early.plane import EarlyPlane
from patronus.firewall.plan import FirewallPlan
from patronus.kernel.bpf import Bpf
from patronus.kernel.bpf_attach import ifindex
from patronus.kernel.bpf_codec import Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_map import Map
from patronus.kernel.bpf_part import ASKED, ForwardingPart
from patronus.kernel.units import Units
from tests.bpf.conftest import Firewall
from tests.netns.lab import Namespace, connect

ON, OFF = (1).to_bytes(4, sys.byteorder), bytes(4)


@pytest.fixture
def router() -> Iterator[Namespace]:
    """A router with two cards."""
    near, far = Namespace(), Namespace()
    for card in ("in0", "out0"):
        connect(near, card, far, f"{card}-far")
    yield near
    near.close()
    far.close()


def number(key: bytes) -> int:
    return int.from_bytes(key, sys.byteorder)


def known(pins: Path) -> tuple[set[int], bytes | None]:
    """Return the numbers of the cards that the program knows, and whether it sends on."""
    with Map.pinned(pins / "ways_out") as ways, Map.pinned(pins / "forwarding") as switch:
        return set(map(number, ways.keys())), switch.lookup(OFF)


def test_the_cards_are_those_that_are_brought_and_none_without_any(
    firewall: Firewall, router: Namespace
) -> None:
    ways = firewall.bpf.forwarding
    with router:
        numbers = {ifindex("in0"), ifindex("out0")}
        ways.replace(("in0", "out0"))
        assert known(firewall.pins) == (numbers, ON)
        ways.keep(("in0", "gone0"))
        assert known(firewall.pins) == ({ifindex("in0")}, ON)
        ways.replace(("out0",))
        assert known(firewall.pins) == ({ifindex("out0")}, ON)
        with pytest.raises(KernelError, match="gone0"):
            ways.replace(("in0", "gone0"))
        ways.replace(())
        assert known(firewall.pins) == (set(), OFF)
        assert ways.differs() is None


def test_a_second_load_keeps_the_cards_and_refuses_a_map_of_another_shape(
    firewall: Firewall, router: Namespace, compiled: Path
) -> None:
    with router:
        firewall.bpf.forwarding.replace(("in0", "out0"))
        before = known(firewall.pins)
        load(compiled, firewall.pins, Settings(forwarding=True))
        assert known(firewall.pins) == before
        Bpf(firewall.pins).forwarding.replace(("in0",))
        assert known(firewall.pins) == ({ifindex("in0")}, ON), "the new program has the very map"
    (firewall.pins / "ways_out").unlink()
    (firewall.pins / "forwarding").rename(firewall.pins / "ways_out")
    with pytest.raises(KernelError, match="max_entries"):
        load(compiled, firewall.pins, Settings(forwarding=True))


def test_a_program_that_was_loaded_without_the_part_says_so(firewall: Firewall, router: Namespace) -> None:
    ways = firewall.bpf.forwarding
    assert not ways.asks_flow_table()
    with router:
        ways.replace(("in0",))
        assert ways.differs() == "the program has no part that sends on"


def test_a_card_is_no_way_out_any_more_when_xdp_leaves_it(
    firewall: Firewall, router: Namespace, tmp_path: Path
) -> None:
    asks = firewall.bpf.forwarding.asks_flow_table
    plane = EarlyPlane(firewall.bpf, ForwardingPart(tmp_path / ASKED, Units(tmp_path / "nobody"), asks))
    with router:
        firewall.bpf.attach("in0", None)
        firewall.bpf.forwarding.replace(("in0", "out0"))
        plane.bring(FirewallPlan())
        assert firewall.bpf.attachments() == ()
        assert known(firewall.pins) == (set(), OFF)
        assert plane.forwarding() == "the kernel forwards all packets"
        plane.bring(FirewallPlan(forwarding=("in0", "out0")))
        assert "the units helper does not answer" in plane.forwarding()
        assert (firewall.bpf.attachments(), known(firewall.pins)) == ((), (set(), OFF))
        assert "the units helper does not answer" in str(plane.fault)
