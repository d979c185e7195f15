# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy to a ruleset of nftables. Pure: imports policy, optimise and the values of ``table``.

``nft`` is the whole table; ``match`` one rule, ``fold`` long lists, ``guards`` and ``nat`` their chains. A
rule of the ruleset carries the id of what it came from; text that a person wrote never gets into an
expression.
"""
