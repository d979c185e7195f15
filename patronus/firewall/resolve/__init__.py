# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration, links and openings to the policy: names become addresses, numbers and kernel names. Pure.

``configuration`` makes the policy of ``names``, ``rules``, ``schedule`` and ``nat``. Imports models, sources
and the plans of network; knows no data plane.
"""
