# SPDX-License-Identifier: GPL-2.0-or-later
"""PPPoE (RFC 2516): an uplink that dials in over a card or VLAN.

``model`` is its part of an interface; ``plan`` and ``service`` are the feature inside patronusd, which writes
a ``task`` for each uplink; ``server`` is the dialler, one process an uplink, which runs pppd with ``options``
and tells in a ``report`` what became of it, the last of pppd's ``words`` included.
Never here: an option of pppd that a configuration could choose freely, since pppd runs programs as root.
"""
