# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes that other routers tell: BGP, OSPF and OSPFv3, spoken by FRR, configured from ``network/routing``.

What the files say becomes a plan, the plan the daemons' configuration (``render``), and what differs from
what a daemon runs becomes commands for it (``difference``), so that a session whose lines stay stays as well.
Pure but for ``service`` and ``server``; the daemons are reached through ``kernel.vty``.
"""
