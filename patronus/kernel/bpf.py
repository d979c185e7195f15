# SPDX-License-Identifier: GPL-2.0-or-later
"""The XDP firewall as patronusd uses it, on the pins that ``patronus-xdp-load.service`` left.

Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, not CAP_SYS_ADMIN: nothing is looked up by id. Every method
raises KernelError when the pins are missing or the kernel refuses. One thread at a time changes the
blocklist.
"""

from __future__ import annotations

import heapq
import struct
import time
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from threading import Lock

from patronus.core.early import EarlyDrop
from patronus.core.errors import InvalidRequest, KernelError
from patronus.kernel import bpf_attach
from patronus.kernel.bpf_attach import Attachment, Mode
from patronus.kernel.bpf_blocklist import (
    FILTER_BYTES,
    FILTER_PAGE_BYTES,
    HOSTS_BYTES,
    BlockedIPv4,
    Never,
    paint_filter,
)
from patronus.kernel.bpf_codec import (
    FLOW_STATS,
    Counter,
    Flow,
    Prefix,
    Reason,
    counter_of,
    flow_of,
    rule_number,
    trie_key,
)
from patronus.kernel.bpf_events import DropEvents
from patronus.kernel.bpf_forwarding import Forwarding
from patronus.kernel.bpf_limits import SourceLimits
from patronus.kernel.bpf_map import Map
from patronus.kernel.bpf_object import Program
from patronus.kernel.bpf_rules import EarlyRules

PROGRAM = "xdp_firewall"
LOADER = Path("/run/patronus-xdp")
"""The loader's runtime directory: systemd takes it away when the loader has failed, or was stopped."""
PATIENCE_S = 180.0
"""How long a loader may take; the verifier does its work where the machine is emulated, too."""
LOOK_EVERY_S = 0.05

_NUMBER = struct.Struct("=I")
_PRESENT = _NUMBER.pack(1)
_EVERYTHING = IPv4Network("0.0.0.0/0")
_LAST_SEEN = 2  # position in FLOW_STATS


