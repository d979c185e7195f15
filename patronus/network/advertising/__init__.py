# SPDX-License-Identifier: GPL-2.0-or-later
"""Router advertisements: what the hosts of a network are told about IPv6, so that they number themselves.

The file that says which networks are told is that of the interfaces; there is no section here. Pure but for
``service`` and ``server``. Nothing here touches a link or an address.
"""
