# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may speak to whom: zones, rules, address translation, blocklist.

``model`` is the files; ``check`` finds what one file alone cannot show; ``resolve`` turns configuration and
links into a ``policy`` of plain values; ``compile_nft`` turns that into a ``ruleset`` for nftables, and
``verdict`` says what it does to a packet. Only ``service`` touches the kernel. May import core and the plans
of network; never asks the kernel what the configuration means, nor hands it text that a person wrote.
"""
