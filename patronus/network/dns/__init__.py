# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS server: local names, a cache, and a forwarder (RFC 1034, 1035, 2308, 6891, 8767).

``model``, ``check`` and ``plan`` turn the configuration into ``config``, what the server process is told;
``wire``, ``zone``, ``blocklist`` and ``upstream`` are pure; ``cache`` holds and persists answers; ``server``
is the process, which imports neither pydantic nor any other feature; ``service`` is the feature in patronusd.
Never here: opening a privileged socket in the server, parsing a cached answer again.
"""
