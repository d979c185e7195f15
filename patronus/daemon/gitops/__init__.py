# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration from a git repository, as patronusd sees it: the section, the judge of each commit.

Fetching is the work of another process, ``patronus.gitops``, which has no right but its own verbs. What it
offers is checked, compared, applied and confirmed here, through the engine, like anybody's change.
"""
