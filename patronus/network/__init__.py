# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and the services a network needs: interfaces, dhcp, dns.

May import core, kernel and secrets; never the firewall: what must be open is offered as an ``Opening``.
Pure but for the files named ``service`` and ``server`` and the two stores, dhcp/leases and dns/cache.
"""
