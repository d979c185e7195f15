# SPDX-License-Identifier: GPL-2.0-or-later
"""What one file alone cannot show, as problems with their places. Pure: imports models, resolve and judge.

``configuration`` goes through the whole; ``known`` are the names that anything may use. Nothing is decided
here about packets, and nothing is changed.
"""
