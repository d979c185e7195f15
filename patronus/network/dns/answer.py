# SPDX-License-Identifier: GPL-2.0-or-later
"""An answer kept as bytes: a client gets it with its own id, flags, case of the question, and TTLs. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from patronus.network.dns.wire import HEADER, Flag, Query, RecordSpan, Response, Type, opt_record

_TTL = struct.Struct("!I")
STALE_TTL_S = 30
"""RFC 8767 section 4."""
LONGEST_TTL_S = 86400
"""No answer is believed longer: RFC 8767 section 4 advises a cap of days to weeks, and a day serves us."""


class Answer:
    """The part of a response that follows the question, and where its TTLs are.

    ``stored_s`` and ``asked_again_s`` (when a new one was asked for) are monotonic; ``ttl_s`` is the smallest
    TTL; ``epoch`` is the resolver's when it last found that the answer may be given. Compression pointers
    hold, because the question in front always has the same length.
    """

    __slots__ = (
        "_patched",
        "_patched_elapsed_s",
        "asked_again_s",
        "body",
        "counts",
        "epoch",
        "flags",
        "retry_s",
        "stored_s",
        "ttl_offsets",
        "ttl_s",
        "used",
    )

    def __init__(
        self,
        flags: int,
        counts: tuple[int, int, int],
        body: bytes,
        ttl_offsets: Sequence[int],
        ttl_s: int,
        stored_s: float,
    ) -> None:
        self.flags = flags
        self.counts = counts
        self.body = body
        self.ttl_offsets = tuple(ttl_offsets)
        self.ttl_s = ttl_s
        self.stored_s = stored_s
        self.used = False
        self.epoch = -1
        self.retry_s = 0.0
        self.asked_again_s = 0.0
        self._patched = body
        self._patched_elapsed_s = 0

    @property
    def end_s(self) -> float:
        """Return the monotonic time at which the answer ends."""
        return self.stored_s + self.ttl_s

    def nearly_over(self, now_s: float) -> bool:
        """Return whether no more than a tenth of its life is left."""
        return self.end_s - now_s <= self.ttl_s / 10

    def reply(self, query: Query, now_s: float, limit: int) -> bytes:
        """Return the client's message, truncated where it is longer than ``limit`` (RFC 2181 section 9)."""
        elapsed_s = int(now_s - self.stored_s)
        if elapsed_s != self._patched_elapsed_s:
            self._patch(elapsed_s)
        flags = Flag.QR | Flag.RA | self.flags | query.flags & (Flag.RD | Flag.CD)
        tail = opt_record(dnssec_ok=query.dnssec_ok, cookie=query.cookie) if query.edns else b""
        size = 12 + len(query.question) + len(self._patched) + len(tail)
        if size > limit:
            header = HEADER.pack(query.id, flags | Flag.TC, 1, 0, 0, len(tail) and 1)
            return header + query.question + tail
        answers, authorities, extras = self.counts
        header = HEADER.pack(query.id, flags, 1, answers, authorities, extras + (len(tail) and 1))
        return header + query.question + self._patched + tail

    def _patch(self, elapsed_s: int) -> None:
        """Count the TTLs down, once a second at most; an answer past its end has a short one."""
        patched = bytearray(self.body)
        for offset in self.ttl_offsets:
            left_s = min(_TTL.unpack_from(self.body, offset)[0], LONGEST_TTL_S) - elapsed_s
            _TTL.pack_into(patched, offset, max(left_s, 0) if self.ttl_s > elapsed_s else STALE_TTL_S)
        self._patched = bytes(patched)
        self._patched_elapsed_s = elapsed_s


def from_response(response: Response, now_s: float) -> Answer:
    """Return what upstream sent as an answer; ``ttl_s`` is 0 where it must not be kept.

    Its AD bit is dropped: the path to upstream is not one to trust (RFC 6840 section 5.9).
    """
    start, end = response.question_end, len(response.data)
    extras = response.extras
    if response.opt is not None:
        if response.opt.end == end:
            end = response.opt.start
        else:  # Pointers into what follows would break; a stub needs no additional record.
            first = min(span.start for span in (*response.extras, response.opt))
            extras, end = (), first
    spans = (*response.answers, *response.authorities, *extras)
    return Answer(
        flags=response.flags & 15,
        counts=(len(response.answers), len(response.authorities), len(extras)),
        body=response.data[start:end],
        ttl_offsets=[span.ttl_at - start for span in spans],
        ttl_s=_lifetime_s(response),
        stored_s=now_s,
    )


def _lifetime_s(response: Response) -> int:
    """Return how long the answer lives: the least TTL; a negative one's is the SOA's (RFC 2308 section 5)."""
    if response.flags & Flag.TC or response.rcode not in {0, 3}:
        return 0
    ttls = [_ttl_s(span) for span in response.answers]
    negative = response.rcode == 3 or all(span.rtype == Type.CNAME for span in response.answers)
    if negative:
        soas = [span for span in response.authorities if span.rtype == Type.SOA]
        if not soas:
            return 0
        minimum = _TTL.unpack_from(response.data, soas[0].end - 4)[0] if _long_enough(soas[0]) else 0
        ttls += [_ttl_s(soas[0]), minimum]
    return min(*ttls, LONGEST_TTL_S)


def _long_enough(soa: RecordSpan) -> bool:
    """Return whether the data holds two names and five numbers (RFC 1035 section 3.3.13)."""
    return soa.end - soa.data_at >= 22


def _ttl_s(span: RecordSpan) -> int:
    """Return the TTL; one with the top bit set counts as 0 (RFC 2181 section 8)."""
    return span.ttl if span.ttl < 0x80000000 else 0
