# SPDX-License-Identifier: GPL-2.0-or-later
"""Shapers: one number each way keeps the queues in the router, where they are fair and short.

Section, checks, the queues that a shaper is made of, what differs from the kernel's, and the verbs.
Pure but for ``service``.
"""
