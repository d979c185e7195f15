# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus status``, ``doctor``, ``attest``, ``reboot``, ``power-off`` and ``factory-reset``."""

from __future__ import annotations

import json
from typing import Any

import click

from patronus.cli.session import Session, with_session

MIB = 1 << 20


@click.command()
@with_session
def status(session: Session) -> None:
    """Say what runs on this router, and whether it is as planned."""
    result = {
        "system": session.call("system.Status"),
        "interfaces": session.call("interfaces.List")["interfaces"],
        "pending": session.call("config.Pending"),
        "differences": session.call("config.Doctor")["differences"],
    }
    session.show(result, lambda: _render(session, result))


def _render(session: Session, result: dict[str, Any]) -> None:
    system, pending = result["system"], result["pending"]
    used = system["memory"]["total_bytes"] - system["memory"]["available_bytes"]
    session.say(
        f"{system['hostname']}: Patronus {system['image_version']} ({system['image_profile']}), "
        f"Linux {system['kernel']}, up {_span(system['uptime_s'])}"
    )
    session.say(
        f"load {system['load']:.2f}, {used // MIB} of {system['memory']['total_bytes'] // MIB} MiB in use"
    )
    session.say(f"generation {system['generation']} runs" + _pending(pending))
    session.say(_clock(system["time"]))
    heads = ("interface", "zone", "device", "link", "addresses")
    rows = [
        (item["id"], item["zone"], item["device"], "up" if item["carrier"] else "down", item["addresses"])
        for item in result["interfaces"]
    ]
    session.table(heads, rows, "No interfaces are configured.")
    for notice in system["notices"]:
        session.say(f"note: {notice}")
    for item in result["differences"]:
        session.say(f"not as planned: {item['what']}: wanted {item['wanted']}, found {item['found']}")


@click.command()
@with_session
def doctor(session: Session) -> None:
    """Read the kernel back and compare it with the plan; the exit code is 1 where they differ.

    Example: patronus doctor
    """
    result = session.call("config.Doctor")
    session.show(result, lambda: _say_differences(session, result["differences"]))
    if result["differences"]:
        raise SystemExit(1)


def _say_differences(session: Session, differences: list[dict[str, str]]) -> None:
    for item in differences:
        session.say(f"{item['what']}: wanted {item['wanted']}, found {item['found']}")
    if not differences:
        session.say("All is as planned.")


def _pending(pending: dict[str, Any]) -> str:
    if pending["generation"] is None:
        return ", confirmed"
    return f"; reverts in {pending['remaining_s']:.0f} s unless you run: patronus config confirm"


def _clock(time: dict[str, Any]) -> str:
    servers = ", ".join(time["servers"]) or "no server is known"
    hosts = f"; hosts of {', '.join(time['serves'])} may ask" if time["serves"] else ""
    return f"the clock is {'' if time['synchronised'] else 'not '}synchronised ({servers}{hosts})"


def _span(seconds: float) -> str:
    minutes, hours, days = int(seconds) // 60, int(seconds) // 3600, int(seconds) // 86400
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min"


@click.command()
@click.option("--nonce", help="A word of your own that the answer repeats, so that it cannot be an old one.")
@with_session
def attest(session: Session, nonce: str | None) -> None:
    """Say what this router runs and how it was started, signed by its own key.

    Example: patronus --json attest --nonce 5f3a >attestation.json
    """
    result = session.call("system.Attest", nonce=nonce)
    session.show(result, lambda: _say_attestation(session, result))


def _say_attestation(session: Session, result: dict[str, Any]) -> None:
    for name, value in json.loads(result["statement"]).items():
        session.say(f"{name}: {'not known' if value is None else value}")
    session.say(f"signature: {result['signature']}")
    session.say(result["key"].strip())


@click.command()
@click.confirmation_option(prompt="Restart the router now?")
@with_session
def reboot(session: Session) -> None:
    """Restart the router."""
    session.call("system.Reboot")


@click.command(name="power-off")
@click.confirmation_option(prompt="Switch the router off now?")
@with_session
def power_off(session: Session) -> None:
    """Switch the router off."""
    session.call("system.PowerOff")


@click.command(name="factory-reset")
@click.option("--yes", is_flag=True, help="Do not ask for the router's name.")
@with_session
def factory_reset(session: Session, *, yes: bool) -> None:
    """Restart, and wipe all that this router keeps: configuration, accounts, secrets, leases, history.

    The versions of the system stay. It cannot be undone: make a backup before.

    Example: patronus factory-reset
    """
    name = session.call("system.Status")["hostname"]
    typed = name if yes else click.prompt(f"All that {name} keeps is lost. Type its name to go on")
    session.call("system.FactoryReset", hostname=typed)
    session.say("The router restarts, is wiped, and starts as new. Its console shows a set-up code then.")


COMMANDS = (status, doctor, attest, reboot, power_off, factory_reset)
