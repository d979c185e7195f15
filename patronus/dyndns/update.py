# SPDX-License-Identifier: GPL-2.0-or-later
"""Updates of a name server (RFC 2136) that are signed, and whose answers are (TSIG, RFC 8945). Pure.

An answer that is not signed by the key says nothing, but why there is none that is.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patronus.core.link import IpAddress

ALGORITHMS: Mapping[str, str] = {
    f"hmac-{name}": name for name in ("sha256", "sha384", "sha512", "sha224", "sha1")
}
"""RFC 8945 section 6."""
FUDGE_S = 300
"""Seconds by which the two clocks may differ (RFC 8945 section 10)."""
RCODES: Mapping[int, str] = {
    1: "the name server does not understand the update",
    2: "the name server has a fault",
    4: "the name server takes no updates",
    5: "the name server does not let this key change the name",
    9: "the name server does not hold the zone, or does not accept the key",
    10: "the name is not in the zone",
}
ERRORS: Mapping[int, str] = {
    16: "the key is not the one that the name server has",
    17: "the name server knows no key of that name and algorithm",
    18: "the clock of this router and that of the name server differ",
}
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_SIGNED = struct.Struct("!HIH")
_TAIL = struct.Struct("!HHH")
_UPDATE, _ANSWER, _KINDS = 5 << 11, 0x8000, 0x7800
_IN, _ANY = 1, 255
_SOA, _TSIG = 6, 250
_TYPES = {4: 1, 6: 28}
_FARTHEST = 16
"""Pointers that a name is followed through (RFC 1035 section 4.1.4)."""


class Unsigned(ValueError):
    """An answer that the key does not stand for, or that is none."""


@dataclass(frozen=True)
class Key:
    """A key that both ends have, by its name and algorithm."""

    name: str
    algorithm: str
    secret: bytes

    def mac(self, *parts: bytes) -> bytes:
        """Return the code of some words."""
        return hmac.digest(self.secret, b"".join(parts), ALGORITHMS[self.algorithm])

    def variables(self, signed_s: int, fudge_s: int, tail: bytes) -> bytes:
        """Return what is signed along with a message (RFC 8945 section 4.3.3)."""
        whose = spelt(self.name) + struct.pack("!HI", _ANY, 0) + spelt(self.algorithm)
        return whose + _time(signed_s, fudge_s) + tail


@dataclass(frozen=True)
class Request:
    """A message to send, and what its answer must be about."""

    message: bytes
    number: int
    mac: bytes


def request(
    key: Key,
    zone: str,
    names: Iterable[str],
    addresses: Iterable[IpAddress],
    ttl_s: int,
    number: int,
    now_s: int,
) -> Request:
    """Return a signed update that puts addresses in the place of those of their family that names have."""
    told = list(addresses)
    changes = [change for name in names for one in told for change in _changes(name, one, ttl_s)]
    header = _HEADER.pack(number, _UPDATE, 1, 0, len(changes), 0)
    bare = header + spelt(zone) + struct.pack("!HH", _SOA, _IN) + b"".join(changes)
    mac = key.mac(bare, key.variables(now_s, FUDGE_S, struct.pack("!HH", 0, 0)))
    data = spelt(key.algorithm) + _time(now_s, FUDGE_S) + struct.pack("!H", len(mac)) + mac
    data += _TAIL.pack(number, 0, 0)
    signature = spelt(key.name) + _RECORD.pack(_TSIG, _ANY, 0, len(data)) + data
    return Request(_HEADER.pack(number, _UPDATE, 1, 0, len(changes), 1) + bare[12:] + signature, number, mac)


def _changes(name: str, address: IpAddress, ttl_s: int) -> tuple[bytes, bytes]:
    """Return what takes the addresses of a family away, and what puts one there (section 2.5)."""
    kind, data = _TYPES[address.version], address.packed
    gone = spelt(name) + _RECORD.pack(kind, _ANY, 0, 0)
    return gone, spelt(name) + _RECORD.pack(kind, _IN, ttl_s, len(data)) + data


def refusal(answer: bytes, asked: Request, key: Key, now_s: int) -> str | None:
    """Return why a name server did not do it, None where it did. Raises Unsigned."""
    try:
        return _refusal(answer, asked, key, now_s)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise Unsigned("the name server's answer is no DNS message") from None


def _refusal(answer: bytes, asked: Request, key: Key, now_s: int) -> str | None:
    number, flags, questions, *counts = _HEADER.unpack_from(answer)
    if number != asked.number or not flags & _ANSWER or flags & _KINDS != _UPDATE:
        raise Unsigned("the name server answers something else")
    code = flags & 0xF
    place = _last_record(answer, questions, counts)
    name, at = _name(answer, place) if place is not None else ("", 0)
    kind, _, _, length = _RECORD.unpack_from(answer, at) if place is not None else (0, 0, 0, 0)
    if place is None or kind != _TSIG:
        raise Unsigned(RCODES.get(code, "its answer is not signed") if code else "its answer is not signed")
    data = answer[at + _RECORD.size : at + _RECORD.size + length]
    algorithm, at = _name(data, 0)
    high, low, fudge_s = _SIGNED.unpack_from(data, at)
    (size,) = struct.unpack_from("!H", data, at + 8)
    mac, tail = data[at + 10 : at + 10 + size], data[at + 10 + size :]
    original, error, _ = _TAIL.unpack_from(tail)
    if not mac and error:
        raise Unsigned(ERRORS.get(error, f"the name server refuses the signature ({error})"))
    bare = _HEADER.pack(original, flags, questions, *counts[:2], counts[2] - 1) + answer[12:place]
    signed_s = high << 32 | low
    wanted = key.mac(
        struct.pack("!H", len(asked.mac)), asked.mac, bare, key.variables(signed_s, fudge_s, tail[2:])
    )
    if (name, algorithm) != (key.name, key.algorithm) or not hmac.compare_digest(mac, wanted):
        raise Unsigned("its answer is not signed by the key")
    if error:
        return ERRORS.get(error, f"the name server refuses the signature ({error})")
    if abs(signed_s - now_s) > fudge_s:
        raise Unsigned("its answer is of another time")
    return RCODES.get(code, f"the name server refuses ({code})") if code else None


def _last_record(message: bytes, questions: int, counts: Iterable[int]) -> int | None:
    """Return where the last record begins, None where there is none. Raises IndexError."""
    at, place = _HEADER.size, None
    for _ in range(questions):
        at = _name(message, at)[1] + 4
    for _ in range(sum(counts)):
        place = at
        at = _name(message, at)[1]
        at += _RECORD.size + _RECORD.unpack_from(message, at)[3]
    if at != len(message):
        raise IndexError(at)
    return place


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Return a name in lower case, and where what follows it begins. Raises IndexError."""
    labels: list[str] = []
    behind: int | None = None
    for _ in range(_FARTHEST + 128):
        length = message[at]
        if length >= 0xC0:
            behind = at + 2 if behind is None else behind
            at = (length & 0x3F) << 8 | message[at + 1]
            continue
        at += 1
        if not length:
            return ".".join(labels).lower(), at if behind is None else behind
        labels.append(message[at : at + length].decode("ascii"))
        at += length
    raise IndexError(at)


def spelt(name: str) -> bytes:
    """Return a name as messages have it, without compression."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def _time(signed_s: int, fudge_s: int) -> bytes:
    """Return a time of 48 bits, and by how much it may be off."""
    return _SIGNED.pack(signed_s >> 32, signed_s & 0xFFFFFFFF, fudge_s)
