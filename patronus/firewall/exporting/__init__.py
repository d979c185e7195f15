# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy in the words of another firewall: written for somebody else, never applied here. Pure.

What cannot be said is left out and named.
"""
