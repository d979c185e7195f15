# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole table as one transaction in the words of nft(8), for a kernel that has none of it yet. Pure."""

from __future__ import annotations

import json

from patronus.core.head_start import Line
from patronus.firewall.table.commands import batch, whole
from patronus.firewall.table.ruleset import Ruleset


def script(ruleset: Ruleset) -> Line:
    """Return the transaction; the lockdown stays, for who loads it to end."""
    return Line("nft", json.dumps(batch(whole(ruleset)), default=list))
