# SPDX-License-Identifier: GPL-2.0-or-later
"""DHCPv6 for hosts (RFC 8415): addresses and settings for those that do not number themselves alone.

The section is ``network/dhcp``, the process that of ``patronus.network.dhcp``, so are the laws: ``model``,
``check`` and ``plan`` turn configuration into ``config``; ``codec``, ``choice`` and ``machine`` are the
protocol, pure; ``server`` is what the process does for IPv6, without pydantic; ``service`` opens its sockets.
"""
