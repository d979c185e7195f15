# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed updates of the system: what a release is, what refuses it, and the programs that bring it in.

``fetch`` runs as a user of its own with the network and nothing else; ``install`` runs as root without a
network, takes only what the owner's key has signed, and lets systemd-sysupdate write it into the other slot.
patronusd hands both their task in a file (``task``), and reads how far they are from theirs. ``prove`` runs
at each boot that is counted, and lets it complete only where the router is healthy (``health``).
``disk_install`` runs as root without a network and installs the system that runs on another disk (``disk``).

Stands on ``core`` and ``kernel``; knows no feature, no daemon and no face. Nothing here writes to the slot
that runs, and nothing is written anywhere before every refusal that is known has been looked for.
"""
