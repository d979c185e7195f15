# SPDX-License-Identifier: GPL-2.0-or-later
"""The router's face in a browser: pages, and the REST interface below /api/v1.

May import Flask, segno, patronus.client and patronus.core; no other room. Decides nothing: every request asks
the daemon, with the visitor's session token, and shows the answer. A web process that is broken into can do
nothing without such a token, and stores none. Nothing is loaded from another host.
"""
