# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may speak to whom: zones, rules, address translation, blocklist.

The walk of a change, room by room: ``model`` is the files; ``check`` finds what one file alone cannot show;
``sources`` and ``names`` hold what aliases name that lies elsewhere; ``resolve`` turns configuration and
links into a ``policy`` of plain values; ``optimise`` makes it shorter; ``compile`` turns it into the
``table`` of nftables, and ``early`` into what XDP drops before; ``plan`` is all of it, ``service`` brings
it in. ``judge`` says what the policy does to a packet, ``tracking`` is about open connections,
``importing`` and ``exporting`` about other firewalls, ``verbs`` what can be asked. Only ``service`` touches
the kernel. May import core and the plans of network; never asks the kernel what the configuration means,
nor hands it text that a person wrote.
"""
