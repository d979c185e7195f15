# SPDX-License-Identifier: GPL-2.0-or-later
"""The DHCP server for IPv4 (RFC 2131, 2132): pools and reservations in, leases out.

``model``, ``check`` and ``plan`` turn the configuration into ``config``, what the server process is told;
``codec`` and ``machine`` are the protocol, pure; ``leases`` is the server's database; ``server`` is the
process, which imports neither pydantic nor any other feature; ``service`` is the feature inside patronusd.
Never here: opening a privileged socket in the server, or reading the server's database in patronusd.
"""
