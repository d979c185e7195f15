# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of others as the daemon sees them: which the configuration wants, when each is due, how it stands.

The work is done by ``patronus.lists`` in a process of its own. Nothing here reads what a server has sent.
"""
