# SPDX-License-Identifier: GPL-2.0-or-later
"""What the process that tells is handed of an entry. Pure."""

from __future__ import annotations

from base64 import b64decode

from patronus.core.errors import InvalidRequest
from patronus.dyndns.task import Dyndns2, Rfc2136, Telling, Template
from patronus.network.dyndns.model import Rfc2136 as Asked
from patronus.network.dyndns.plan import Standing
from patronus.network.dyndns.record import Record

LONGEST = 1024
"""Characters of a password."""


def telling_of(standing: Standing, password: str | None, record: Record | None, *, must: bool) -> Telling:
    """Return what to tell; ``must``: even where the outside address is the one that the provider has.

    Raises InvalidRequest where the password is of no use there.
    """
    entry = standing.entry
    bare = Telling(
        id=entry.id,
        hostnames=entry.hostnames,
        way=standing.way,
        ipv4=standing.ipv4,
        ipv6=standing.ipv6,
        ask=entry.address_from if standing.asks else None,
        ask_ca=entry.address_from_ca,
        known=None if must or record is None else record.known,
    )
    if entry.dyndns2 is not None:
        how = entry.dyndns2
        told = Dyndns2(server=how.server, user=how.user, password=password or "", ca=how.ca)
        return bare.model_copy(update={"dyndns2": told})
    if entry.rfc2136 is not None:
        return bare.model_copy(update={"rfc2136": _update_of(entry.rfc2136, password or "")})
    assert entry.url is not None
    page = entry.url
    template = Template(
        address=page.address, user=page.user, password=password, expect=page.expect, ca=page.ca
    )
    return bare.model_copy(update={"url": template})


def _update_of(how: Asked, secret: str) -> Rfc2136:
    """Return how a name server is updated. Raises InvalidRequest where the secret is no key."""
    try:
        usable = bool(b64decode(secret, validate=True))
    except ValueError:
        usable = False
    if not usable:
        raise InvalidRequest(f"the secret {how.secret.secret} is not a key in base64")
    return Rfc2136(
        server=how.server, port=how.port, zone=how.zone, key=how.key, algorithm=how.algorithm,
        secret=secret, ttl=how.ttl,
    )  # fmt: skip


def password_in(secret: bytes, name: str) -> str:
    """Return a secret as a password. Raises InvalidRequest, which says nothing of it but its name."""
    try:
        text = secret.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise InvalidRequest(f"the secret {name} is not text") from None
    if not text or len(text) > LONGEST or not text.isprintable():
        raise InvalidRequest(f"the secret {name} is not one line of printable text")
    return text
