# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys of a firewall rule as options: one table, from which options and rule are both made.

A key that has no option of its own is given by ``--set``; ``--set KEY=null`` takes any key away. What is
right, the daemon judges.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from patronus.core.typed import number_or_text

F = TypeVar("F", bound=Callable[..., Any])
HELPERS = ("amanda", "ftp", "irc", "pptp", "sane", "sip", "tftp")
PER = ("source", "destination")
REFUSALS = ("tcp-reset", "port-unreachable", "host-unreachable", "no-route", "admin-prohibited")


@dataclass(frozen=True)
class Key:
    """One option. ``at`` is where its value stands in the rule; ``read`` makes the value of the text."""

    flags: tuple[str, ...]
    at: tuple[str, ...]
    help: str
    read: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the option's value in a command's parameters."""
        return "rule_" + "_".join(self.at).replace("-", "_")


def several(text: str) -> Any:
    """Return one value, or a list of those parted by commas; digits are numbers."""
    found = [number_or_text(item) for item in _parts(text)]
    return found[0] if len(found) == 1 else found


def words(text: str) -> list[str]:
    """Return the words parted by commas as a list, also where there is one."""
    return _parts(text)


def _parts(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _is_yes(text: str) -> bool:
    return text == "yes"


KEYS = (
    Key(("--name",), ("name",), "What people call the rule."),
    Key(("--description",), ("description",), "Why it is there."),
    Key(("--group",), ("group",), "Heading under which it is shown."),
    Key(("--tags",), ("tags",), "Words to find it by.", words),
    Key(("--from",), ("from", "zone"), "Zone that the connection comes from."),
    Key(("--mac",), ("from", "mac"), "MAC of the sender."),
    Key(("--interface",), ("interface",), "Interface at which it arrives, in place of --from."),
    Key(("--to",), ("to",), "Zone that it goes to; self is the router."),
    Key(("--source",), ("source",), "Addresses, prefixes, ranges, @aliases.", several),
    Key(("--destination",), ("destination",), "The same for where it goes.", several),
    Key(("--protocol",), ("protocol",), "Names or numbers.", several),
    Key(("--source-port",), ("source_port",), "Source ports, ranges, @aliases.", several),
    Key(("--port", "--destination-port"), ("destination_port",), "Destination ports.", several),
    Key(("--icmp-type",), ("icmp_type",), "ICMP types by name or number.", several),
    Key(("--tcp-flags",), ("tcp_flags",), "Flags: syn,!ack is SYN without ACK.", several),
    Key(("--dscp",), ("dscp",), "Classes of service: ef,af41.", several),
    Key(("--state",), ("state",), "State of the connection: new is what every rule sees.", several),
    Key(("--mark",), ("mark",), "Mark that a rule before has set: 0x10/0xf0."),
    Key(
        ("--action",), ("action",), "What happens to what fits.",
        choices=("allow", "drop", "reject", "queue", "log", "count", "mark", "dscp"),
    ),
    Key(("--reject-with",), ("reject_with",), "What reject tells the sender.", choices=REFUSALS),
    Key(("--queue",), ("queue", "numbers"), "Queue of the action queue: 0, or 0-3.", number_or_text),
    Key(
        ("--queue-bypass",), ("queue", "bypass"), "Goes on while nobody reads the queue.", _is_yes,
        choices=("yes", "no"),
    ),
    Key(
        ("--queue-fanout",), ("queue", "fanout"), "Chooses a queue by the processor.", _is_yes,
        choices=("yes", "no"),
    ),
    Key(("--set-mark",), ("set_mark",), "Mark that the action mark sets."),
    Key(("--set-dscp",), ("set_dscp",), "Class that the action dscp gives: ef.", number_or_text),
    Key(("--helper",), ("helper",), "Reads what is allowed: ftp, sip, tftp, …", choices=HELPERS),
    Key(("--log-rate",), ("log", "rate"), "Log at most so many lines, e.g. 10/s."),
    Key(("--log-burst",), ("log", "burst"), "Log lines beyond that at once.", number_or_text),
    Key(("--log-prefix",), ("log", "prefix"), "A word in each log line, to search for."),
    Key(("--limit",), ("limit", "rate"), "Fits only so often, e.g. 10/s."),
    Key(("--limit-burst",), ("limit", "burst"), "So many more at once.", number_or_text),
    Key(("--limit-per",), ("limit", "per"), "What the rate counts by itself.", choices=PER),
    Key(("--limit-over",), ("limit", "over"), "Fits what exceeds the rate.", _is_yes, choices=("yes", "no")),
    Key(("--connections",), ("connections", "most"), "Fits while so many are open.", number_or_text),
    Key(("--connections-per",), ("connections", "per"), "What is counted by itself.", choices=PER),
    Key(
        ("--connections-over",), ("connections", "over"), "Fits the connections beyond that.", _is_yes,
        choices=("yes", "no"),
    ),
    Key(("--days",), ("schedule", "days"), "Days on which it applies: mon-fri,sun.", words),
    Key(("--time",), ("schedule", "time"), "Time of the day: 08:00-18:00."),
    Key(("--timezone",), ("schedule", "timezone"), "Its time zone; else the router's."),
)  # fmt: skip


def rule_options(command: F) -> F:
    """Give a command an option for each key of a rule; ``rule_of`` makes the rule of what it is given."""
    command = click.option(
        "--set",
        "rule_set",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_assignments,
        help="Any key, the value as JSON or text; null takes it away.",
    )(command)
    log_help = "Write a line for what fits."
    command = click.option("--log/--no-log", "rule_log", default=None, help=log_help)(command)
    for key in reversed(KEYS):
        kind = click.Choice(key.choices) if key.choices else None
        command = click.option(*key.flags, key.name, type=kind, help=key.help)(command)
    return command


def _assignments(
    context: click.Context, parameter: click.Parameter, values: Iterable[str]
) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for value in values:
        key, sign, text = value.partition("=")
        if not sign or not key:
            raise click.BadParameter(f"{value} is not KEY=VALUE", context, parameter)
        try:
            found[tuple(key.split("."))] = json.loads(text)
        except ValueError:
            found[tuple(key.split("."))] = text
    return found


def rule_of(given: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the rule that the options say; with ``old``, what they do not say stays as it was."""
    rule = dict(old or {})
    if given["rule_log"] is not None:
        rule["log"] = (rule.get("log") or True) if given["rule_log"] else False
    for key in KEYS:
        if given[key.name] is not None:
            _put(rule, key.at, key.read(given[key.name]))
    for at, value in given["rule_set"].items():
        _put(rule, at, value)
    return rule


def _put(rule: dict[str, Any], at: tuple[str, ...], value: Any) -> None:
    """Put a value where it stands; a zone alone is written in the place of its mapping."""
    key, *rest = at
    if not rest and value is None:
        rule.pop(key, None)
        return
    if not rest:
        rule[key] = value
        return
    there = rule.get(key)
    inner = dict(there) if isinstance(there, dict) else {"zone": there} if isinstance(there, str) else {}
    _put(inner, tuple(rest), value)
    rule[key] = inner["zone"] if inner.keys() == {"zone"} else inner
