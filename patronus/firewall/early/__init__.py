# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP drops before nftables sees it, and nothing that nftables would let pass.

``drops`` says which rules may, ``table`` makes what XDP looks up, ``limits`` says what sources may send, all
pure; ``plane`` brings it in, with a kernel that is handed in (``xdp``). XDP only accelerates: no fault here
fails a change.
"""
