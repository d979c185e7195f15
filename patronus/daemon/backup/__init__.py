# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups: configuration, secrets and leases in one encrypted file, and back, here or on another router.

``contents`` (what is in the file) and ``mapping`` (roles to network cards) are pure; ``keeper`` does it,
``undo`` gives secrets back when a restore is not confirmed, ``verbs`` are what the faces call. Accounts stay
with the device: whoever restores must still be able to log in.
"""
