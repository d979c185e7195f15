# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd: wires the rooms together, decides who may do what, and serves the verbs.

May import every floor below it. Holds no feature's logic: what it knows of a feature is its contract.
``wiring`` is the only place that names the features, in their order.
"""
