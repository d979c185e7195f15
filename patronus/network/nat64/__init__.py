# SPDX-License-Identifier: GPL-2.0-or-later
"""The translator from hosts that have IPv6 alone to IPv4: tayga, behind a device in a zone of its own.

The device and its routes are those of the interfaces, whose file has the settings. Pure but for ``service``.
"""
