# SPDX-License-Identifier: GPL-2.0-or-later
"""What the process that tells is handed of an entry. Pure."""

from __future__ import annotations

from patronus.core.errors import InvalidRequest
from patronus.dyndns.task import Dyndns2, Telling, Template
from patronus.network.dyndns.plan import Standing
from patronus.network.dyndns.record import Record

LONGEST = 1024
"""Characters of a password."""


def telling_of(standing: Standing, password: str | None, record: Record | None, *, must: bool) -> Telling:
    """Return what to tell; ``must``: even where the outside address is the one that the provider has."""
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
    assert entry.url is not None
    page = entry.url
    template = Template(
        address=page.address, user=page.user, password=password, expect=page.expect, ca=page.ca
    )
    return bare.model_copy(update={"url": template})


def password_in(secret: bytes, name: str) -> str:
    """Return a secret as a password. Raises InvalidRequest, which says nothing of it but its name."""
    try:
        text = secret.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise InvalidRequest(f"the secret {name} is not text") from None
    if not text or len(text) > LONGEST or not text.isprintable():
        raise InvalidRequest(f"the secret {name} is not one line of printable text")
    return text
