# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus nat64``: whether hosts that have IPv6 alone reach IPv4, and which address each has there."""

from __future__ import annotations

import click

from patronus.cli.session import Session, with_session


@click.command()
@with_session
def nat64(session: Session) -> None:
    """Say how the translator between IPv6 and IPv4 does; the interfaces have its settings.

    Example: patronus nat64
    """
    result = session.call("nat64.Status")

    def render() -> None:
        if result["interface"] is None:
            session.say("There is no translator: an interface with nat64 is one.")
            return
        session.say(f"{result['interface']}: {result['prefix']} leads to IPv4, from {result['pool']}")
        if not result["running"]:
            session.say(f"not now: {result['reason']}")
        rows = [(one["ipv6"], one["ipv4"]) for one in result["hosts"]]
        session.table(("host", "there"), rows, "No host is known of; a new one is within a minute.")

    session.show(result, render)


COMMANDS = (nat64,)
