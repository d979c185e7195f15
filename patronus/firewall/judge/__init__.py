# SPDX-License-Identifier: GPL-2.0-or-later
"""The model's own answer to what becomes of a packet, without the kernel; routes are asked of the caller.

``verdict`` judges; ``explain`` says the way that led there; ``expect`` tries what a user expects, on the
router as its files describe it (``blueprint``); ``foresee`` is what a change would mean. Imports no back
end but for the names of chains.
"""
