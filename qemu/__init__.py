# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness: boots the very image that ships, for ``make run`` and for the tests.

Imports the standard library, ``image.host`` and ``image.trees`` (where things lie) alone: ``make run``
needs a bare Python 3.11. Never ``patronus`` nor ``webui``. Reaches inside the router through systemd
credentials and a virtio port, never through anything in the image. Sends traffic to network namespaces that
it made, to loopback, or nowhere.

``machine`` says what a virtual machine is made of (pure); ``vm`` runs it; ``guest`` is a root shell inside;
``topology`` plays the networks around it; ``run`` is what a person starts.
"""
