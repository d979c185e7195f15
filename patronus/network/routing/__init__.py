# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes that people write down: section, checks, which of them can stand now, and the verbs.

The routes are applied with the links that they stand on, by ``network/interfaces``, which knows in what order
addresses and routes come and go. Pure but for ``service``.
"""
