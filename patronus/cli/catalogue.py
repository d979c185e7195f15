# SPDX-License-Identifier: GPL-2.0-or-later
"""Which module has which command: only the one that is asked for is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from patronus.cli import plugins

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "access": ("token", "session", "totp"),
        "aliases": ("aliases",),
        "audit": ("audit",),
        "backup": ("backup",),
        "clock": ("time",),
        "config": ("config",),
        "connections": ("connections",),
        "dns": ("dns",),
        "dyndns": ("dyndns",),
        "events": ("events", "call"),
        "firewall": ("explain", "trace", "block", "unblock", "blocks", "firewall"),
        "gitops": ("gitops",),
        "install": ("install",),
        "lists": ("lists",),
        "logs": ("logging",),
        "mappings": ("mappings",),
        "mdns": ("mdns",),
        "nat": ("nat",),
        "nat64": ("nat64",),
        "network": ("interfaces", "leases", "reserve"),
        "people": ("user", "role"),
        "pools": ("pools",),
        "protection": ("protection",),
        "qos": ("qos",),
        "routes": ("routes",),
        "routing": ("routing",),
        "rules": ("rules",),
        "secret": ("secret",),
        "system": ("status", "doctor", "attest", "reboot", "power-off", "factory-reset"),
        "update": ("update",),
        "uplinks": ("uplinks",),
        "zones": ("zones",),
    }
)
"""Module of ``patronus.cli.commands`` → the names of its ``COMMANDS``."""
_PLACES = {name: module for module, names in MODULES.items() for name in names}


class Commands(click.Group):
    """Our own commands, and after them those of plugins; ours are never hidden by one of the same name."""

    def invoke(self, ctx: click.Context) -> None:
        """Run a command. What it returns is not how it ended: click.exceptions.Exit says that."""
        super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *_PLACES, *plugins.found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loaded when it is asked for."""
        if (known := super().get_command(ctx, cmd_name)) is not None:
            return known
        if (module := _PLACES.get(cmd_name)) is not None:
            for command in import_module(f"patronus.cli.commands.{module}").COMMANDS:
                self.add_command(command)
            return self.commands[cmd_name]
        point = plugins.found().get(cmd_name)
        return None if point is None else plugins.load(point)
