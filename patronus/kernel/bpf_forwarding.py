# SPDX-License-Identifier: GPL-2.0-or-later
"""The cards between which XDP sends packets of open connections on, behind the pins.

While there are none, one number says so, and the program asks nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from patronus.core.errors import KernelError
from patronus.kernel import nics
from patronus.kernel.bpf_attach import ifindex, keep_tags, strips_vlan
from patronus.kernel.bpf_map import Map
from patronus.kernel.bpf_object import Program
from patronus.kernel.bpf_rules import number_of

ASKS_FLOW_TABLE = "xdp_asks_flow_table"
_NUMBER = struct.Struct("=I")
_ONLY = _NUMBER.pack(0)
_NO_FRAME = bytes(14)


class Forwarding:
    """The ways out that the program knows; ``opened`` opens a pinned map by its name."""

    def __init__(self, pins: Path, opened: Callable[[str], Map]) -> None:
        self._pins = pins
        self._opened = opened
        self._wanted: frozenset[bytes] = frozenset()

    def asks_flow_table(self) -> bool:
        """Return whether the program sends on and can ask nftables' flow table. Raises KernelError."""
        with Program.pinned(self._pins / ASKS_FLOW_TABLE) as program:
            return program.run(_NO_FRAME).verdict == 1

    def replace(self, devices: Iterable[str]) -> None:
        """Make the cards exactly these. Raises KernelError; then, as with none, nothing is sent on."""
        wanted = frozenset(_NUMBER.pack(ifindex(device)) for device in devices)
        with self._or_nothing():
            table = self._opened("ways_out")
            for key in wanted:
                table.update(key, key)
            self._drop(table, wanted)
            self._switch(on=bool(wanted))
        self._wanted = wanted

    def keep(self, devices: Iterable[str]) -> None:
        """Take out all others. Raises KernelError; then nothing is sent on."""
        numbers = (number_of(device, frozenset()) for device in devices)
        with self._or_nothing():
            self._drop(self._opened("ways_out"), frozenset(_NUMBER.pack(one) for one in numbers if one))

    def refuses(self, device: str) -> str | None:
        """Return why packets cannot be sent on from a device as they come; tags are left in them from now on.

        Into what is no card of a bus (a veth) packets may be put with their sums left to be made.
        """
        if nics.driver(device) is None:
            return "it is no card with a driver: sums of its packets may not be made yet"
        if not strips_vlan(device):
            return None
        try:
            keep_tags(device)
        except KernelError as error:
            return str(error)
        return "it takes VLAN tags off (rxvlan)" if strips_vlan(device) else None

    @staticmethod
    def _drop(table: Map, wanted: frozenset[bytes]) -> None:
        for stale in set(table.keys()) - wanted:
            table.delete(stale)

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except KernelError:
            self._switch(on=False)
            raise

    def _switch(self, *, on: bool) -> None:
        self._opened("forwarding").update(_ONLY, _NUMBER.pack(on))

    def differs(self) -> str | None:
        """Return how what the program knows differs from what was brought, None where it does not."""
        if self._wanted and not self.asks_flow_table():
            return "the program has no part that sends on"
        on = self._opened("forwarding").lookup(_ONLY) == _NUMBER.pack(1)
        found = set(self._opened("ways_out").keys()) if on else set()
        return None if found == self._wanted else f"{len(found)} cards that are not those of the plan"
