# SPDX-License-Identifier: GPL-2.0-or-later
"""Which addresses are of which country, from a file that a person supplies. Pure.

One range to a line, ``first,last,DE`` or ``prefix,DE``, quoted or not, both families in one file: the form in
which such files are published as CSV. A country is where its keeper says the addresses are used: that is a
guess, and a good one for most of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from patronus.core.errors import InvalidRequest
from patronus.firewall.addresses import AddressSet, Interval, merged
from patronus.lists.addresses import parse_interval
from patronus.lists.content import MOST

LARGEST = 128 << 20
"""Bytes of the file."""


def read_countries(lines: Iterable[str], wanted: Collection[str], alias: str) -> AddressSet:
    """Return the addresses of some countries. Raises InvalidRequest, which names the line that is none."""
    found: dict[int, list[Interval]] = {4: [], 6: []}
    for number, line in enumerate(lines, 1):
        words = line.replace('"', "").strip().split(",")
        if words[-1] in wanted and len(words) in (2, 3):
            try:
                version, interval = parse_interval("-".join(words[:-1]))
            except ValueError:
                raise InvalidRequest(
                    f"line {number} is neither first,last,country nor prefix,country"
                ) from None
            found[version].append(interval)
    result = AddressSet(merged(found[4]), merged(found[6]), alias, lives=True)
    if len(result.ipv4) + len(result.ipv6) > MOST["addresses"]:
        raise InvalidRequest(f"{', '.join(wanted)} have more than {MOST['addresses']} ranges together")
    return result
