# SPDX-License-Identifier: GPL-2.0-or-later
"""Our one table: as values, as commands of libnftables, as it stands in the kernel and is read back.

``ruleset`` are the values, ``statements`` the words, ``commands`` the way from one ruleset to the next,
``chain_diff`` and ``sets`` the least of it; ``read_back`` compares and ``standing`` remembers. Knows no
policy and no configuration; the kernel is handed in.
"""
