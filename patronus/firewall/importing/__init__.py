# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of another firewall as ours, where the meaning can be kept; what cannot is named by its line. Pure.

``saved`` reads the lines of iptables-save, ``nft`` a ruleset of nftables and ``nft_words`` its rules in the
words of those lines; ``options`` and ``readers`` make a ``condition`` of a line, ``flatten`` follows its
chains to one list in which the first that fits decides, ``translated`` writes that list as our rules
(``kinds`` says kinds of addresses by addresses), ``translations`` as our translations, and ``iptables`` puts
the tables together.
"""
