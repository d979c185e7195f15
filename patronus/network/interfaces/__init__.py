# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and routes: which NIC plays which role, and what stands on it.

Others import ``plan.InterfacesPlan`` (and ``learned.Learned``) from here, and the section's model. Pure but
for ``service``. Nothing else in Patronus touches a link; nothing here touches the firewall.
"""
