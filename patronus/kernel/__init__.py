# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine room: the only place that speaks to the kernel, systemd and other processes.

Holds one adapter per subject (netlink, nft, bpf, units, process, clock). May import core, and the libraries
pyroute2, nftables and libbpf, which no one else may.
Decides nothing: an adapter does what a plan says and translates what goes wrong to ``KernelError``.
"""
