# SPDX-License-Identifier: GPL-2.0-or-later
"""Patronus, the router: configuration files in, kernel state and services out.

Floors, lowest first: core, kernel, secrets, network, firewall, vpn, cni, daemon; ``client`` imports
core alone, and the faces (cli, webui) reach the daemon through it and through nothing else.
"""
