# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus events`` and ``patronus call``: the bus as it goes by, and any verb by name."""

from __future__ import annotations

import json

import click

from patronus.cli.session import Session, print_json, with_session


@click.command()
@with_session
def events(session: Session) -> None:
    """Print each event as it happens, until interrupted."""
    for event in session.client.stream("system.Events"):
        if event["event"] is None:  # the daemon says in the silence that it is there
            continue
        fields = " ".join(f"{key}={value}" for key, value in event["event"].items() if key != "kind")
        if session.as_json:
            click.echo(json.dumps(event))
        else:
            session.say(f"{event['number']:>6} {event['event']['kind']} {fields}")


@click.command()
@click.argument("verb", required=False)
@click.argument("parameters", default="{}")
@with_session
def call(session: Session, verb: str | None, parameters: str) -> None:
    """Call any verb with JSON parameters; without a verb, list them all.

    Example: patronus call firewall.Block '{"prefix": "203.0.113.7"}'
    """
    if verb is None:
        verbs = session.client.describe()
        rows = [(item["name"], item["role"], item["route"], item["summary"]) for item in verbs]
        session.show(verbs, lambda: session.table(("verb", "role", "route", "does"), rows, "No verbs."))
        return
    try:
        given = json.loads(parameters)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="PARAMETERS") from error
    if not isinstance(given, dict):
        raise click.BadParameter("a JSON object is wanted", param_hint="PARAMETERS")
    print_json(session.client.call(verb, given))


COMMANDS = (events, call)
