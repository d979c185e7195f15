# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that fetches the configuration's git repository: own user, no capability, runs and ends.

Reaches the daemon through ``patronus.client`` and nothing else, by verbs that only its user may call; may
import core for errors. Decides nothing: whether a commit is applied, and stays, is the daemon's to say. What
it fetches is hostile until its signature is checked; its clone is a cache that can be thrown away.
"""
