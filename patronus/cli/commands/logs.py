# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus logging``: whether the journal reaches its syslog server."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.session import Session, with_session


@click.command(name="logging")
@with_session
def logging_command(session: Session) -> None:
    """Say whether the logs reach the syslog server that [logging] names, and why not.

    Example: patronus --json logging
    """
    result = session.call("logging.Status")
    session.show(result, lambda: _render(session, result))


def _render(session: Session, result: dict[str, Any]) -> None:
    if result["remote"] is None:
        session.say("The logs stay on this router ([logging] remote in patronus.toml names a server).")
        return
    session.say(f"{result['remote']}: {result['state']}, {result['sent']} entries sent")
    if result["error"]:
        session.say(f"last error: {result['error']}")


COMMANDS = (logging_command,)
