# SPDX-License-Identifier: GPL-2.0-or-later
"""Wake-on-LAN for Patronus: an example of a plugin, small and of use.

``model`` and ``plan`` are pure; ``service`` runs inside patronusd, ``page`` inside the web server and
``command`` inside the command line. The three processes share nothing but the verbs.
"""
