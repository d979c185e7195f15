# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that the kernel tracks: which a filter means, which a policy forbids, and the settings. Pure.

The caller reads and writes the kernel.
"""
