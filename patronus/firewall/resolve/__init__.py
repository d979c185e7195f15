# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration, links and openings to the policy: names become addresses, numbers and kernel names. Pure.

``configuration`` makes the policy, ``nat`` its translations. Imports models, sources and the plans of
network; knows no data plane.
"""
