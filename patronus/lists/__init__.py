# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of others: addresses for the firewall, names for DNS; brought in over https, the last good kept.

``python3 -m patronus.lists`` is one run in a process of its own (``patronus-lists.service``): a user without
rights that has the network and the folder of the lists. It is handed what to bring in, and knows no
configuration. ``wanted``, ``content`` and ``addresses`` are pure. Imports core and the kernel's https.
"""
