# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus explain``, ``trace``, ``block``, ``unblock``, ``blocks`` and what stands below ``firewall``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from patronus.cli.commands.plan import describe_warnings
from patronus.cli.options import SOURCE, DurationType, text_of
from patronus.cli.rule_options import several
from patronus.cli.session import Session, with_session


@click.command()
@click.argument("prefix")
@click.option("--for", "for_s", type=DurationType(), help="Only for this time, e.g. 1h; it ends by itself.")
@click.option("--reason", help="Why; kept beside the block.")
@with_session
def block(session: Session, prefix: str, for_s: int | None, reason: str | None) -> None:
    """Block an address or prefix in every zone, both ways.

    Example: patronus block 203.0.113.0/24 --for 1h --reason scans
    """
    result = session.call("firewall.Block", prefix=prefix, for_s=for_s, reason=reason)
    session.show(result, lambda: _say_with_warnings(session, result, f"{prefix} is blocked."))


@click.command()
@click.argument("prefix")
@with_session
def unblock(session: Session, prefix: str) -> None:
    """End a block, timed or not."""
    result = session.call("firewall.Unblock", prefix=prefix)
    session.show(result, lambda: _say_with_warnings(session, result, f"{prefix} is no longer blocked."))


@click.command()
@with_session
def blocks(session: Session) -> None:
    """List what is blocked, and until when."""
    result = session.call("firewall.ListBlocks")
    rows = [(item["prefix"], item["reason"], _left(item.get("remaining_s"))) for item in result["blocks"]]
    session.show(result, lambda: session.table(("prefix", "reason", "ends in"), rows, "Nothing is blocked."))


def _say_with_warnings(session: Session, result: dict[str, Any], text: str) -> None:
    describe_warnings(session, result)
    session.say(text)


def _left(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds / 60:.0f} min"


@click.group()
def firewall() -> None:
    """Try the firewall's rules, see what XDP does, bring in another's rules, or write ours for it."""


@firewall.command(name="test")
@click.argument("file", required=False, type=SOURCE)
@with_session
def try_expectations(session: Session, file: Path | None) -> None:
    """Say whether the rules that run come to what a file expects; without FILE, to what firewall/tests does.

    Exit code 1 where they do not. Example: patronus firewall test expectations.yaml
    """
    text = {} if file is None else {"text": text_of(file), "suffix": file.suffix.removeprefix(".")}
    result = session.call("firewall.Test", **text)
    session.show(result, lambda: _say_tried(session, result))
    if result["failed"]:
        raise SystemExit(1)


@firewall.command(name="export")
@click.option("--format", "format_", type=click.Choice(["iptables"]), default="iptables", show_default=True)
@click.option("--family", type=click.Choice(["ipv4", "ipv6"]), default="ipv4", show_default=True)
@with_session
def export_rules(session: Session, format_: str, family: str) -> None:
    """Print the rules that run for another firewall; what it has no words for is named on stderr.

    Example: patronus firewall export --format iptables > rules.v4
    """
    result = session.call("firewall.Export", format=format_, family=family)
    for one in result["left"]:
        click.echo(f"left out: {one['origin']}: {one['reason']}", err=True)
    session.show(result, lambda: click.echo(result["text"], nl=False))


@firewall.command(name="import")
@click.argument("file", type=SOURCE)
@click.option(
    "--map", "names", multiple=True, metavar="NAME=ROLE", help="Its interface, and ours or our zone."
)
@with_session
def import_rules(session: Session, file: Path, names: tuple[str, ...]) -> None:
    """Put what iptables-save, ip6tables-save or nft -j list ruleset printed into your draft.

    It comes behind the rules that are there, and nothing is applied. Each line (of nftables: each rule by its
    handle) whose meaning cannot be kept is named with the reason.
    Example: patronus firewall import rules.v4 --map eth0=wan --map eth1=lan; with - for FILE it reads what
    is piped in.
    """
    pairs = [name.partition("=") for name in names]
    if any(not ours for _, _, ours in pairs):
        raise click.UsageError("--map takes NAME=ROLE")
    given = {name: ours for name, _, ours in pairs}
    result = session.call("firewall.Import", text=text_of(file), map=given)
    session.show(result, lambda: _say_imported(session, result))


def _say_imported(session: Session, result: dict[str, Any]) -> None:
    word = "handle" if result["format"] == "nftables" else "line"
    for one in result["left"]:
        session.say(f"{word} {one['line']}: {one['text']}")
        session.say(f"    {one['reason']}")
    describe_warnings(session, result)
    counts = f"{result['rules']} rules and {result['translations']} translations"
    session.say(f"{counts} are in your draft; {len(result['left'])} {word}s are named above.")
    session.say("Look at it: patronus config draft plan")


@firewall.command()
@with_session
def xdp(session: Session) -> None:
    """Show on which network cards XDP stands, in which mode and why, whether it forwards, and what it saw.

    Example: patronus firewall xdp
    """
    result = session.call("firewall.Counters")
    session.show(result, lambda: _say_xdp(session, result))


