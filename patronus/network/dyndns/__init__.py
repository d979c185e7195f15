# SPDX-License-Identifier: GPL-2.0-or-later
"""Outside names (DynDNS): which lead to this router, and that their providers know its address of now.

Section, checks, plan, what is due and what is known are pure; ``service`` has the telling done by
``patronus.dyndns``, in a process of its own that has the network and nothing else.
"""
