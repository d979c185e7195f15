# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked of the firewall, one file for each topic; ``forms`` are the parameters and results.

Each edit of a file is taken through the engine. Only ``service`` imports these; nothing here touches the
kernel but through what is handed in.
"""
