# SPDX-License-Identifier: GPL-2.0-or-later
"""Port mappings that hosts ask for by UPnP, NAT-PMP and PCP; miniupnpd makes them.

Section, checks, what miniupnpd is told, what of its table is shown and ended. Pure but for ``service``.
"""
