# SPDX-License-Identifier: GPL-2.0-or-later
"""How network cards work: what they do for the kernel, as the roles in the file of the interfaces ask for it.

A card that lacks something keeps no change from being applied: a warning says what it offers. Pure but for
``service``.
"""