class Bpf:
    """The pinned program and its maps; the maps are opened at first use and kept.

    ``loader`` is a folder that is there as long as the program is being loaded, or is loaded. ``rules`` are
    those that XDP drops for, ``limits`` what a source may send, ``forwarding`` the cards between which it
    sends open connections on.
    """

    def __init__(self, pins: Path, loader: Path = LOADER) -> None:
        self._pins = pins
        self._loader = loader
        self._until = time.monotonic() + PATIENCE_S
        self._maps: dict[str, Map] = {}
        self._never = Never()
        self._ipv4: BlockedIPv4 | None = None
        self._reasons: dict[str, str] = {}
        self.rules = EarlyRules(pins, self._map)
        self.limits = SourceLimits(self._map)
        self.forwarding = Forwarding(pins, self._map)
        self._watching = Lock()

    def await_loader(self) -> None:
        """Wait, the first time, until the program is pinned, as long as somebody loads it (at boot)."""
        while (
            not (self._pins / PROGRAM).exists() and self._loader.exists() and time.monotonic() < self._until
        ):
            time.sleep(LOOK_EVERY_S)
        self._until = time.monotonic()

    def _program(self) -> Program:
        """Open what is pinned now: a second load has put another program there. The caller closes it."""
        try:
            return Program.pinned(self._pins / PROGRAM)
        except KernelError as error:
            raise KernelError(f"XDP is not loaded (patronus-xdp-load.service): {error}") from error

    def _map(self, name: str) -> Map:
        if name not in self._maps:
            self._maps[name] = Map.pinned(self._pins / name)
        return self._maps[name]

    # -- blocklist

    def blocklist_replace(self, prefixes: Iterable[Prefix], never: Iterable[Prefix]) -> tuple[Prefix, ...]:
        """Make the blocklist exactly ``prefixes``, but for what ``never`` covers, which is returned.

        No packet sees a gap: what is in the old and the new list is blocked throughout, and what is in
        the old or the new never-block list passes throughout. Each element changes in one atomic step.
        """
        everything = frozenset(prefixes)
        self._never = Never(never)
        refused = tuple(sorted((p for p in everything if self._never.covers(p)), key=str))
        wanted = everything.difference(refused)
        old_never = set(self._map("never").keys())
        new_never = {trie_key(prefix) for prefix in self._never.prefixes}
        self._add_keys("never", new_never - old_never)
        self._ipv4 = BlockedIPv4(prefix for prefix in wanted if isinstance(prefix, IPv4Network))
        parts = {_NUMBER.unpack(key)[0] for key, _ in self._map("block_hosts").items()}
        self._write_ipv4(self._ipv4, _EVERYTHING, parts)
        self._replace_ipv6([prefix for prefix in wanted if isinstance(prefix, IPv6Network)])
        self._delete_keys("never", old_never - new_never)
        return refused

    def block(self, prefix: Prefix) -> bool:
        """Block ``prefix`` beside the others; returns whether it was not blocked by itself before.

        Raises InvalidRequest where the never-block list covers it.
        """
        ipv4 = self._known()
        if self._never.covers(prefix):
            raise InvalidRequest(f"{prefix} lies in the never-block list")
        if isinstance(prefix, IPv6Network):
            key = trie_key(prefix)
            if self._map("block_ipv6").lookup(key) is not None:
                return False
            self._write_filter([prefix], keep=True)
            self._map("block_ipv6").update(key, _PRESENT)
            return True
        if not ipv4.add(prefix):
            return False
        self._write_ipv4(ipv4, prefix, ipv4.parts(prefix))
        return True

    def unblock(self, prefix: Prefix) -> bool:
        """End the block of exactly ``prefix``; returns whether there was one. Other blocks stay."""
        ipv4 = self._known()
        if isinstance(prefix, IPv6Network):
            return self._map("block_ipv6").delete(trie_key(prefix))
        if not ipv4.remove(prefix):
            return False
        self._write_ipv4(ipv4, prefix, ipv4.parts(prefix) | {int(prefix.network_address) >> 8})
        return True

    def _known(self) -> BlockedIPv4:
        if self._ipv4 is None:
            raise KernelError("the blocklist is not known yet: blocklist_replace comes first")
        return self._ipv4

    def _write_ipv4(self, blocked: BlockedIPv4, within: IPv4Network, parts: set[int]) -> None:
        """Bring the IPv4 maps in ``within`` to ``blocked``; ``parts``: the /24s that may have hosts there."""
        tables = blocked.tables(within)
        low, high = int(within.network_address) >> 8, int(within.broadcast_address) >> 8
        self._map("block_hosts").update_many(
            (_NUMBER.pack(slot), bits.to_bytes(HOSTS_BYTES, "little"))
            for slot, bits in tables.hosts.items()
            if low <= slot <= high
        )
        pages = {_NUMBER.pack(number): page for number, page in tables.pages()}
        self._write_changed("block_ipv4", pages)
        stale = (slot for slot in parts if slot not in tables.hosts and low <= slot <= high)
        self._delete_keys("block_hosts", {_NUMBER.pack(slot) for slot in stale})

    def _replace_ipv6(self, wanted: list[IPv6Network]) -> None:
        old = set(self._map("block_ipv6").keys())
        new = {trie_key(prefix) for prefix in wanted}
        self._write_filter(wanted, keep=False)
        self._add_keys("block_ipv6", new - old)
        self._delete_keys("block_ipv6", old - new)

    def _write_filter(self, prefixes: list[IPv6Network], *, keep: bool) -> None:
        """Set the filter bits of ``prefixes``; ``keep`` leaves others set (the trie behind it is exact)."""
        table = self._map("block_filter")
        image = bytearray(b"".join(page for _, page in table.items())) if keep else bytearray(FILTER_BYTES)
        for prefix in prefixes:
            paint_filter(image, prefix)
        starts = range(0, FILTER_BYTES, FILTER_PAGE_BYTES)
        pages = {
            _NUMBER.pack(start // FILTER_PAGE_BYTES): bytes(image[start : start + FILTER_PAGE_BYTES])
            for start in starts
        }
        self._write_changed("block_filter", pages)

    def _write_changed(self, name: str, pages: dict[bytes, bytes]) -> None:
        table = self._map(name)
        one = len(pages) == 1
        old = {key: table.lookup(key) or b"" for key in pages} if one else dict(table.items())
        table.update_many((key, page) for key, page in pages.items() if old[key] != page)

    def _add_keys(self, name: str, keys: set[bytes]) -> None:
        self._map(name).update_many((key, _PRESENT) for key in keys)

    def _delete_keys(self, name: str, keys: set[bytes]) -> None:
        for key in keys:
            self._map(name).delete(key)

    # -- what the program saw

    def counters(self) -> dict[Reason, Counter]:
        """Return packets and bytes by reason, summed over the CPUs, since the program was loaded."""
        table = self._map("counters")
        raw = {reason: table.lookup(_NUMBER.pack(reason)) or b"" for reason in Reason}
        return {reason: counter_of(table.per_cpu(value)) for reason, value in raw.items()}

    def flows(self, limit: int) -> list[Flow]:
        """Return the ``limit`` flow directions seen last, newest first, of both families."""
        seen: list[tuple[int, bytes, list[bytes]]] = []
        for name in ("flows_ipv4", "flows_ipv6"):
            table = self._map(name)
            for key, value in table.items():
                stats = table.per_cpu(value)
                seen.append((max(FLOW_STATS.unpack(raw)[_LAST_SEEN] for raw in stats), key, stats))
        return [flow_of(key, stats) for _, key, stats in heapq.nlargest(limit, seen)]

    def events(self) -> DropEvents:
        """Return a reader of sampled drops; the caller closes it."""
        return DropEvents(self._map("events"))

    def watch_drops(self, seconds: float, most: int, origins: Iterable[str]) -> list[EarlyDrop]:
        """Return sampled drops of the next ``seconds`` for one caller at a time; ``origins`` name rules."""
        names = {rule_number(origin): origin for origin in origins}
        with self._watching, self.events() as events:
            found = events.gather(seconds, most)
            now_s = time.monotonic()
        return [
            EarlyDrop(
                age_s=max(now_s - one.time_s, 0.0),
                device=bpf_attach.device(one.ifindex),
                vlan_id=one.vlan_id,
                reason=one.reason.name.lower(),
                origin=names.get(one.rule),
                source=one.source,
                destination=one.destination,
                bytes=one.bytes,
            )
            for one in found
        ]

    # -- interfaces

    def attach(self, ifname: str, mode: str | None = None) -> Attachment:
        """Attach to ``ifname``: native and else generic, or in a ``Mode`` alone; the result says which.

        Raises KernelError where a program of someone else runs; that one is left alone.
        """
        with self._program() as program:
            attachment = bpf_attach.attach(ifname, program, Mode(mode) if mode else None)
        self._reasons[ifname] = attachment.reason
        return attachment

    def detach(self, ifname: str) -> bool:
        """Take the program off ``ifname``; returns whether it was there."""
        self._reasons.pop(ifname, None)
        with self._program() as program:
            return bpf_attach.detach(ifname, program)

    def attachments(self) -> tuple[Attachment, ...]:
        """Return where our program runs, with the reason for the mode where this process attached it."""
        with self._program() as program:
            return tuple(self._with_reason(each) for each in bpf_attach.attachments(program))

    def _with_reason(self, found: Attachment) -> Attachment:
        reason = self._reasons.get(found.ifname, "") if found.mode is Mode.GENERIC else ""
        return Attachment(found.ifname, found.mode, found.program_id, reason, found.strips_vlan)
