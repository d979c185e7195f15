# SPDX-License-Identifier: GPL-2.0-or-later
"""Multicast DNS between networks: avahi repeats on each what is said on the others.

Section, checks and what avahi is told. Pure but for ``service``.
"""
