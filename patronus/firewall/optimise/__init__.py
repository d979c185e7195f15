# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy to one that says the same with less. Pure: imports policy and model, nothing of a back end.

Every stage keeps the meaning of first match: what ``verdict`` says of a packet, and which rule decides, is
the same before and after, so each rule's counter is what it was.
"""
