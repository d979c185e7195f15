# SPDX-License-Identifier: GPL-2.0-or-later
"""Passwords: what may be one, its Argon2id hash, and the child process that pays for computing it.

``hash`` is pure; ``server`` is the child, ``service`` its only caller. Never stores or logs a password.
"""
