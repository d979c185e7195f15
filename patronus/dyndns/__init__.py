# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells providers of outside names (DynDNS) which address this router has: one run in a process of its own.

``python3 -m patronus.dyndns`` is started by patronusd (``patronus-dyndns.service``) as a user without rights
that has the network and nothing else. It is handed what to tell, passwords among it, and knows no
configuration; when to tell is patronusd's affair. ``answers`` and ``spelling`` are pure. Imports core and
kernel.
"""
