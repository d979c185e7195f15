# SPDX-License-Identifier: GPL-2.0-or-later
"""Which leases of a backup are taken in: whoever has an address here keeps it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from patronus.network.dhcp.lease import Lease, Table


def taken_over(given: Iterable[Lease], here: Iterable[Lease], now_s: float) -> list[Lease]:
    """Return those that have not ended and whose client and address have none here, nor one another's."""
    taken = Table(lease for lease in here if lease.held(now_s))
    news = []
    for lease in given:
        known = taken.of_client(lease.network, lease.client) or taken.at(lease.network, lease.address)
        if lease.active(now_s) and known is None:
            taken.put(lease)
            news.append(lease)
    return news
