# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes and policies that people write down: section, checks, which can stand now, and the verbs.

Routes with one way are applied with the links that they stand on, by ``network/interfaces``, which knows in
what order addresses and routes come and go; those with several, and policies, by ``service``. Pure but for
that.
"""
