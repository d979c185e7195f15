# SPDX-License-Identifier: GPL-2.0-or-later
"""Several ways to the world: which of them are well, which are taken, and what each becomes in the kernel.

The routes, tables and rules are applied by ``network/routing``, whose feature also holds the watch. Pure but
for ``server``.
"""