def _say_xdp(session: Session, result: dict[str, Any]) -> None:
    if result["xdp_fault"]:
        session.say(result["xdp_fault"])
    columns = ("device", "asked", "mode", "reason", "forwards")
    rows = [tuple(item[column] for column in columns) for item in result["xdp"]]
    session.table(columns, rows, "XDP has nothing to do: it stands on no card.")
    seen = [(item["name"], item["packets"]) for item in result["xdp_counters"] if item["packets"]]
    session.table(("seen by XDP", "packets"), seen, "XDP has seen no packet.")


@firewall.command()
@click.option("--seconds", type=click.FloatRange(0, 10, min_open=True), default=2.0, show_default=True)
@with_session
def drops(session: Session, seconds: float) -> None:
    """Wait, and show a sample of what XDP dropped meanwhile, with the rule or guard of each packet.

    Example: patronus firewall drops --seconds 5
    """
    result = session.call("firewall.Drops", seconds=seconds)
    rows = [
        (
            one["device"],
            one["vlan"],
            one["source"],
            one["destination"],
            one["bytes"],
            one["rule"] or one["guard"] or "blocklist",
        )
        for one in result["drops"]
    ]
    heads = ("device", "vlan", "source", "destination", "bytes", "dropped for")
    nothing = result["xdp_fault"] or "XDP has dropped nothing that was sampled."
    session.show(result, lambda: session.table(heads, rows, nothing))


def _say_tried(session: Session, result: dict[str, Any]) -> None:
    for one in result["results"]:
        session.say(one["text"])
    session.say(f"{len(result['results'])} tried, {result['failed']} failed")


@click.command()
@click.option("--in", "arrives_on", required=True, help="Zone or interface at which the packet arrives.")
@click.option("--src", "source", required=True, help="Its source address.")
@click.option("--dst", "destination", required=True, help="Its destination address.")
@click.option("--proto", "protocol", default="tcp", show_default=True, help="Protocol by name or number.")
@click.option("--dport", "destination_port", type=int, help="Destination port.")
@click.option("--sport", "source_port", type=int, help="Source port; 50000 unless given.")
@click.option("--icmp-type", help="ICMP type by name or number; echo-request unless given.")
@click.option("--tcp-flags", help="Flags that are set, e.g. syn,ack; syn unless given.")
@click.option("--dscp", help="Class of service, e.g. ef.")
@click.option("--mac", help="MAC of the sender.")
@click.option("--mark", help="Mark that another program gave it before its way is chosen, e.g. 0x10.")
@click.option(
    "--state",
    type=click.Choice(["new", "established", "related", "invalid"]),
    default="new",
    show_default=True,
    help="What is known of its connection.",
)
@click.option("--why-not", is_flag=True, help="Name each rule that was tried before, and why it did not fit.")
@with_session
def explain(
    session: Session,
    /,
    icmp_type: str | None,
    tcp_flags: str | None,
    why_not: bool,  # noqa: FBT001
    **given: Any,
) -> None:
    """Say what becomes of a packet: which rule decides, on which plane, what NAT does, where it goes.

    Example: patronus explain --in wan --src 203.0.113.9 --dst 198.51.100.2 --dport 443 --why-not
    """
    given |= {"icmp_type": several(icmp_type) if icmp_type else None}
    given |= {"tcp_flags": several(tcp_flags) if tcp_flags else None}
    result = session.call("firewall.Explain", **given)
    session.show(result, lambda: _say_explained(session, result, why_not=why_not))


def _say_explained(session: Session, result: dict[str, Any], *, why_not: bool) -> None:
    for line in result["text"]:
        session.say(line)
    if result["where"]:
        session.say(f"The rule stands in {result['where']}.")
    if why_not:
        for one in result["passed"]:
            session.say(f"  {one['origin']}: {one['why']}")
        if result["passed_count"] > len(result["passed"]):
            session.say(f"  and {result['passed_count'] - len(result['passed'])} more")


@click.command()
@click.option("--in", "arrives_on", help="Zone or interface at which they arrive.")
@click.option("--src", "source", help="Prefix that they come from.")
@click.option("--dst", "destination", help="Prefix that they go to, as they arrive.")
@click.option("--proto", "protocol", help="Protocol by name or number.")
@click.option("--sport", "source_port", type=int, help="Source port.")
@click.option("--dport", "destination_port", type=int, help="Destination port.")
@click.option("--seconds", type=click.FloatRange(0, 10, min_open=True), default=5.0, show_default=True)
@click.option("--packets", type=click.IntRange(1, 100), default=5, show_default=True, help="Most to follow.")
@with_session
def trace(session: Session, /, **given: Any) -> None:
    """Follow real packets through nftables: each rule that fits, and what decides.

    Example: patronus trace --in wan --proto tcp --dport 443 --seconds 10
    """
    result = session.call(
        "firewall.Trace", **{key: value for key, value in given.items() if value is not None}
    )
    session.show(result, lambda: _say_traced(session, result))


def _say_traced(session: Session, result: dict[str, Any]) -> None:
    for one in result["packets"]:
        for line in one["text"]:
            session.say(line)
    if not result["packets"]:
        session.say("No such packet came.")


COMMANDS = (explain, trace, block, unblock, blocks, firewall)
