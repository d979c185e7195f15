# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes of service that rules give: kept in the connection's mark, written into each packet that leaves.

Rules see the first packet of a connection, and the class is for all of them, both ways. So a rule puts it
into the mark, of which later packets do not get these bits, and behind all rules

postrouting  -150  classes   writes it into the header, before the queues of a shaper look at it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patronus.firewall.addresses import VERSIONS
from patronus.firewall.classes import CLASS_BITS, GIVEN, class_mark
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Chain, Hook, NftRule

LEAVING = Hook("filter", "postrouting", -150, "accept")


def class_chains(classes: Sequence[int]) -> dict[str, Chain]:
    """Return the chain that writes the classes into what leaves; none where no rule gives one."""
    return {"classes": Chain(tuple(_writing(classes)), LEAVING)} if classes else {}


def _writing(classes: Sequence[int]) -> Iterator[NftRule]:
    yield NftRule("classes", (say.match(say.bits_of_connection(GIVEN), 0), say.ACCEPT))
    for dscp in classes:
        found = say.match(say.bits_of_connection(CLASS_BITS), class_mark(dscp).value)
        for version in VERSIONS:
            yield NftRule(
                "classes", (say.version_is(version), found, say.set_class(version, dscp), say.ACCEPT)
            )
