# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands, one file per subject; each lists them in ``COMMANDS``."""
