# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that forwards the journal to a syslog server over TLS: own user, no capability.

Reaches the daemon through ``patronus.client`` and nothing else: takes from it where to send, and tells it how
that goes. What cannot be sent stays in the journal; the place reached is kept over restarts.
"""
