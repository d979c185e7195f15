# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of others that read a file of ours when they start, each in a unit of its own."""
