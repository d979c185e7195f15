# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: one file of commands per subject, and what they share to show results.

Reaches the daemon through ``patronus.client`` and nothing else; may import core for errors and values.
Decides nothing: what a user may do is the daemon's to say.
"""
